package forward

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// counts are what /metrics tells of an output.
type counts struct {
	sent, lost, refused prometheus.Counter

	skipped map[string]prometheus.Counter
	errors  map[Reason]prometheus.Counter

	failing atomic.Bool  // the last attempt failed
	last    atomic.Int64 // Unix second of the last that did not; 0: none
}

// newCounts registers the counters of w, told apart by the output's name.
func newCounts(reg prometheus.Registerer, w *Worker) (*counts, error) {
	reg = prometheus.WrapRegistererWith(prometheus.Labels{"output": w.name}, reg)
	var errs []error
	counter := func(name, help string, labels prometheus.Labels) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "tallystick_records_" + name, Help: help, ConstLabels: labels})
		errs = append(errs, reg.Register(c))
		return c
	}
	gauge := func(name, help string, f func() float64) {
		errs = append(errs, reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tallystick_records_" + name, Help: help}, f)))
	}
	c := &counts{skipped: make(map[string]prometheus.Counter), errors: make(map[Reason]prometheus.Counter)}
	c.sent = counter("sent_total", "Records that the receiver has acknowledged.", nil)
	c.lost = counter("lost_total", "Records that were never sent: the ledger had to let the transfer go before.", nil)
	c.refused = counter("refused_total", "Records that are left out, since the receiver refuses them and takes others.", nil)
	for _, why := range []string{byRoute, byVO, byPath} {
		c.skipped[why] = counter("skipped_total", "Transfers that the output leaves out, as configured.", prometheus.Labels{"reason": why})
	}
	for _, why := range reasons() {
		c.errors[why] = counter("errors_total",
			"Attempts to send that failed, and are made again; records that could not be made (encode), which are left out.",
			prometheus.Labels{"reason": string(why)})
	}
	gauge("waiting", "Transfers that have ended and were not looked at yet, those included that will be left out.", w.waiting)
	gauge("last_success_timestamp_seconds", "When something was sent the last time; 0: never.",
		func() float64 { return float64(c.last.Load()) })
	return c, errors.Join(errs...)
}

// ok notes that an attempt did not fail.
func (c *counts) ok() {
	c.failing.Store(false)
	c.last.Store(time.Now().Unix())
}

// fails notes that one did, and reports whether it is the first.
func (c *counts) fails() bool { return !c.failing.Swap(true) }
