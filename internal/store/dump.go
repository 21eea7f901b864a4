package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"tallystick/internal/block"
	"tallystick/internal/codec"
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

	// Sealed is, if it is not empty, the same samples once more as they lie in memory:
	// the slot that they begin with, 16 bits, little-endian, and pieces of package codec,
	// up to the last sample. Who changes Values empties it.
	Sealed []byte
}

// Seal makes Sealed what Values are, if it is empty. There must be a sample.
func (b *BlockAt) Seal(e *codec.Encoder) {
	if len(b.Sealed) == 0 {
		lead, values := trim(b.Values[:])
		b.Sealed = e.Append(binary.LittleEndian.AppendUint16(b.Sealed, uint16(lead)), values) //nolint:gosec // less than 512
	}
}

// Unseal makes Values and Sealed what sealed bytes say, which are copied.
func (b *BlockAt) Unseal(sealed []byte) error {
	if len(sealed) < 2 || binary.LittleEndian.Uint16(sealed) >= block.Slots {
		return fmt.Errorf("%d sealed bytes begin with no slot", len(sealed))
	}
	b.Sealed = b.Sealed[:0]
	begin := int(binary.LittleEndian.Uint16(sealed))
	end := begin
	for rest := sealed[2:]; len(rest) > 0; {
		n, behind, err := codec.Decode(b.Values[end:], rest)
		if err != nil {
			return fmt.Errorf("from slot %d on: %w", end, err)
		}
		end, rest = end+n, behind
	}
	gaps(b.Values[:0], begin)
	gaps(b.Values[:end], block.Slots-end)
	if end > begin && !math.IsNaN(b.Values[begin]) && !math.IsNaN(b.Values[end-1]) {
		b.Sealed = append(b.Sealed, sealed...)
	}
	return nil
}

// extent returns the slots [from, to) that b has samples in, the first and the last of which
// have one.
func (b *BlockAt) extent() (from, to int) {
	if len(b.Sealed) > 0 {
		from = int(binary.LittleEndian.Uint16(b.Sealed))
	} else if from = (*block.Block)(&b.Values).First(0); from < 0 {
		return 0, 0
	}
	return from, (*block.Block)(&b.Values).Last(block.Slots-1) + 1
}

// Under adds what an older version of the same block has, as if its samples had
// come before those of b: they stay where b has a gap, and are folded with those
// of b if the least or the most counts. Where samples add up the newer version has
// the older in it, and nothing is added.
func (b *BlockAt) Under(older *BlockAt, fold metric.Fold) {
	if fold != metric.Sum && fillUnder(b.Values[:], older.Values[:], fold) {
		b.Sealed = b.Sealed[:0]
	}
}

// fillUnder reports whether anything changed.
func fillUnder(to, older []float64, fold metric.Fold) (changed bool) {
	for i, v := range older {
		if math.IsNaN(v) || fold == metric.Last && !math.IsNaN(to[i]) {
			continue
		}
		if v = fold.Apply(to[i], v); v != to[i] { // also where there was a gap
			to[i], changed = v, true
		}
	}
	return changed
}

// ErrMismatch is what Restore wraps when a block is not of the metrics that the
// store was made with.
var ErrMismatch = errors.New("block is of other metrics")

// Restore puts a block back. Its samples take the place of those in their
// slots, its gaps change nothing, so that to restore twice is to restore once.
// An unknown metric, or another step, wraps ErrMismatch.
func (s *Store) Restore(b *BlockAt) error {
	return s.restore(b, func(w *writer, l *link, id metric.ID, to *block.Block) (changed bool) {
		if l == nil {
			return true
		}
		w.change(l, id)
		for i, v := range b.Values {
			if !math.IsNaN(v) {
				to[i] = v
			}
		}
		return true
	})
}

// Fill puts a block of a checkpoint back under what is there, as BlockAt.Under
// does: checkpoints are read newest first, and samples may have come meanwhile, but
// for metrics whose samples add up. What is new by that counts as saved.
func (s *Store) Fill(b *BlockAt) error {
	return s.restore(b, func(w *writer, l *link, id metric.ID, to *block.Block) (changed bool) {
		if l == nil {
			w.epoch = restored
			return true
		}
		fold := s.table.At(id).Fold
		changed = fold != metric.Sum && fillUnder(to[:], b.Values[:], fold)
		if changed {
			w.change(l, id)
		}
		return changed
	})
}

// restore has put put the samples of b to those of the same block, and seals that if they
// have changed. Where there is none put gets nil, and those of b are sealed.
func (s *Store) restore(b *BlockAt, put func(w *writer, l *link, id metric.ID, to *block.Block) bool) error {
	id, err := s.fits(b)
	if err != nil {
		return fmt.Errorf("restore block %d of %q at %s: %w", b.Index, b.Metric, b.Path, err)
	}
	from, end := b.extent()
	if from == end {
		return b.Path.Check()
	}
	if !finite(b.Values[from:end]) {
		return fmt.Errorf("restore block %d of %q at %s: %w", b.Index, b.Metric, b.Path, ErrNotFinite)
	}
	n, err := s.lock(b.Path)
	if err != nil {
		return err
	}
	w := s.writer(n, b.Path)
	defer w.unlock()
	k := s.packer()
	defer s.packers.Put(k)
	if l := w.has(id, b.Index); l != nil {
		s.whole(l, &k.values)
		if put(&w, l, id, &k.values) {
			err = s.replace(l, k)
		}
	} else if put(&w, nil, id, nil) {
		err = w.add(id, b, k, end)
	}
	if err != nil {
		return fmt.Errorf("restore block %d of %q at %s: %w", b.Index, b.Metric, b.Path, err)
	}
	return nil
}

// add adds a block that is not there, whose last sample is before the slot end.
func (w *writer) add(id metric.ID, b *BlockAt, k *packer, end int) error {
	var l link
	if !w.store.pack(&l, k.block(b, end)) {
		return ErrFull
	}
	_, err := w.open(id, b.Index, l)
	return err
}

// block returns b as sealed bytes.
func (k *packer) block(b *BlockAt, end int) []byte {
	if len(b.Sealed) == 0 {
		return k.whole(0, b.Values[:])
	}
	k.out = append(append(k.out[:0], make([]byte, sealedHeader)...), b.Sealed[2:]...)
	sealed(k.out).set(int(binary.LittleEndian.Uint16(b.Sealed)), end, len(k.out), 0)
	return k.out
}

// whole makes b all that a block has.
func (s *Store) whole(l *link, b *block.Block) {
	d := s.reader()
	defer s.readers.Put(d)
	base, values := s.samples(l, &d.room)
	block.Put(b, base, values)
}

// replace seals the values of k in the place of what a block has.
func (s *Store) replace(l *link, k *packer) error {
	if !s.pack(l, k.whole(0, k.values[:])) {
		return ErrFull
	}
	if !l.span.None() {
		s.pool.Free(l.span)
		l.span = block.Span{}
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
	return id, nil
}

// finite reports whether no value is infinite.
func finite(values []float64) bool {
	for _, v := range values {
		if v-v != 0 && v == v {
			return false
		}
	}
	return true
}
