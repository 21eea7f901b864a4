package store

import (
	"errors"
	"fmt"
	"iter"
	"math"

	"tallystick/internal/block"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
)

// A BlockAt is a block with its place, for a checkpoint.
type BlockAt struct {
	Path   selector.Path
	Metric string
	Step   int64 // seconds
	Index  int64 // slot/512, counted from the epoch
	Values [block.Slots]float64
}

// ErrMismatch is what Restore wraps when a block is not of the metrics that the
// store was made with.
var ErrMismatch = errors.New("block is of other metrics")

// Blocks returns all blocks in the order of path, metric and index. A block is
// copied under its node's lock and yielded outside of it; what is yielded is
// used again for the next. What is written meanwhile may be in or not; all that
// was there before, and was not freed meanwhile, is in.
func (s *Store) Blocks() iter.Seq[*BlockAt] {
	return func(yield func(*BlockAt) bool) {
		var b BlockAt
		for _, n := range s.nodes.list("") {
			for _, l := range n.levels() {
				b.Path = l.path
				if !s.blocks(n, l.level, &b, yield) {
					return
				}
			}
		}
	}
}

func (s *Store) blocks(n *node, l *level, b *BlockAt, yield func(*BlockAt) bool) bool {
	for next := (cursor{0, math.MinInt64}); ; next.index++ {
		var ok bool
		if next, ok = n.copy(l, next, b); !ok {
			return true
		}
		m := s.table.At(next.id)
		b.Metric, b.Step, b.Index = m.Name, m.Step, next.index
		if !yield(b) {
			return false
		}
	}
}

// A cursor is a place in a level.
type cursor struct {
	id    metric.ID
	index int64
}

// copy copies the first block of l at or after c and returns its place.
func (n *node) copy(l *level, c cursor, to *BlockAt) (cursor, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	i, same := l.get(c.id)
	for ; i < len(l.series); i++ {
		r, at := &l.series[i], 0
		if same {
			at, _ = r.find(c.index)
		}
		if at < len(r.chain) {
			to.Values = *r.chain[at].block
			return cursor{r.id, r.chain[at].index}, true
		}
		same = false
	}
	return cursor{}, false
}

// Restore puts a block back. Its samples take the place of those in their
// slots, its gaps change nothing, so that to restore twice is to restore once.
// An unknown metric, or another step, wraps ErrMismatch.
func (s *Store) Restore(b *BlockAt) error {
	id, err := s.fits(b)
	if err != nil {
		return fmt.Errorf("restore block %d of %q at %s: %w", b.Index, b.Metric, b.Path, err)
	}
	v := block.Block(b.Values)
	if v.First(0) < 0 {
		return b.Path.Check()
	}
	n, err := s.lock(b.Path)
	if err != nil {
		return err
	}
	defer s.unlock(n)
	w := writer{store: s, node: n, at: b.Path, level: n.find(b.Path)}
	to, _, err := w.block(id, b.Index)
	if err != nil {
		return fmt.Errorf("restore block %d of %q at %s: %w", b.Index, b.Metric, b.Path, err)
	}
	for i := v.First(0); i >= 0; i = v.First(i + 1) {
		to[i] = v[i]
	}
	return nil
}

// fits returns the metric of b, or why b cannot be of this store.
func (s *Store) fits(b *BlockAt) (metric.ID, error) {
	id, ok := s.table.Lookup(b.Metric)
	if !ok {
		return 0, fmt.Errorf("%w: unknown metric", ErrMismatch)
	}
	m := s.table.At(id)
	if m.Step != b.Step {
		return 0, fmt.Errorf("%w: step is %d s, here %d s", ErrMismatch, b.Step, m.Step)
	}
	lowest, _ := block.Split(m.Slot(-MaxTime))
	highest, _ := block.Split(m.Slot(MaxTime))
	if b.Index < lowest || b.Index > highest {
		return 0, ErrTime
	}
	for _, v := range b.Values {
		if math.IsInf(v, 0) {
			return 0, ErrNotFinite
		}
	}
	return id, nil
}
