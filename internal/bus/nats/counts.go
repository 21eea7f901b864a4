package nats

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

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
