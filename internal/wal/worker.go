package wal

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/durable"
)

// Cut lets the next record begin a segment, and returns a number that this one has, or
// a later one; all that was written before is in lower ones. It is called within Turn.
func (l *Log) Cut() (int, error) {
	if err := l.number(); err != nil {
		return 0, err
	}
	l.cut = true
	return l.next, nil
}

// Forget removes the segments with a lower number.
func (l *Log) Forget(before int) error {
	l.turn.Lock()
	if l.out != nil && l.out.number < before {
		l.leave(0)
	}
	l.turn.Unlock()
	all, err := find(l.fsys, l.cfg.Dir)
	if err != nil {
		return fmt.Errorf("list the log: %w", err)
	}
	var errs []error
	for _, f := range all {
		if f.number < before {
			errs = append(errs, l.drop(f))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("forget the log before %d: %w", before, err)
	}
	l.stats.size.Store(l.measure())
	return nil
}

// SetAside has Forget move a segment that is damaged to the folder quarantine of the log, where only the
// operator removes: maybe somebody can read what is lost here.
func (l *Log) SetAside(segment int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.damaged = append(l.damaged, segment)
}

// drop removes a segment, or sets it aside.
func (l *Log) drop(f found) error {
	l.mu.Lock()
	damaged := slices.Contains(l.damaged, f.number)
	l.mu.Unlock()
	path := filepath.Join(l.cfg.Dir, f.name)
	if !damaged {
		return l.fsys.Remove("log forget", path)
	}
	aside := filepath.Join(l.cfg.Dir, "quarantine")
	if err := l.fsys.MkdirAll("log quarantine", aside); err != nil {
		return err
	}
	l.log.Warn("damaged segment of the log set aside", "segment", f.number, "to", aside)
	return durable.Move(l.fsys, "log quarantine", path, filepath.Join(aside, f.name))
}

// measure returns how large the log is.
func (l *Log) measure() (n int64) {
	entries, err := l.fsys.ReadDir(l.cfg.Dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if _, ok := parseName(e.Name()); !ok {
			continue
		}
		if info, err := e.Info(); err == nil {
			n += info.Size()
		}
	}
	return n
}

// Size returns how many bytes the log has on the disk, as far as is known.
func (l *Log) Size() int64 { return l.stats.size.Load() }

// Run makes what was written durable every Config.Interval, if so configured, until ctx
// ends. Then it closes the segment: a Commit after that would begin another.
func (l *Log) Run(ctx context.Context) error {
	l.stats.size.Store(l.measure())
	every := l.cfg.Interval
	if l.cfg.Sync != Interval || every <= 0 {
		every = time.Hour
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			l.Step()
		case <-ctx.Done():
			l.turn.Lock()
			defer l.turn.Unlock()
			l.leave(0)
			return nil
		}
	}
}

// Step makes what was written durable. Others write meanwhile. After a failure nothing
// more goes into that segment: the kernel may have dropped what it could not write, and
// would not say so again.
func (l *Log) Step() {
	if l.cfg.Sync != Interval {
		return
	}
	l.files.Lock()
	s := l.out
	if s == nil || !s.dirty.Swap(false) {
		l.files.Unlock()
		return
	}
	err := s.file.Sync()
	l.files.Unlock()
	l.told("fsync", err)
	if err != nil {
		l.turn.Lock()
		defer l.turn.Unlock()
		l.cut = true
	}
}

// A Stats says what a Log has done.
type Stats struct {
	Records      int64 // written
	Bytes        int64 // of them, with their headers
	Failures     int64 // records that could not be written
	Syncs        int64
	SyncFailures int64
	Size         int64 // bytes on the disk
}

// Stats returns the present numbers.
func (l *Log) Stats() Stats {
	s := &l.stats
	return Stats{
		s.records.Load(), s.bytes.Load(), s.failures.Load(), s.syncs.Load(), s.syncFailures.Load(), s.size.Load(),
	}
}

// Register makes the numbers of l known to r.
func (l *Log) Register(r prometheus.Registerer) error {
	var errs []error
	for name, c := range map[string]struct {
		help string
		of   func(Stats) int64
	}{
		"records_total":       {"Records written to the log.", func(s Stats) int64 { return s.Records }},
		"bytes_total":         {"Bytes written to the log.", func(s Stats) int64 { return s.Bytes }},
		"failures_total":      {"Records that could not be written to the log, and were refused.", func(s Stats) int64 { return s.Failures }},
		"syncs_total":         {"Times that the log was made durable.", func(s Stats) int64 { return s.Syncs }},
		"sync_failures_total": {"Times that it could not be.", func(s Stats) int64 { return s.SyncFailures }},
	} {
		errs = append(errs, r.Register(prometheus.NewCounterFunc(
			prometheus.CounterOpts{Name: "tallystick_log_" + name, Help: c.help},
			func() float64 { return float64(c.of(l.Stats())) })))
	}
	return errors.Join(append(errs, r.Register(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Name: "tallystick_log_size_bytes", Help: "How large the log is on the disk."},
		func() float64 { return float64(l.Size()) })))...)
}
