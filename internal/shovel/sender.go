package shovel

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/bus/amqp"
	"tallystick/internal/bus/nats"
	"tallystick/internal/bus/stomp"
	"tallystick/internal/forward"
)

// A receiver is where an output sends to.
type receiver struct {
	forward.Sender

	hold    func(context.Context) error         // has a connection while it runs
	trouble func() (since time.Time, err error) // why there is none; nil if nothing is known to be wrong
}

// unheld is a receiver without a connection that is held.
func unheld(s forward.Sender) receiver {
	return receiver{s, nothing, func() (time.Time, error) { return time.Time{}, nil }}
}

// nothing is the connection of what has none to hold.
func nothing(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// newReceiver returns where o says to send to.
func newReceiver(name string, o Output, reg prometheus.Registerer, log *slog.Logger) (receiver, error) {
	reg = prometheus.WrapRegistererWith(prometheus.Labels{"output": name}, reg)
	switch {
	case len(o.AMQP.Broker.URLs) > 0:
		return toAMQP(o.AMQP, reg, log)
	case len(o.STOMP.Broker.URLs) > 0:
		c, err := stomp.Connect(o.STOMP.Broker, reg, log)
		if err != nil {
			return receiver{}, err
		}
		p := c.Publisher()
		return receiver{forward.ToSTOMP(o.STOMP.Destination, p), p.Run, c.Trouble}, nil
	case len(o.NATS.Broker.URLs) > 0:
		return toNATS(name, o.NATS, reg, log)
	case o.HTTP.URL != "":
		s, err := forward.ToHTTP(o.HTTP)
		return unheld(s), err
	}
	s := &datagrams{address: o.UDP.Address}
	to := unheld(s)
	to.hold = s.run
	return to, nil
}

func toAMQP(o AMQPOutput, reg prometheus.Registerer, log *slog.Logger) (receiver, error) {
	c, err := amqp.Connect(o.Broker, reg, log)
	if err != nil {
		return receiver{}, err
	}
	err = reg.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "shoveler_rabbitmq_reconnects", Help: "Connections to the broker, the first one counted, as the field's shoveler does.",
	}, func() float64 { return float64(c.Connects()) }))
	return receiver{forward.ToAMQP(o.AMQPConfig, c), c.Run, c.Trouble}, err
}

func toNATS(name string, o NATSOutput, reg prometheus.Registerer, log *slog.Logger) (receiver, error) {
	c, err := nats.Connect(o.Broker, reg, log)
	if err != nil {
		return receiver{}, err
	}
	p, err := c.Publisher(name)
	if err != nil {
		c.Close()
		return receiver{}, err
	}
	return receiver{forward.ToNATS(o.Subject, p), c.Run, c.Trouble}, nil
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
