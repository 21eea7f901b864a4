package main

import "github.com/prometheus/client_golang/prometheus"

// gauges tells /metrics what store, ledger and retention count. They themselves
// are deaf.
type gauges struct{ *server }

// Describe tells nothing: the numbers are few, and checked as they come.
func (gauges) Describe(chan<- *prometheus.Desc) {}

// Collect tells the present numbers.
func (g gauges) Collect(out chan<- prometheus.Metric) {
	tell := func(kind prometheus.ValueType, name, help string, v float64) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc("tallystick_"+name, help, nil, nil), kind, v)
	}
	count, gauge := prometheus.CounterValue, prometheus.GaugeValue

	s := g.store.Stats()
	tell(gauge, "store_levels", "Levels of the tree.", float64(s.Levels))
	tell(gauge, "store_series", "Series held.", float64(s.Series))
	tell(gauge, "store_blocks", "Blocks of 512 slots in use.", float64(s.Blocks))
	tell(gauge, "store_bytes", "Memory of samples and their tree.", float64(s.Bytes))
	tell(count, "store_late_samples_total", "Samples that went before the newest block of their series.", float64(s.Late))

	transfers, claims := g.ledger.Len()
	tell(gauge, "ledger_transfers", "Transfers held.", float64(transfers))
	tell(gauge, "ledger_claims", "Claims held.", float64(claims))
	tell(gauge, "ledger_bytes", "Memory of transfers and claims, about.", float64(g.ledger.Bytes()))
	transfers, claims = g.ledger.Dropped()
	tell(count, "ledger_dropped_transfers_total", "Transfers dropped because ledger.max was reached.", float64(transfers))
	tell(count, "ledger_dropped_claims_total", "Claims dropped because ledger.max was reached.", float64(claims))

	r := g.retain.Stats()
	tell(count, "retention_freed_blocks_total", "Blocks freed because they were too old.", float64(r.Blocks))
	tell(count, "retention_dropped_entries_total", "Transfers and claims dropped because they were too old.", float64(r.Entries))
}
