// Package stomp speaks STOMP 1.2 with a broker: ActiveMQ, RabbitMQ's plugin and others.
//
// The frames' coding is go-stomp's, but that reading has bounds; the session is ours,
// since go-stomp's has one message under way at a time and stands still where a
// connection both sends and receives.
//
// The rules, besides those of package bus:
//
//   - A broker that is down at the start, goes away or comes back does no harm: all URLs
//     are tried in turn, for ever, with a random share in each wait.
//   - Each Subscriber, and what is published, has a connection of its own: a broker
//     answers what it does not like by ending the connection.
//   - What is published is persistent, and is there when Publish returns nil: it waits
//     for the broker's receipt. It may be there also after an error, if the connection
//     was lost in between.
//   - A message is acknowledged by itself after the Handler returned, and given out again
//     if it was not, so that a Handler may see a message twice. What the Handler wants
//     later is held here meanwhile.
//   - Being told to stop, a Subscriber hands over what it has received, and does not
//     unsubscribe: that would make some brokers drop what waits for it.
package stomp
