// Package forward hands transfers that have ended on to others, as records of the form
// that they want, and so what caches and third-party copies told (Output.Of).
//
//	ledger ─▶ Worker ─▶ record ─▶ Sender ─▶ file | HTTP | NATS | AMQP
//	             └─▶ place, in a file of its own
//
// There is no queue: the ledger is one. It has every transfer that has ended once, in the
// order in which that became known (ledger.Told), and every event (ledger.ToldEvents), and
// each output has its place there.
//
// The rules:
//
//   - At least once: the place moves when the receiver has acknowledged, and is durable
//     then. What was sent and not acknowledged is sent again after a crash, with the same
//     ID, by which receivers that can tell drop it: JetStream does, and a file of ours is
//     cut to what was acknowledged.
//   - A restart, and a replay of the log, find the same order (ledger.Place). Where that
//     cannot be, since a piece of the log is lost, the place goes back to where the order
//     is sure (Worker.Begin): something is sent again rather than left out.
//   - A transfer waits for Config.Hold after it last changed. Of one that changes after it
//     was sent, another record is sent with the next revision.
//   - A receiver that does not answer is tried again and again, at last once a minute, and
//     the others do not wait for it. What the ledger has to let go meanwhile is counted.
//   - What a receiver says it will never take is counted, told, and passed over.
//   - Being told to stop, a Worker waits for the answer to what it has sent, for a while.
package forward
