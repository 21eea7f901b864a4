// Package ingest takes what comes in: lines, packets and claims.
//
//	packets ─▶ collector ─┬─ transfers ─▶ ledger
//	                      ├─ samples ───▶ store
//	                      └─ servers ───▶ directory of names
//	claims ───▶ ledger ───── samples ───▶ store, where the directory says
//	lines ────▶ lineproto ── samples ───▶ store
//
// The rules:
//
//   - What is refused is answered with its place and reason, and counted by
//     reason. One bad input does not stop those after it.
//   - A batch that has been begun is applied whole.
//   - A claim belongs where the samples of its server are: a claim that comes
//     before its server is known waits, so that the store has the same in it
//     whether packets or claims came first (TestOrderDoesNotMatter).
//   - Times are not trusted: a sample that is too far ahead or too old is refused.
//     Its transfer or claim is kept in the ledger all the same.
//   - Pause is between batches: what runs in it sees collector, ledger, store and
//     directory as one batch left them.
package ingest
