// Package amqp speaks with an AMQP 0-9-1 broker, which is RabbitMQ mostly.
//
// The rules, besides those of package bus:
//
//   - A broker that is down at the start, goes away or comes back does no harm: Run
//     tries for ever, all its URLs in turn, with a random share in each wait.
//   - A token is a password that ends. Its file is looked at each second, and a new one
//     is told to the broker while connected.
//   - What is published is on the broker's disk, or with as many of its nodes as it
//     says, when Publish returns nil: it waits for the broker's confirmation. It may be
//     there also after an error, if the connection was lost in between. Messages are
//     told apart by their ID.
//   - A message that no queue wants is an error (ErrNoQueue): the broker would confirm
//     it, and drop it.
//   - A message is acknowledged after the Handler returned. It is kept by the broker
//     until then, and given out again if it was not, so that a Handler may see a
//     message twice. What the Handler wants later is held here meanwhile, and counts
//     among what was prefetched: when all of that is held, the broker waits.
//   - A Subscriber hands over one message after the other, in the order in which they
//     came. Being told to stop, it hands over what it has received, and only then
//     returns.
//   - Nothing that is there is changed: an exchange and a queue are used as they are,
//     and made only where there is none.
package amqp
