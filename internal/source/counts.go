package source

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// counts are what /metrics tells of one socket.
type counts struct {
	datagrams, bytes, truncated, dropped prometheus.Counter
}

func newCounts(reg prometheus.Registerer, listen string) (*counts, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tallystick_udp_" + name, Help: help, ConstLabels: prometheus.Labels{"listen": listen},
		})
	}
	c := &counts{
		datagrams: counter("datagrams_total", "Datagrams received."),
		bytes:     counter("bytes_total", "Bytes of the datagrams received."),
		truncated: counter("truncated_total", "Datagrams received that were too long, and thrown away."),
		dropped:   counter("kernel_dropped_total", "Datagrams that the kernel had no room for, as far as it says so."),
	}
	return c, errors.Join(reg.Register(c.datagrams), reg.Register(c.bytes), reg.Register(c.truncated), reg.Register(c.dropped))
}
