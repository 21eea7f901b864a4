package nats

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// connCounts are what /metrics tells of a connection.
type connCounts struct {
	disconnects, reconnects, failures, errors prometheus.Counter
}

func newConnCounts(reg prometheus.Registerer) (*connCounts, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "tallystick_nats_" + name, Help: help})
	}
	c := &connCounts{
		disconnects: counter("disconnects_total", "Connections to the broker that were lost."),
		reconnects:  counter("reconnects_total", "Connections to the broker that came back."),
		failures:    counter("connect_failures_total", "Attempts to connect to any server of the broker that failed."),
		errors:      counter("errors_total", "Errors that the broker or the client library told of, such as missing rights."),
	}
	return c, errors.Join(reg.Register(c.disconnects), reg.Register(c.reconnects), reg.Register(c.failures), reg.Register(c.errors))
}

func registerConnected(reg prometheus.Registerer, connected func() bool) error {
	return reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tallystick_nats_connected", Help: "Whether the broker is connected: 1 or 0.",
	}, func() float64 {
		if connected() {
			return 1
		}
		return 0
	}))
}

// subCounts are what /metrics tells of a subscription.
type subCounts struct {
	messages, bytes, again prometheus.Counter
	answers                [answers]prometheus.Counter
}

func newSubCounts(reg prometheus.Registerer, name string, dropped func() float64) (*subCounts, error) {
	options := func(metric, help string, labels prometheus.Labels) prometheus.CounterOpts {
		labels["subscription"] = name
		return prometheus.CounterOpts{Name: "tallystick_nats_" + metric, Help: help, ConstLabels: labels}
	}
	counter := func(metric, help string) prometheus.Counter {
		return prometheus.NewCounter(options(metric, help, prometheus.Labels{}))
	}
	c := &subCounts{
		messages: counter("messages_total", "Messages received."),
		bytes:    counter("bytes_total", "Bytes of the messages received."),
		again:    counter("redelivered_total", "Messages received that had been given out before and not acknowledged."),
	}
	errs := []error{
		reg.Register(c.messages), reg.Register(c.bytes), reg.Register(c.again),
		reg.Register(prometheus.NewCounterFunc(options("dropped_total",
			"Messages that came faster than they were taken, and are lost.", prometheus.Labels{}), dropped)),
	}
	for a := range answers {
		c.answers[a] = prometheus.NewCounter(options("answers_total",
			"What became of the messages received: taken, poison (malformed) or later (no room: given out again by JetStream, else lost).",
			prometheus.Labels{"answer": a.String()}))
		errs = append(errs, reg.Register(c.answers[a]))
	}
	return c, errors.Join(errs...)
}

// pubCounts are what /metrics tells of a publisher.
type pubCounts struct {
	messages, bytes, again, failures prometheus.Counter
}

func newPubCounts(reg prometheus.Registerer, name string) (*pubCounts, error) {
	counter := func(metric, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tallystick_nats_" + metric, Help: help, ConstLabels: prometheus.Labels{"publisher": name},
		})
	}
	c := &pubCounts{
		messages: counter("published_total", "Messages that a stream has acknowledged."),
		bytes:    counter("published_bytes_total", "Bytes of the messages that a stream has acknowledged."),
		again:    counter("published_again_total", "Messages that a stream has acknowledged, and had already."),
		failures: counter("publish_failures_total", "Attempts to publish that ended before everything was acknowledged."),
	}
	return c, errors.Join(reg.Register(c.messages), reg.Register(c.bytes), reg.Register(c.again), reg.Register(c.failures))
}
