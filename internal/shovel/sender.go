package shovel

import (
	"context"
	"log/slog"
	"net"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/bus/amqp"
	"tallystick/internal/bus/nats"
	"tallystick/internal/bus/stomp"
	"tallystick/internal/forward"
)

// nothing is the connection of what has none to hold.
func nothing(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// newSender returns what sends to where o says, and what holds its connection while it
// runs.
//
//nolint:ireturn // which Sender it is the configuration says
func newSender(name string, o Output, reg prometheus.Registerer, log *slog.Logger) (forward.Sender, func(context.Context) error, error) {
	reg = prometheus.WrapRegistererWith(prometheus.Labels{"output": name}, reg)
	switch {
	case len(o.AMQP.Broker.URLs) > 0:
		return newAMQP(o.AMQP, reg, log)
	case len(o.STOMP.Broker.URLs) > 0:
		c, err := stomp.Connect(o.STOMP.Broker, reg, log)
		if err != nil {
			return nil, nil, err
		}
		p := c.Publisher()
		return forward.ToSTOMP(o.STOMP.Destination, p), p.Run, nil
	case len(o.NATS.Broker.URLs) > 0:
		return newNATS(name, o.NATS, reg, log)
	case o.HTTP.URL != "":
		s, err := forward.ToHTTP(o.HTTP)
		return s, nothing, err
	}
	s := &datagrams{address: o.UDP.Address}
	return s, s.run, nil
}

//nolint:ireturn // as newSender
func newAMQP(o AMQPOutput, reg prometheus.Registerer, log *slog.Logger) (forward.Sender, func(context.Context) error, error) {
	c, err := amqp.Connect(o.Broker, reg, log)
	if err != nil {
		return nil, nil, err
	}
	err = reg.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "shoveler_rabbitmq_reconnects", Help: "Connections to the broker, the first one counted, as the field's shoveler does.",
	}, func() float64 { return float64(c.Connects()) }))
	return forward.ToAMQP(o.AMQPConfig, c), c.Run, err
}

//nolint:ireturn // as newSender
func newNATS(name string, o NATSOutput, reg prometheus.Registerer, log *slog.Logger) (forward.Sender, func(context.Context) error, error) {
	c, err := nats.Connect(o.Broker, reg, log)
	if err != nil {
		return nil, nil, err
	}
	p, err := c.Publisher(name)
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	return forward.ToNATS(o.Subject, p), c.Run, nil
}

// datagrams sends messages as datagrams, which nobody confirms.
type datagrams struct {
	address string
	conn    net.Conn // nil until something is sent
}

// run closes the socket in the end.
func (d *datagrams) run(ctx context.Context) error {
	<-ctx.Done()
	if d.conn != nil {
		return d.conn.Close()
	}
	return nil
}

// Send implements forward.Sender. An error such as that nobody listens is no reason to send
// anything again: it is about one of those before.
func (d *datagrams) Send(ctx context.Context, ms []forward.Message) (done int, err error) {
	if d.conn == nil {
		var dialer net.Dialer
		if d.conn, err = dialer.DialContext(ctx, "udp", d.address); err != nil {
			d.conn = nil
			return 0, err // its name may not be known now
		}
	}
	for _, m := range ms {
		_, _ = d.conn.Write(m.Body)
	}
	return len(ms), nil
}
