package source

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Counts are what /metrics tells of the sources. Several may share one.
type Counts struct {
	datagrams, bytes, truncated, dropped prometheus.Counter
}

// NewCounts returns counters that are registered with reg.
func NewCounts(reg prometheus.Registerer) (*Counts, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "tallystick_udp_" + name, Help: help})
	}
	c := &Counts{
		datagrams: counter("datagrams_total", "Datagrams received."),
		bytes:     counter("bytes_total", "Bytes of the datagrams received."),
		truncated: counter("truncated_total", "Datagrams received that were too long, and thrown away."),
		dropped:   counter("kernel_dropped_total", "Datagrams that the kernel had no room for, as far as it says so."),
	}
	return c, errors.Join(reg.Register(c.datagrams), reg.Register(c.bytes), reg.Register(c.truncated), reg.Register(c.dropped))
}
