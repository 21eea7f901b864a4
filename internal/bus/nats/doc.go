// Package nats speaks with a NATS broker.
//
//	broker ─▶ client library ─▶ Subscriber ─▶ Handler
//	   ▲                                        │
//	   └──────── Taken, Poison or Later ◀───────┘   (JetStream)
//
// The rules:
//
//   - A broker that is down at the start, goes away or comes back does no harm:
//     a connection tries for ever, with a random share in each wait, so that all
//     clients of a broker do not come back in the same instant. Also one that the
//     broker refuses goes on trying: rights are given back without a restart here.
//   - A file that cannot be read when Connect is called is its error. Files are read
//     again at each connection: what is in them may be changed at any time.
//   - JetStream: a message is acknowledged after the Handler returned. It is kept by
//     the broker until then, and given out again if it was not: by another of our
//     processes if this one dies, so that a Handler may see a message twice.
//   - Core NATS acknowledges nothing: what comes while nobody listens, or faster than
//     the Handler takes it, is lost. What the client library has no room for is counted.
//   - Each Subscriber has messages, a Handler and a goroutine of its own: they are
//     handed over one after the other, in the order in which they came.
//   - A Publisher speaks with JetStream only: what it says is published is in a stream.
//   - Being told to stop, a Subscriber hands over what it has received, and only
//     then returns.
package nats
