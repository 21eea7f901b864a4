// Package ingest takes what comes in: lines, packets and claims.
//
//	        decode, check           Log                      apply
//	lines ────▶ points ─────┐                  ┌─ points ───────────────────────▶ store
//	claims ───▶ claims ─────┤                  ├─ claims ───▶ ledger ─ samples ─▶ store, where the directory says
//	packets ────────────────┼─▶ one record ─▶ ─┼─ packets ──▶ collector ─┬─ transfers ─▶ ledger
//	                        │                  │                         ├─ samples ───▶ store
//	                        │                  │                         └─ servers ───▶ directory of names
//	frees ──────────────────┘                  └─ frees ────────────────────────▶ store
//
// The rules:
//
//   - What is accepted is one record of the log for each batch, and is applied when it is
//     there, by whoever has the log's turn, one record at a time. What the log did not
//     take was not applied, and may be sent again: ReasonLog (TestLogFails).
//   - All that comes behind the log is a function of the records and their times. Its clock
//     is the record's: before a record is applied, or Step is called, the collector has
//     gone on to the second of that time, second by second. So Replay of the same records
//     makes the same of them, from the beginning or from what was saved between any two
//     (TestReplayIsTheSame). What needs the clock on the wall, or what is in no record, is
//     decided before the log: whether times are taken, which metrics lines have. Counters
//     of what came do not count it again.
//   - What a record is stands in record.go. One that cannot be read costs itself.
//   - What is refused is answered with its place and reason, and counted by
//     reason. One bad input does not stop those after it.
//   - A batch that has been begun is applied whole; lines of more than some 30,000 samples
//     are several.
//   - A message of a broker that was taken is known when it comes again, also after a
//     restart: it is accepted, and changes nothing (TestMessagesOnce).
//   - A claim belongs where the samples of its server are: a claim that comes
//     before its server is known waits, so that the store has the same in it
//     whether packets or claims came first (TestOrderDoesNotMatter).
//   - Times are not trusted: a sample that is too far ahead or too old is refused.
//     Its transfer or claim is kept in the ledger all the same.
//   - Pause is between two records: what runs in it sees collector, ledger, store and
//     directory as one of them left them.
//
// What is refused for want of memory, ReasonFull, is in the record already: a replay that
// finds room takes it, and if it was sent again, a metric that folds by sum has it twice.
package ingest
