// Package retain frees what is older than it has to be kept.
//
// A Worker goes through the store node by node: a node is locked only while its
// own blocks are looked at, and writers of all others go on. What becomes free
// goes back to the store's pool, in whole blocks: a sample is kept at least for
// Config.Memory, and at most for the length of a block longer (512 steps of its
// metric), plus Config.Every.
package retain

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"tallystick/internal/selector"
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
	Ledger time.Duration `koanf:"ledger"` // how long transfers and claims are kept; default 90 days
	Every  time.Duration `koanf:"every"`  // how often the Worker looks; default 1 min
}

// A Store has the samples. *store.Store is one.
type Store interface {
	Nodes() []selector.Path
	// FreeBefore frees the blocks of a node that end at or before the Unix second.
	FreeBefore(node selector.Path, before int64) (freed int)
}

// A Ledger has the transfers and claims. *ledger.Ledger is one.
type Ledger interface {
	// FreeBefore drops the entries that ended before the Unix second.
	FreeBefore(before int64) (freed int)
}

// A Worker frees what is too old.
type Worker struct {
	Store  Store
	Ledger Ledger
	Config Config
	Log    *slog.Logger

	steps, blocks, entries atomic.Int64
}

// Stats says what a Worker has done since it was made.
type Stats struct {
	Steps   int64 // ends of Step
	Blocks  int64 // of samples, freed
	Entries int64 // of the ledger, dropped
}

// Stats returns the present numbers. It may be called while Run runs.
func (w *Worker) Stats() Stats {
	return Stats{Steps: w.steps.Load(), Blocks: w.blocks.Load(), Entries: w.entries.Load()}
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
	before := now.Add(-or(w.Config.Memory, DefaultMemory)).Unix()
	for _, node := range w.Store.Nodes() {
		if ctx.Err() != nil {
			return freed
		}
		n := w.Store.FreeBefore(node, before)
		w.blocks.Add(int64(n))
		freed += n
	}
	if ctx.Err() != nil {
		return freed
	}
	n := w.Ledger.FreeBefore(now.Add(-or(w.Config.Ledger, DefaultLedger)).Unix())
	w.entries.Add(int64(n))
	w.steps.Add(1)
	return freed + n
}

func or(d, byDefault time.Duration) time.Duration {
	if d <= 0 {
		return byDefault
	}
	return d
}
