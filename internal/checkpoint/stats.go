package checkpoint

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Stats says how saving and restoring went.
type Stats struct {
	Saves    int64         // that succeeded
	Failures int64         // saves that did not
	Last     time.Time     // end of the newest save that succeeded; zero before
	Took     time.Duration // of that one
	Stood    time.Duration // how long ingest stood still for it
	Bytes    int64         // of that one
	Damaged  int64         // pieces of files that a restore could not read
	Refused  int64         // records that a restore could not use
	Unmerged int64         // merges that failed
}

type stats struct {
	saves, failures, last, took, stood, bytes, damaged, refused, unmerged atomic.Int64
}

func (s *stats) saved(i *Info, err error) {
	if err != nil {
		s.failures.Add(1)
		return
	}
	s.saves.Add(1)
	s.last.Store(time.Now().UnixNano())
	s.took.Store(int64(i.Took))
	s.bytes.Store(i.Bytes)
}

func (s *stats) restored(i *Info) {
	s.damaged.Add(int64(i.Damaged))
	s.refused.Add(int64(i.Refused))
}

// Stats returns the present numbers. It never waits for a save.
func (d *Dir) Stats() Stats {
	s := &d.stats
	out := Stats{
		Saves: s.saves.Load(), Failures: s.failures.Load(),
		Took: time.Duration(s.took.Load()), Stood: time.Duration(s.stood.Load()), Bytes: s.bytes.Load(),
		Damaged: s.damaged.Load(), Refused: s.refused.Load(), Unmerged: s.unmerged.Load(),
	}
	if ns := s.last.Load(); ns != 0 {
		out.Last = time.Unix(0, ns)
	}
	return out
}

// Register makes the numbers of d known to r.
func (d *Dir) Register(r prometheus.Registerer) error {
	const prefix = "tallystick_checkpoint_"
	counter := func(name, help string, v *atomic.Int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: prefix + name, Help: help},
			func() float64 { return float64(v.Load()) })
	}
	gauge := func(name, help string, v *atomic.Int64, unit float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: prefix + name, Help: help},
			func() float64 { return float64(v.Load()) * unit })
	}
	const nano = 1e-9
	s := &d.stats
	var errs []error
	for _, c := range []prometheus.Collector{
		counter("saves_total", "Checkpoints saved.", &s.saves),
		counter("failures_total", "Checkpoints that could not be saved.", &s.failures),
		gauge("last_success_timestamp_seconds", "When the newest checkpoint was saved; 0 before the first.", &s.last, nano),
		gauge("duration_seconds", "How long the newest checkpoint took.", &s.took, nano),
		gauge("pause_seconds", "How long ingest stood still for the newest checkpoint.", &s.stood, nano),
		gauge("size_bytes", "How large the newest checkpoint is.", &s.bytes, 1),
		counter("merge_failures_total", "Checkpoints that could not be made one.", &s.unmerged),
		counter("restore_damaged_total", "Pieces of checkpoints that could not be read.", &s.damaged),
		counter("restore_refused_total", "Records of checkpoints that could not be used at the start.", &s.refused),
	} {
		errs = append(errs, r.Register(c))
	}
	return errors.Join(errs...)
}
