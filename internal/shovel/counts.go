package shovel

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// counts are what /metrics tells of what comes in. Names without tallystick are those of the
// field's shoveler.
type counts struct {
	received, invalid prometheus.Counter
	full, disk        prometheus.Counter
}

func newCounts(reg prometheus.Registerer) (*counts, error) {
	var errs []error
	counter := func(name, help string, labels prometheus.Labels) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels})
		errs = append(errs, reg.Register(c))
		return c
	}
	const dropped, help = "tallystick_shovel_dropped_total", "Datagrams that did not come into the queue: it was full (and drops the newest), or the disk failed."
	c := &counts{
		received: counter("shoveler_packets_received", "Datagrams that were received.", nil),
		invalid:  counter("shoveler_validations_failed", "Datagrams that were dropped, since they cannot be XRootD's.", nil),
		full:     counter(dropped, help, prometheus.Labels{"reason": "full"}),
		disk:     counter(dropped, help, prometheus.Labels{"reason": "disk"}),
	}
	return c, errors.Join(errs...)
}

// outputCounts are what /metrics tells of an output.
type outputCounts struct {
	sent, lost, refused, damaged, failures prometheus.Counter
}

func newOutputCounts(reg prometheus.Registerer, name string) (*outputCounts, error) {
	var errs []error
	counter := func(metric, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tallystick_shovel_" + metric, Help: help, ConstLabels: prometheus.Labels{"output": name},
		})
		errs = append(errs, reg.Register(c))
		return c
	}
	c := &outputCounts{
		sent:     counter("sent_total", "Datagrams that the receiver has confirmed; by UDP, that were sent."),
		lost:     counter("lost_total", "Datagrams that were never sent: they fell out of the queue, or did not come into it."),
		refused:  counter("refused_total", "Datagrams that are left out, since the receiver refuses them and takes others."),
		damaged:  counter("damaged_total", "Packs that are left out, since the disk has damaged them."),
		failures: counter("failures_total", "Attempts to send that failed, and are made again."),
	}
	return c, errors.Join(errs...)
}
