package store

import (
	"cmp"
	"slices"
	"unsafe"

	"tallystick/internal/block"
	"tallystick/internal/metric"
)

// A link is a block in a chain.
type link struct {
	index   int32 // slot/512: MaxTime keeps it in these bits
	span    block.Span
	changed uint32 // epoch of the newest change
}

const (
	linkBytes   = int64(unsafe.Sizeof(link{}))
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

// extent returns the first and the last slot in [from, to) that have a sample.
func (r *series) extent(p *block.Pool, from, to int64) (first, last int64, ok bool) {
	first, ok = r.first(p, from)
	if !ok || first >= to {
		return 0, 0, false
	}
	last, _ = r.last(p, to-1)
	return first, last, true
}

// first returns the first slot at or after from that has a sample.
func (r *series) first(p *block.Pool, from int64) (int64, bool) {
	index, at := block.Split(from)
	i, ok := r.find(index)
	for ; i < len(r.chain); i++ {
		if !ok {
			at = 0
		}
		if at = p.First(r.chain[i].span, at); at >= 0 {
			return r.chain[i].begin() + int64(at), true
		}
		ok = false
	}
	return 0, false
}

// last returns the last slot at or before to that has a sample.
func (r *series) last(p *block.Pool, to int64) (int64, bool) {
	index, at := block.Split(to)
	i, ok := r.find(index)
	if !ok {
		i--
	}
	for ; i >= 0; i-- {
		if !ok {
			at = block.Slots - 1
		}
		if at = p.Last(r.chain[i].span, at); at >= 0 {
			return r.chain[i].begin() + int64(at), true
		}
		ok = false
	}
	return 0, false
}

// each calls do with the samples in [from, to), block by block, and the slot of
// the first of each. What it leaves out are gaps.
func (r *series) each(p *block.Pool, from, to int64, do func(slot int64, values []float64)) {
	index, _ := block.Split(from)
	i, _ := r.find(index)
	for ; i < len(r.chain); i++ {
		if r.chain[i].begin() >= to {
			return
		}
		base, values := p.Values(r.chain[i].span)
		begin := r.chain[i].begin() + int64(base)
		lo, hi := max(from, begin), min(to, begin+int64(len(values)))
		if lo < hi {
			do(lo, values[lo-begin:hi-begin])
		}
	}
}
