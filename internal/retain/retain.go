// Package retain frees what is older than it has to be kept, and what there is no
// memory for.
//
// A Worker goes through the store node by node, and through a node some components
// at a time: only those are locked meanwhile. What becomes free goes back to the
// store's pool, in whole blocks: a sample is kept at least for as long as
// Config.Keep says, and at most for the length of a block longer (512 steps of its
// metric), plus Config.Every. Samples of nodes that run jobs are kept longer: see
// Jobs.
//
// A Pressure frees before its time what is saved, when memory gets short.
//
// Time is that of the clock, and what it says is believed: while it is ahead by a day, a day
// too much is freed (TestClockJumps).
package retain

import (
	"context"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// The defaults of Config.
const (
	DefaultMemory = 7 * 24 * time.Hour
	DefaultLedger = 90 * 24 * time.Hour
	DefaultEvery  = time.Minute
)

// Config is what an operator may choose; 0 is the default.
type Config struct {
	Memory time.Duration `koanf:"memory"` // how long samples are kept; default 7 days
	Rules  []Rule        `koanf:"rules"`  // how long some of them are; the first that fits counts
	Jobs   JobsConfig    `koanf:"jobs"`
	Ledger time.Duration `koanf:"ledger"` // how long transfers and claims are kept; default 90 days
	Every  time.Duration `koanf:"every"`  // how often the Worker looks; default 1 min
}

// Default returns the configuration of an operator who chooses nothing.
func Default() Config {
	return Config{
		Memory: DefaultMemory, Rules: []Rule{}, Ledger: DefaultLedger, Every: DefaultEvery,
		Jobs: JobsConfig{Clusters: []string{}, Max: DefaultJobs},
	}
}

// A Store has the samples. *store.Store is one.
type Store interface {
	Nodes() []selector.Path
	// Free frees the blocks of a node that end at or before a Unix second.
	Free(node selector.Path, before func(metric.ID) int64) store.Freed
}

// A Ledger has the transfers and claims. *ledger.Ledger is one.
type Ledger interface {
	// FreeBefore drops the entries that ended before the Unix second.
	FreeBefore(before int64) (freed int)
}

// A Worker frees what is too old.
type Worker struct {
	Store  Store
	Table  Table
	Ledger Ledger
	Jobs   *Jobs // nil: none is asked for
	Config Config
	Log    *slog.Logger

	steps, blocks, entries, oldest, kept atomic.Int64
}

// Stats says what a Worker has done since it was made.
type Stats struct {
	Steps   int64 // ends of Step
	Blocks  int64 // of samples, freed
	Entries int64 // of the ledger, dropped
	Oldest  int64 // Unix second that the oldest block begins with, as of the last Step; 0: none
	Kept    int64 // nodes that were kept longer in it, for jobs
}

// Stats returns the present numbers. It may be called while Run runs.
func (w *Worker) Stats() Stats {
	return Stats{
		Steps: w.steps.Load(), Blocks: w.blocks.Load(), Entries: w.entries.Load(),
		Oldest: w.oldest.Load(), Kept: w.kept.Load(),
	}
}

// Run frees at once and then every Config.Every, until ctx ends.
func (w *Worker) Run(ctx context.Context) error {
	w.step(ctx, time.Now())
	t := time.NewTicker(or(w.Config.Every, DefaultEvery))
	defer t.Stop()
	for {
		select {
		case now := <-t.C:
			w.step(ctx, now)
		case <-ctx.Done():
			return nil
		}
	}
}

func (w *Worker) step(ctx context.Context, now time.Time) {
	old := w.Stats()
	w.Step(ctx, now)
	if s := w.Stats(); s.Blocks > old.Blocks || s.Entries > old.Entries {
		w.Log.Debug("freed what is too old", "blocks", s.Blocks-old.Blocks, "entries", s.Entries-old.Entries)
	}
}

// Step frees what is too old at now and returns how many blocks and entries
// went. If ctx ends it stops after the node that it is at.
func (w *Worker) Step(ctx context.Context, now time.Time) (freed int) {
	if w.Jobs != nil {
		// Its error is in the log; Uses knows what follows from it.
		_ = w.Jobs.Ask(ctx, now, now.Add(-w.Config.Shortest()))
	}
	freed, ok := w.free(ctx, now)
	if !ok {
		return freed
	}
	n := w.Ledger.FreeBefore(now.Add(-or(w.Config.Ledger, DefaultLedger)).Unix())
	w.entries.Add(int64(n))
	w.steps.Add(1)
	return freed + n
}

// free frees blocks; false if ctx ended.
func (w *Worker) free(ctx context.Context, now time.Time) (freed int, ok bool) {
	p := plan{cfg: w.Config, table: w.Table, now: now, clusters: make(map[string][]int64)}
	oldest, kept := int64(math.MaxInt64), int64(0)
	for _, node := range w.Store.Nodes() {
		if ctx.Err() != nil {
			return freed, false
		}
		job := w.Jobs != nil && w.Jobs.Uses(node)
		if job {
			kept++
		}
		f := w.Store.Free(node, p.before(node.Cluster, job))
		w.blocks.Add(int64(f.Blocks))
		freed += f.Blocks
		oldest = min(oldest, f.Oldest)
	}
	if oldest == math.MaxInt64 {
		oldest = 0
	}
	w.oldest.Store(oldest)
	w.kept.Store(kept)
	return freed, ctx.Err() == nil
}

func or(d, byDefault time.Duration) time.Duration {
	if d <= 0 {
		return byDefault
	}
	return d
}
