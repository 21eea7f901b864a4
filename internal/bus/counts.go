package bus

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// ConnCounts are what /metrics tells of the connections to a broker.
type ConnCounts struct {
	Disconnects, Reconnects, Failures, Errors prometheus.Counter
}

// NewConnCounts returns counters that are registered. broker is its name in theirs,
// such as nats.
func NewConnCounts(reg prometheus.Registerer, broker string) (*ConnCounts, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "tallystick_" + broker + "_" + name, Help: help})
	}
	c := &ConnCounts{
		Disconnects: counter("disconnects_total", "Connections to the broker that were lost."),
		Reconnects:  counter("reconnects_total", "Connections to the broker that came back."),
		Failures:    counter("connect_failures_total", "Attempts to connect to any server of the broker that failed."),
		Errors:      counter("errors_total", "Errors that the broker or the client library told of, such as missing rights."),
	}
	return c, errors.Join(reg.Register(c.Disconnects), reg.Register(c.Reconnects), reg.Register(c.Failures), reg.Register(c.Errors))
}

// PubCounts are what /metrics tells of what is published to a broker that confirms each
// message.
type PubCounts struct{ messages, bytes, failures prometheus.Counter }

// NewPubCounts returns counters that are registered, named as those of NewConnCounts.
func NewPubCounts(reg prometheus.Registerer, broker string) (*PubCounts, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "tallystick_" + broker + "_" + name, Help: help})
	}
	c := &PubCounts{
		messages: counter("published_total", "Messages that the broker has confirmed."),
		bytes:    counter("published_bytes_total", "Bytes of the messages that the broker has confirmed."),
		failures: counter("publish_failures_total", "Messages that the broker refused, or did not confirm before the connection was lost."),
	}
	return c, errors.Join(reg.Register(c.messages), reg.Register(c.bytes), reg.Register(c.failures))
}

// Settled returns what counts a message of so many bytes when it is known what became of
// it: see Receipts.Add.
func (c *PubCounts) Settled(bytes int) func(error) {
	return func(err error) {
		if err != nil {
			c.failures.Inc()
			return
		}
		c.messages.Inc()
		c.bytes.Add(float64(bytes))
	}
}

// RegisterConnected registers a gauge of whether the broker is there.
func RegisterConnected(reg prometheus.Registerer, broker string, connected func() bool) error {
	return reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tallystick_" + broker + "_connected", Help: "Whether the broker is connected: 1 or 0.",
	}, func() float64 {
		if connected() {
			return 1
		}
		return 0
	}))
}

// SubCounts are what /metrics tells of a subscription.
type SubCounts struct {
	messages, bytes, again prometheus.Counter
	answers                [answers]prometheus.Counter
}

// NewSubCounts returns counters that are registered, for the subscription of that
// name. dropped, if there is one, tells how many messages were lost for want of room.
func NewSubCounts(reg prometheus.Registerer, broker, name string, dropped func() float64) (*SubCounts, error) {
	options := func(metric, help string, labels prometheus.Labels) prometheus.CounterOpts {
		labels["subscription"] = name
		return prometheus.CounterOpts{Name: "tallystick_" + broker + "_" + metric, Help: help, ConstLabels: labels}
	}
	counter := func(metric, help string) prometheus.Counter {
		return prometheus.NewCounter(options(metric, help, prometheus.Labels{}))
	}
	c := &SubCounts{
		messages: counter("messages_total", "Messages received."),
		bytes:    counter("bytes_total", "Bytes of the messages received."),
		again:    counter("redelivered_total", "Messages received that had been given out before and not acknowledged."),
	}
	errs := []error{reg.Register(c.messages), reg.Register(c.bytes), reg.Register(c.again)}
	if dropped != nil {
		errs = append(errs, reg.Register(prometheus.NewCounterFunc(options("dropped_total",
			"Messages that came faster than they were taken, and are lost.", prometheus.Labels{}), dropped)))
	}
	for a := range answers {
		c.answers[a] = prometheus.NewCounter(options("answers_total",
			"What became of the messages received: taken, poison (malformed) or later (no room: given out again, if the broker can, else lost).",
			prometheus.Labels{"answer": a.String()}))
		errs = append(errs, reg.Register(c.answers[a]))
	}
	return c, errors.Join(errs...)
}

// Hand gives m to the Handler, and counts it and what becomes of it.
func (c *SubCounts) Hand(ctx context.Context, h Handler, m Message) Answer {
	c.messages.Inc()
	c.bytes.Add(float64(len(m.Data)))
	if m.Again {
		c.again.Inc()
	}
	a := h(context.WithoutCancel(ctx), m)
	c.answers[a].Inc()
	return a
}
