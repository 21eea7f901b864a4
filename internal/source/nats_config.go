package source

import (
	"cmp"
	"fmt"
	"strings"

	"tallystick/internal/bus"
	"tallystick/internal/bus/nats"
)

// NATSConfig is what an operator may choose about NATS.
type NATSConfig struct {
	Broker        nats.Config             `koanf:",squash"`
	Subscriptions map[string]Subscription `koanf:"subscriptions"` // by name
}

// A Subscription is what comes in by one subject of a bus.
type Subscription struct {
	Kind    Kind   `koanf:"kind"` // of what is in the messages; empty: lines
	Subject string `koanf:"subject"`
	Queue   string `koanf:"queue"` // without a stream: each message goes to one of those with the same queue

	Stream   string `koanf:"stream"`    // JetStream; empty: messages are not acknowledged
	Durable  string `koanf:"durable"`   // the consumer's name; empty: tallystick-NAME
	MaxBytes int64  `koanf:"max_bytes"` // if not 0, the stream is made if there is none
	InFlight int    `koanf:"in_flight"` // messages here at once at most; 0: see nats.MaxInFlight, nats.MaxWaiting

	Cluster   string `koanf:"cluster"`   // of lines that name none
	Precision string `koanf:"precision"` // of the times of lines: s, ms, us, ns or auto
}

// Check returns what is wrong with the subscription of that name, each with its key.
func (s Subscription) Check(name string) (problems []bus.Problem) {
	wrong := func(bad bool, key, format string, args ...any) {
		if bad {
			problems = append(problems, bus.Problem{Key: key, Err: fmt.Errorf(format, args...)})
		}
	}
	stream := s.Stream != ""
	wrong(!isSubject(s.Subject), "subject", "%q is not a subject", s.Subject)
	wrong(s.Queue != "" && !isSubject(s.Queue), "queue", "%q has a space or an empty part", s.Queue)
	wrong(s.Queue != "" && stream, "queue", "is for subscriptions without a stream: those with the same durable share one")
	wrong(stream && !isName(s.Stream), "stream", "%q has a space or one of . * > / \\", s.Stream)
	wrong(stream && !isName(s.consumer(name)), "durable", "%q has a space or one of . * > / \\", s.consumer(name))
	wrong(s.Durable != "" && !stream, "durable", "needs a stream")
	wrong(s.MaxBytes != 0 && !stream, "max_bytes", "needs a stream")
	wrong(s.MaxBytes < 0, "max_bytes", "%d is less than 0", s.MaxBytes)
	wrong(s.InFlight < 0 || s.InFlight > nats.MaxWaiting, "in_flight", "%d is not from 0 to %d", s.InFlight, nats.MaxWaiting)
	return append(problems, s.content().Check()...)
}

// isSubject reports whether s is parts with dots between them, which may be
// wildcards, as brokers want them.
func isSubject(s string) bool {
	parts := strings.Split(s, ".")
	for i, p := range parts {
		if p == "" || strings.ContainsAny(p, " \t\r\n") || p == ">" && i < len(parts)-1 {
			return false
		}
	}
	return true
}

// isName reports whether s can be the name of a stream or a consumer.
func isName(s string) bool { return !strings.ContainsAny(s, " \t\r\n.*>/\\") }

// Mixes reports whether two subscriptions share their messages, so that chance
// says which of them gets one, and would not do the same with it.
func (s Subscription) Mixes(name, otherName string, other Subscription) bool {
	if !s.content().differs(other.content()) {
		return false
	}
	if s.Stream != "" || other.Stream != "" {
		return s.Stream == other.Stream && s.consumer(name) == other.consumer(otherName)
	}
	return s.Queue != "" && s.Queue == other.Queue && overlap(s.Subject, other.Subject)
}

// overlap reports whether a message can have both subjects. The members of a queue
// need not have the same one.
func overlap(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		if as[i] == ">" || bs[i] == ">" {
			return true
		}
		if as[i] != bs[i] && as[i] != "*" && bs[i] != "*" {
			return false
		}
	}
	return len(as) == len(bs)
}

// consumer returns the name of the durable consumer of the subscription of that name.
func (s Subscription) consumer(name string) string {
	return cmp.Or(s.Durable, "tallystick-"+name)
}

func (s Subscription) content() Content { return Content{s.Kind, s.Cluster, s.Precision} }
