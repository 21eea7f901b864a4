package source

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/bus"
	"tallystick/internal/bus/stomp"
)

// STOMPConfig is what an operator may choose about STOMP.
type STOMPConfig struct {
	Broker        stomp.Config                 `koanf:",squash"`
	Subscriptions map[string]STOMPSubscription `koanf:"subscriptions"` // by name
}

// A STOMPSubscription is what comes in by one destination of a STOMP broker.
type STOMPSubscription struct {
	Kind        Kind   `koanf:"kind"`        // of what is in the messages; empty: lines
	Destination string `koanf:"destination"` // as the broker has them: /queue/NAME, /topic/NAME, …
	Durable     string `koanf:"durable"`     // by which name the broker keeps what a topic has for us while we are away
	Prefetch    int    `koanf:"prefetch"`    // messages here at once at most; 0: stomp.DefaultPrefetch

	Cluster   string `koanf:"cluster"`   // of lines that name none
	Precision string `koanf:"precision"` // of the times of lines: s, ms, us, ns or auto
}

// Check returns what is wrong with the subscription, each with its key; its name does
// not matter.
func (s STOMPSubscription) Check(string) (problems []bus.Problem) {
	wrong := func(bad bool, key, format string, args ...any) {
		if bad {
			problems = append(problems, bus.Problem{Key: key, Err: fmt.Errorf(format, args...)})
		}
	}
	wrong(s.Destination == "" || strings.ContainsAny(s.Destination, " \t\r\n"), "destination", "%q is not a destination such as /queue/tallystick", s.Destination)
	wrong(strings.ContainsAny(s.Durable, " \t\r\n"), "durable", "%q has a space", s.Durable)
	wrong(s.Prefetch < 0 || s.Prefetch > stomp.MaxPrefetch, "prefetch", "%d is not from 0 to %d", s.Prefetch, stomp.MaxPrefetch)
	return append(problems, s.content().Check()...)
}

// Mixes reports whether two subscriptions share their messages, so that chance says
// which of them gets one, and would not do the same with it.
func (s STOMPSubscription) Mixes(_, _ string, other STOMPSubscription) bool {
	if !s.content().differs(other.content()) {
		return false
	}
	if s.Durable != "" && s.Durable == other.Durable {
		return true
	}
	return s.Destination == other.Destination && !strings.HasPrefix(s.Destination, "/topic/") && !strings.HasPrefix(s.Destination, "/exchange/")
}

func (s STOMPSubscription) content() Content { return Content{s.Kind, s.Cluster, s.Precision} }

// A STOMP receives the messages of one subscription.
type STOMP struct {
	sub *stomp.Subscriber
}

// NewSTOMP returns a source for the subscription of that name. Its default cluster
// and precision are its own. The error is that of registering its counters.
func NewSTOMP(conn *stomp.Conn, name string, sub STOMPSubscription, sinks Sinks, reg prometheus.Registerer, log *slog.Logger) (*STOMP, error) {
	t, err := newTaker("stomp", name, sub.content(), ofMessages(), sinks, reg, log)
	if err != nil {
		return nil, err
	}
	s := new(STOMP)
	s.sub, err = conn.Subscribe(stomp.Subscription{
		Name: name, Destination: sub.Destination, Durable: sub.Durable, Prefetch: cmp.Or(sub.Prefetch, stomp.DefaultPrefetch),
	}, t.handle)
	return s, err
}

// Run receives until ctx ends, hands over what has been received by then, and
// returns nil.
func (s *STOMP) Run(ctx context.Context) error { return s.sub.Run(ctx) }
