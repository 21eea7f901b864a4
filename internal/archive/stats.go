package archive

import (
	"errors"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Stats says what a Worker did.
type Stats struct {
	Days     int64 // of one kind, that were archived
	Files    int64
	Records  int64
	Bytes    int64
	Failures int64 // steps that did not do all
	Pruned   int64 // days that were removed
}

type stats struct {
	days, files, records, bytes atomic.Int64
	failures, pruned, last      atomic.Int64
}

func (s *stats) archived(files []File) {
	s.days.Add(1)
	s.files.Add(int64(len(files)))
	for _, f := range files {
		s.bytes.Add(f.Bytes)
		if strings.HasSuffix(f.Name, avroSuffix) {
			s.records.Add(f.Records)
		}
	}
}

// Stats returns the present numbers.
func (w *Worker) Stats() Stats {
	s := &w.stats
	return Stats{
		Days: s.days.Load(), Files: s.files.Load(), Records: s.records.Load(), Bytes: s.bytes.Load(),
		Failures: s.failures.Load(), Pruned: s.pruned.Load(),
	}
}

// Register makes the numbers of w known to r.
func (w *Worker) Register(r prometheus.Registerer) error {
	const prefix = "tallystick_archive_"
	counter := func(name, help string, v *atomic.Int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: prefix + name, Help: help},
			func() float64 { return float64(v.Load()) })
	}
	s := &w.stats
	var errs []error
	for _, c := range []prometheus.Collector{
		counter("days_total", "Days archived, each kind by itself.", &s.days),
		counter("files_total", "Files archived.", &s.files),
		counter("records_total", "Records archived.", &s.records),
		counter("bytes_total", "Bytes of the files archived.", &s.bytes),
		counter("failures_total", "Steps of archiving that did not do all.", &s.failures),
		counter("pruned_total", "Days removed from the archive by its rules.", &s.pruned),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: prefix + "last_success_timestamp_seconds", Help: "When all that is final was archived; 0 before the first time.",
		}, func() float64 { return float64(s.last.Load()) * 1e-9 }),
	} {
		errs = append(errs, r.Register(c))
	}
	return errors.Join(errs...)
}
