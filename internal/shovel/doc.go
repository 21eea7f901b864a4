// Package shovel carries the monitoring datagrams of XRootD servers from UDP to
// whoever collects them, and loses none that it has received.
//
//	UDP ─▶ verify ─▶ intake ─▶ queue on disk ─┬─▶ output ─▶ NATS | AMQP | STOMP | HTTP | UDP
//	                                          └─▶ output ─▶ …
//
// The rules:
//
//   - Nothing is offered to an output that is not in the queue, which is a JetStream
//     file store inside the process: it survives kill -9, and what it may lose to a power
//     cut is what came since the last Queue.Sync.
//   - Who receives does not wait for the queue: what comes while it is busy gathers in the
//     intake, and goes into it together. Beyond that the kernel has it.
//   - Datagrams lie in the queue as packs: those that went into it together.
//   - Outputs that keep up have the last packs from memory, others from the files.
//   - Each datagram has a number, one more than the one before it, in the life of a
//     queue. Life and number are its bus.ID: who gets it twice can tell, and a hole in
//     the numbers is a loss that can be counted.
//   - Each output has a place in the queue of its own, goes in order, and moves on when
//     the receiver has confirmed. What was confirmed in the last second before a kill is
//     sent again.
//   - The queue is bounded by bytes and age. What falls out of it is counted by those
//     outputs that had not sent it.
package shovel
