package ingest

import (
	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/collect"
	"tallystick/internal/transfer"
)

// collectorStats tells what the collector counts: it is deaf, and has one lock
// for all its numbers, which are therefore read together.
type collectorStats struct{ of func() collect.Stats }

// Describe tells nothing: the numbers are few, and checked as they come.
func (*collectorStats) Describe(chan<- *prometheus.Desc) {}

// Collect tells the present numbers.
func (c *collectorStats) Collect(out chan<- prometheus.Metric) {
	s := c.of()
	tell := func(kind prometheus.ValueType, name, help string, v float64) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc("tallystick_collect_"+name, help, nil, nil), kind, v)
	}
	count, gauge := prometheus.CounterValue, prometheus.GaugeValue
	datagrams := prometheus.NewDesc("tallystick_collect_datagrams_total", "Datagrams, by what they turned out to be.", []string{"kind"}, nil)
	for kind, n := range s.Packets {
		out <- prometheus.MustNewConstMetric(datagrams, count, float64(n), kind.String())
	}
	lost := prometheus.NewDesc("tallystick_collect_lost_total",
		"What was lost on the way, at least: packets by their stream (map, file, gstream), records of f packets, dictionary ids.", []string{"of"}, nil)
	for _, of := range []transfer.LossOf{transfer.MapPackets, transfer.FilePackets, transfer.GStreamPackets, transfer.Records, transfer.IDs} {
		out <- prometheus.MustNewConstMetric(lost, count, float64(s.Lost[of]), string(of))
	}
	events := prometheus.NewDesc("tallystick_collect_events_total",
		"Records of plug-ins and daemons, by who makes them.", []string{"provider"}, nil)
	for provider, n := range s.Events { // few: collect names them, not the sender
		out <- prometheus.MustNewConstMetric(events, count, float64(n), provider)
	}
	tell(count, "found_total", "Packets that were counted as lost and came after all, later than collect.hold.", float64(s.Found))
	tell(count, "duplicates_total", "Datagrams that came again.", float64(s.Duplicates))
	tell(count, "late_records_total", "Records about files that were finished already.", float64(s.Late))
	tell(count, "refused_records_total", "Records refused because collect.max was reached.", float64(s.Full))
	idle := prometheus.NewDesc("tallystick_collect_idle_total",
		"What was given up because it was silent for collect.idle, or had a name and nothing else for an hour.", []string{"what"}, nil)
	for what, n := range map[string]uint64{"file": s.IdleFiles, "session": s.IdleUsers, "life": s.IdleLives} {
		out <- prometheus.MustNewConstMetric(idle, count, float64(n), what)
	}
	tell(gauge, "lives", "Lives of servers held.", float64(s.Lives))
	tell(gauge, "sessions", "Sessions held.", float64(s.Users))
	tell(gauge, "open_files", "Open files held.", float64(s.Files))
}
