package store

import (
	"cmp"
	"math"
	"slices"
	"unsafe"

	"tallystick/internal/block"
	"tallystick/internal/metric"
)

// A link is a block in a chain.
type link struct {
	index   int32        // slot/512: MaxTime keeps it in these bits
	changed uint32       // epoch of the newest change
	packed  block.Packed // what is sealed
	span    block.Span   // what is raw, behind that
}

const (
	linkBytes   = int64(unsafe.Sizeof(link{})+7) &^ 7 // alone, as in most chains
	seriesBytes = int64(unsafe.Sizeof(series{}))
)

// A series is one metric at one level. Its chain has at least one block, and
// every block at least one sample.
type series struct {
	id    metric.ID
	chain []link // by index
}

// begin returns the first slot of the block.
func (l *link) begin() int64 { return int64(l.index) * block.Slots }

// find returns the place of the block with the index, or where it would be.
func (r *series) find(index int64) (int, bool) {
	newest := len(r.chain) - 1
	if newest < 0 || int64(r.chain[newest].index) < index {
		return newest + 1, false
	}
	if int64(r.chain[newest].index) == index { // nearly always
		return newest, true
	}
	return slices.BinarySearchFunc(r.chain, index, func(l link, index int64) int {
		return cmp.Compare(int64(l.index), index)
	})
}

// A reader reads series of a node that is locked.
type reader struct {
	store *Store
	room  block.Block // for what was sealed
}

func (s *Store) reader() *reader {
	if r, ok := s.readers.Get().(*reader); ok {
		return r
	}
	return &reader{store: s}
}

// extent returns the first and the last slot in [from, to) that have a sample.
func (d *reader) extent(r *series, from, to int64) (first, last int64, ok bool) {
	first, ok = d.first(r, from)
	if !ok || first >= to {
		return 0, 0, false
	}
	last, _ = d.last(r, to-1)
	return first, last, true
}

// first returns the first slot at or after from that has a sample.
func (d *reader) first(r *series, from int64) (int64, bool) {
	index, at := block.Split(from)
	i, ok := r.find(index)
	for ; i < len(r.chain); i++ {
		if !ok {
			at = 0
		}
		if at = d.firstIn(&r.chain[i], at); at >= 0 {
			return r.chain[i].begin() + int64(at), true
		}
		ok = false
	}
	return 0, false
}

// last returns the last slot at or before to that has a sample.
func (d *reader) last(r *series, to int64) (int64, bool) {
	index, at := block.Split(to)
	i, ok := r.find(index)
	if !ok {
		i--
	}
	for ; i >= 0; i-- {
		if !ok {
			at = block.Slots - 1
		}
		if at = d.lastIn(&r.chain[i], at); at >= 0 {
			return r.chain[i].begin() + int64(at), true
		}
		ok = false
	}
	return 0, false
}

// firstIn returns the first slot of a block at or after from that has a sample, -1 if there
// is none.
func (d *reader) firstIn(l *link, from int) int {
	if b := d.store.sealed(l); b != nil {
		switch {
		case from <= b.start():
			return b.start()
		case from < b.end():
			base, values := d.store.samples(l, &d.room)
			return firstOf(base, values, from)
		case l.span.None():
			return -1
		}
	}
	return d.store.pool.First(l.span, from)
}

// lastIn returns the last slot of a block at or before to that has a sample, -1 if there is
// none.
func (d *reader) lastIn(l *link, to int) int {
	if !l.span.None() {
		if at := d.store.pool.Last(l.span, to); at >= 0 {
			return at
		}
	}
	b := d.store.sealed(l)
	switch {
	case b == nil || to < b.start():
		return -1
	case to >= b.end()-1:
		return b.end() - 1
	}
	base, values := d.store.samples(l, &d.room)
	return lastOf(base, values, to)
}

func firstOf(base int, values []float64, from int) int {
	for i := max(0, from-base); i < len(values); i++ {
		if !math.IsNaN(values[i]) {
			return base + i
		}
	}
	return -1
}

func lastOf(base int, values []float64, to int) int {
	for i := min(to-base, len(values)-1); i >= 0; i-- {
		if !math.IsNaN(values[i]) {
			return base + i
		}
	}
	return -1
}

// each calls do with the samples in [from, to), block by block, and the slot of
// the first of each. What it leaves out are gaps.
func (d *reader) each(r *series, from, to int64, do func(slot int64, values []float64)) {
	index, _ := block.Split(from)
	i, _ := r.find(index)
	for ; i < len(r.chain); i++ {
		l := &r.chain[i]
		if l.begin() >= to {
			return
		}
		base, values := d.store.samples(l, &d.room)
		begin := l.begin() + int64(base)
		lo, hi := max(from, begin), min(to, begin+int64(len(values)))
		if lo < hi {
			do(lo, values[lo-begin:hi-begin])
		}
	}
}
