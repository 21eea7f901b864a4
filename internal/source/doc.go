// Package source brings in what does not come by HTTP: XRootD's monitoring
// datagrams, by UDP.
//
//	kernel's queue ─▶ batch ─▶ Sink
//
// The rules:
//
//   - UDP has no back-pressure: what the kernel's queue cannot hold is lost. A
//     source asks for a large queue, says so when it gets a smaller one, and
//     counts what the kernel dropped, where the kernel tells.
//   - There is no queue of our own behind the kernel's: a datagram is in the
//     kernel, or in the batch that the Sink is working on.
//   - Being told to stop, a source first hands over what the kernel holds
//     already: a sender that was told nothing has sent it in good faith.
//   - The Sink keeps nothing of a datagram's bytes; they are used again.
package source
