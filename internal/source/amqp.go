package source

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/bus/amqp"
)

// An AMQP receives the messages of one subscription.
type AMQP struct {
	sub *amqp.Subscriber
}

// NewAMQP returns a source for the subscription of that name. Its default cluster
// and precision are its own. The error is that of registering its counters.
func NewAMQP(conn *amqp.Conn, name string, sub AMQPSubscription, sinks Sinks, reg prometheus.Registerer, log *slog.Logger) (*AMQP, error) {
	t, err := newTaker("amqp", name, sub.content(), ofMessages(), sinks, reg, log)
	if err != nil {
		return nil, err
	}
	a := new(AMQP)
	a.sub, err = conn.Subscribe(amqp.Subscription{
		Name: name, Queue: sub.queue(name), Exchange: sub.Exchange, ExchangeType: sub.ExchangeType,
		Key: sub.RoutingKey, MaxBytes: sub.MaxBytes, Prefetch: sub.Prefetch,
	}, t.handle)
	return a, err
}

// Run receives until ctx ends, hands over what has been received by then, and
// returns nil.
func (a *AMQP) Run(ctx context.Context) error { return a.sub.Run(ctx) }
