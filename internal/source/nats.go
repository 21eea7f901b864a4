package source

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/bus/nats"
)

// A NATS receives the messages of one subscription.
type NATS struct {
	sub *nats.Subscriber
}

// NewNATS returns a source for the subscription of that name. Its default cluster
// and precision are its own: what comes by another one is not touched by them. The
// error is that of registering its counters.
func NewNATS(conn *nats.Conn, name string, sub Subscription, sinks Sinks, reg prometheus.Registerer, log *slog.Logger) (*NATS, error) {
	t, err := newTaker("nats", name, sub.content(), ofMessages(), sinks, reg, log)
	if err != nil {
		return nil, err
	}
	s := nats.Subscription{
		Name: name, Subject: sub.Subject, Queue: sub.Queue, Stream: sub.Stream,
		MaxBytes: sub.MaxBytes, InFlight: sub.InFlight,
	}
	if sub.Stream != "" {
		s.Durable = sub.consumer(name)
	}
	if sub.Kind == Packets {
		s.AckWait = packetsAckWait
	}
	n := new(NATS)
	n.sub, err = conn.Subscribe(s, t.handle)
	return n, err
}

// packetsAckWait is after how long packets are given out again of which the broker heard
// nothing. Those that follow do not wait for them, and the collector does for ten seconds
// (collect.Default).
const packetsAckWait = 5 * time.Second

// Run receives until ctx ends, hands over what has been received by then, and
// returns nil.
func (n *NATS) Run(ctx context.Context) error { return n.sub.Run(ctx) }
