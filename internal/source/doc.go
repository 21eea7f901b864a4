// Package source brings in what does not come by HTTP: XRootD's monitoring
// datagrams, by UDP, and lines, packets and claims by a bus.
//
//	kernel's queue ─▶ batch ─▶ Sink
//	broker ─▶ bus/{nats,amqp,stomp} ─▶ decode ─▶ Sinks
//
// The rules:
//
//   - UDP has no back-pressure: what the kernel's queue cannot hold is lost. A
//     source asks for a large queue, says so when it gets a smaller one, and
//     counts what the kernel dropped, where the kernel tells.
//   - There is no queue of our own behind the kernel's: a datagram is in the
//     kernel, or in the batch that the Sink is working on.
//   - Several sockets of one address share what comes by sender, so that what one sends
//     stays in order.
//   - Being told to stop, a source first hands over what the kernel holds
//     already: a sender that was told nothing has sent it in good faith.
//   - The Sink keeps nothing of a datagram's bytes; they are used again.
//   - A message of a bus is acknowledged after the Sink returned: it is in the log then.
//     What can never be taken is ended, since it would come again for ever; for what
//     there is no room now, in memory or in the log, is given out again later
//     (TestNATSPoison, TestNATSFull, TestNATSLogFails). Which messages were taken is for
//     the Sink to know: it is told what the broker calls them (TestNATSOnce).
//   - What a subscription says of its lines is for those only, and no two may share
//     their messages and differ in it (TestNATSClustersAreNotMixed, TestMixes).
package source
