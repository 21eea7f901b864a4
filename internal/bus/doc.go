// Package bus has what is the same for all brokers: messages, what becomes of them,
// who we are, and what /metrics tells. Each broker is a package below this one.
//
//	broker ─▶ client library ─▶ Subscriber ─▶ Handler
//	   ▲                                        │
//	   └──────── Taken, Poison or Later ◀───────┘
//
// The rules:
//
//   - Secrets and certificates are in files, of which each is read anew for each
//     connection: what is in them may be changed at any time. One that cannot be read
//     at the start is an error then.
//   - A message is not the Handler's any more when it has returned.
//   - The counters of all brokers have the same names but for the broker's.
package bus
