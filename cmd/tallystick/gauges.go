package main

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/reconcile"
)

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
	tell(gauge, "store_live_bytes", "Memory of samples and their tree that is in use.", float64(s.Live))
	tell(gauge, "store_max_bytes", "The cap on it, 0 if there is none.", float64(g.cfg.Store.MaxBytes))
	tell(count, "store_refused_total", "Times that memory was refused because of the cap.", float64(s.Refused))
	tell(count, "store_late_samples_total", "Samples that went before the newest block of their series.", float64(s.Late))

	transfers, claims := g.ledger.Len()
	tell(gauge, "ledger_transfers", "Transfers held.", float64(transfers))
	tell(gauge, "ledger_claims", "Claims held.", float64(claims))
	tell(gauge, "ledger_bytes", "Memory of transfers and claims, about.", float64(g.ledger.Bytes()))
	transfers, claims = g.ledger.Dropped()
	tell(count, "ledger_dropped_transfers_total", "Transfers dropped because ledger.max was reached.", float64(transfers))
	tell(count, "ledger_dropped_claims_total", "Claims dropped because ledger.max was reached.", float64(claims))
	tell(count, "ledger_dropped_lives_total", "Lives of servers dropped because there were too many.", float64(g.ledger.LivesDropped()))
	tell(count, "ledger_dropped_events_total", "Events of caches, copies and daemons dropped because there were too many.", float64(g.ledger.EventsDropped()))
	tell(count, "ledger_dropped_balances_total", "Balances of servers dropped because there were too many.", float64(g.ledger.BalancesDropped()))
	tell(count, "ledger_dropped_losses_total", "Losses of packets dropped because there were too many.", float64(g.ledger.LossesDropped()))

	g.unbalanced(out)
	g.dns(tell)

	r := g.retain.Stats()
	tell(count, "retention_freed_blocks_total", "Blocks freed because they were too old.", float64(r.Blocks))
	tell(count, "retention_dropped_entries_total", "Transfers and claims dropped because they were too old.", float64(r.Entries))
	tell(gauge, "retention_oldest_timestamp_seconds", "When the oldest block begins, 0 if there is none.", float64(r.Oldest))

	p := g.pressure.Stats()
	tell(count, "pressure_total", "Times that memory was short.", float64(p.Times))
	tell(count, "pressure_saves_total", "Checkpoints saved because memory was short.", float64(p.Saves))
	tell(count, "pressure_freed_blocks_total", "Blocks freed before their time because memory was short.", float64(p.Blocks))
	tell(count, "pressure_exhausted_total", "Times that this was not enough, so that writes are refused.", float64(p.Short))

	if g.retain.Jobs == nil {
		return
	}
	j := g.retain.Jobs.Stats()
	up := 0.0
	if j.Up {
		up = 1
	}
	tell(gauge, "jobs_up", "Whether the nodes of running jobs are known: the last answer was good.", up)
	tell(gauge, "jobs_last_success_timestamp_seconds", "When the last good answer came, 0 if none did.", float64(j.Last))
	tell(gauge, "jobs_nodes", "Nodes of running jobs in the last good answer.", float64(j.Nodes))
	tell(gauge, "jobs_kept_nodes", "Nodes that are kept longer for jobs, or because they are not known.", float64(r.Kept))
	tell(count, "jobs_asked_total", "Times that the nodes of running jobs were asked for.", float64(j.Asked))
	tell(count, "jobs_failures_total", "Times that no good answer came.", float64(j.Failed))
}

// unbalanced tells how many servers have which likely cause for moving other than
// they tell, in their newest life within a day.
func (g gauges) unbalanced(out chan<- prometheus.Metric) {
	n := g.cfg.Reconcile.Count(g.ledger.Balances("", time.Now().Add(-24*time.Hour).Unix(), math.MaxInt64))
	what := prometheus.NewDesc("tallystick_unbalanced_servers",
		"Servers whose summary differs from what is told of their files, by the likely cause.", []string{"cause"}, nil)
	for _, cause := range reconcile.Causes() {
		out <- prometheus.MustNewConstMetric(what, prometheus.GaugeValue, float64(n[cause]), string(cause))
	}
}

// dns tells of names that were looked up.
func (g gauges) dns(tell func(kind prometheus.ValueType, name, help string, v float64)) {
	count, gauge := prometheus.CounterValue, prometheus.GaugeValue
	n := g.names.Stats()
	tell(gauge, "dns_addresses", "Addresses whose names are remembered.", float64(n.Known))
	tell(count, "dns_found_total", "Look-ups of names that found one.", float64(n.Found))
	tell(count, "dns_none_total", "Look-ups of names that found none.", float64(n.None))
	tell(count, "dns_failures_total", "Look-ups of names that failed.", float64(n.Failed))
	tell(count, "dns_dropped_total", "Addresses that were not looked up because too many waited.", float64(n.Dropped))
}
