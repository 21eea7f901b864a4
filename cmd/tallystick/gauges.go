package main

import "github.com/prometheus/client_golang/prometheus"

// gauges returns what store, ledger and retention count, for /metrics. They
// themselves are deaf.
func (s *server) gauges() []prometheus.Collector {
	return []prometheus.Collector{
		gauge("tallystick_store_levels", "Levels of the tree.", func() int { return s.store.Stats().Levels }),
		gauge("tallystick_store_series", "Series held.", func() int { return s.store.Stats().Series }),
		gauge("tallystick_store_blocks", "Blocks of 512 slots in use.", func() int { return s.store.Stats().Blocks }),
		gauge("tallystick_store_bytes", "Memory of samples and their tree, in bytes.", func() int64 { return s.store.Stats().Bytes }),
		counter("tallystick_store_late_samples_total", "Samples that went before the newest block of their series.",
			func() int64 { return s.store.Stats().Late }),
		gauge("tallystick_ledger_transfers", "Transfers held.", func() int { n, _ := s.ledger.Len(); return n }),
		gauge("tallystick_ledger_claims", "Claims held.", func() int { _, n := s.ledger.Len(); return n }),
		gauge("tallystick_ledger_bytes", "Memory of transfers and claims, in bytes, about.", s.ledger.Bytes),
		counter("tallystick_ledger_dropped_total", "Transfers and claims dropped because ledger.max was reached.",
			func() int { t, c := s.ledger.Dropped(); return t + c }),
		counter("tallystick_retention_freed_blocks_total", "Blocks freed because they were too old.",
			func() int64 { return s.retain.Stats().Blocks }),
		counter("tallystick_retention_dropped_entries_total", "Transfers and claims dropped because they were too old.",
			func() int64 { return s.retain.Stats().Entries }),
	}
}

type integer interface{ ~int | ~int64 | ~uint64 }

func gauge[N integer](name, help string, f func() N) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(f()) })
}

func counter[N integer](name, help string, f func() N) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(f()) })
}
