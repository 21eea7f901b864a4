package checkpoint

import (
	"errors"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// A floor is the Unix second after which the counts end that are restored.
type floor struct {
	atomic.Int64

	mu sync.Mutex // held to raise it
}

// adds reports whether the samples of a block add up.
func (r *restoring) adds(b *store.BlockAt) bool {
	table := r.dir.parts.Table
	id, ok := table.Lookup(b.Metric)
	return ok && table.At(id).Fold == metric.Sum
}

// count puts a block of counts back. Where there is no room for all, the oldest stay on the
// disk, and the store refuses what would be added to them, as when they are freed because
// memory is short: a block that is begun anew would hide the one that is there.
func (r *restoring) count(b *store.BlockAt) error {
	p := &r.dir.parts
	for {
		after := r.floor.Load()
		if end(b) <= after {
			return nil
		}
		if p.Room == nil || p.Room() {
			if err := p.Store.Fill(b); !errors.Is(err, store.ErrFull) {
				return err
			}
		}
		r.raise(after, b)
	}
}

// raise frees the oldest tenth of the counts that were restored, unless another has. If there
// are none, b stays on the disk.
func (r *restoring) raise(after int64, b *store.BlockAt) {
	r.floor.mu.Lock()
	defer r.floor.mu.Unlock()
	if r.floor.Load() != after {
		return
	}
	tank, ends := r.dir.parts.Store, make(map[int64]int64)
	nodes := tank.Nodes()
	for _, n := range nodes {
		tank.AddSaved(n, math.MaxInt64, ends)
	}
	to := older(ends, after)
	if to == after {
		to = end(b)
	}
	r.floor.Store(to)
	node := b.Path // which need not be there
	node.Component, node.Sub = selector.Part{}, selector.Part{}
	for _, n := range append(nodes, node) {
		tank.FreeSaved(n, to)
	}
	r.dir.log.Warn("memory is short: older counts stay on the disk", "until", time.Unix(to, 0).UTC())
}

// older returns the time until which a tenth of the bytes end, after a time; that if none do.
func older(ends map[int64]int64, after int64) int64 {
	maps.DeleteFunc(ends, func(end, _ int64) bool { return end <= after })
	sum := int64(0)
	for _, bytes := range ends {
		sum += bytes
	}
	for _, end := range slices.Sorted(maps.Keys(ends)) {
		if after, sum = end, sum-10*ends[end]; sum <= 0 {
			break
		}
	}
	return after
}
