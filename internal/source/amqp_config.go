package source

import (
	"cmp"
	"fmt"

	"tallystick/internal/bus"
	"tallystick/internal/bus/amqp"
)

// AMQPConfig is what an operator may choose about AMQP.
type AMQPConfig struct {
	Broker        amqp.Config                 `koanf:",squash"`
	Subscriptions map[string]AMQPSubscription `koanf:"subscriptions"` // by name
}

// An AMQPSubscription is what comes in by one queue of an AMQP broker.
type AMQPSubscription struct {
	Kind         Kind   `koanf:"kind"`          // of what is in the messages; empty: lines
	Queue        string `koanf:"queue"`         // empty: tallystick-NAME
	Exchange     string `koanf:"exchange"`      // the queue is made, if it is not there, and bound to it; empty: it is there, and bound
	ExchangeType string `koanf:"exchange_type"` // the exchange is made, if it is not there; empty: it is there
	RoutingKey   string `koanf:"routing_key"`   // that the queue is bound with
	MaxBytes     int64  `koanf:"max_bytes"`     // of a queue that is made; 0: no bound
	Prefetch     int    `koanf:"prefetch"`      // messages here at once at most; 0: amqp.DefaultPrefetch

	Cluster   string `koanf:"cluster"`   // of lines that name none
	Precision string `koanf:"precision"` // of the times of lines: s, ms, us, ns or auto
}

// maxShort is how long a name may be in AMQP, in bytes.
const maxShort = 255

// Check returns what is wrong with the subscription of that name, each with its key.
func (s AMQPSubscription) Check(name string) (problems []bus.Problem) {
	wrong := func(bad bool, key, format string, args ...any) {
		if bad {
			problems = append(problems, bus.Problem{Key: key, Err: fmt.Errorf(format, args...)})
		}
	}
	for _, short := range [][2]string{{"queue", s.queue(name)}, {"exchange", s.Exchange}, {"exchange_type", s.ExchangeType}, {"routing_key", s.RoutingKey}} {
		wrong(len(short[1]) > maxShort, short[0], "is longer than %d bytes", maxShort)
	}
	bound := s.Exchange != ""
	wrong(!bound && s.RoutingKey != "", "routing_key", "needs an exchange")
	wrong(!bound && s.ExchangeType != "", "exchange_type", "needs an exchange")
	wrong(!bound && s.MaxBytes != 0, "max_bytes", "needs an exchange: without one, the queue is not made")
	wrong(s.MaxBytes < 0, "max_bytes", "%d is less than 0", s.MaxBytes)
	wrong(s.Prefetch < 0 || s.Prefetch > amqp.MaxPrefetch, "prefetch", "%d is not from 0 to %d", s.Prefetch, amqp.MaxPrefetch)
	return append(problems, s.content().Check()...)
}

// Mixes reports whether two subscriptions share their messages, so that chance says
// which of them gets one, and would not do the same with it.
func (s AMQPSubscription) Mixes(name, otherName string, other AMQPSubscription) bool {
	return s.queue(name) == other.queue(otherName) && s.content().differs(other.content())
}

// queue returns the name of the queue of the subscription of that name.
func (s AMQPSubscription) queue(name string) string {
	return cmp.Or(s.Queue, "tallystick-"+name)
}

func (s AMQPSubscription) content() Content { return Content{s.Kind, s.Cluster, s.Precision} }
