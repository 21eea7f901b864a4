package store

import (
	"errors"
	"fmt"
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
	w := s.writer(n, b.Path)
	l, _, err := w.link(id, b.Index, v.First(0), v.Last(block.Slots-1))
	if err != nil {
		return fmt.Errorf("restore block %d of %q at %s: %w", b.Index, b.Metric, b.Path, err)
	}
	w.change(l, id)
	base, to := s.pool.Values(l.span)
	for i := v.First(0); i >= 0; i = v.First(i + 1) {
		to[i-base] = v[i]
	}
	return nil
}

// fits returns the metric of b, or why b cannot be of this store.
func (s *Store) fits(b *BlockAt) (metric.ID, error) {
	id, err := s.table.Again(b.Metric, b.Step)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrMismatch, err)
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
