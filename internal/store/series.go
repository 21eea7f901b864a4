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
	index int64 // slot/512
	block *block.Block
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

// find returns the place of the block with the index, or where it would be.
func (r *series) find(index int64) (int, bool) {
	newest := len(r.chain) - 1
	if newest < 0 || r.chain[newest].index < index {
		return newest + 1, false
	}
	if r.chain[newest].index == index { // nearly always
		return newest, true
	}
	return slices.BinarySearchFunc(r.chain, index, func(l link, index int64) int {
		return cmp.Compare(l.index, index)
	})
}

// extent returns the first and the last slot in [from, to) that have a sample.
func (r *series) extent(from, to int64) (first, last int64, ok bool) {
	first, ok = r.first(from)
	if !ok || first >= to {
		return 0, 0, false
	}
	last, _ = r.last(to - 1)
	return first, last, true
}

// first returns the first slot at or after from that has a sample.
func (r *series) first(from int64) (int64, bool) {
	index, at := block.Split(from)
	i, ok := r.find(index)
	for ; i < len(r.chain); i++ {
		if !ok {
			at = 0
		}
		if at = r.chain[i].block.First(at); at >= 0 {
			return r.chain[i].index*block.Slots + int64(at), true
		}
		ok = false
	}
	return 0, false
}

// last returns the last slot at or before to that has a sample.
func (r *series) last(to int64) (int64, bool) {
	index, at := block.Split(to)
	i, ok := r.find(index)
	if !ok {
		i--
	}
	for ; i >= 0; i-- {
		if !ok {
			at = block.Slots - 1
		}
		if at = r.chain[i].block.Last(at); at >= 0 {
			return r.chain[i].index*block.Slots + int64(at), true
		}
		ok = false
	}
	return 0, false
}

// each calls do with the samples in [from, to), block by block, and the slot of
// the first of each.
func (r *series) each(from, to int64, do func(slot int64, values []float64)) {
	index, _ := block.Split(from)
	i, _ := r.find(index)
	for ; i < len(r.chain); i++ {
		begin := r.chain[i].index * block.Slots
		if begin >= to {
			return
		}
		lo, hi := max(from, begin), min(to, begin+block.Slots)
		do(lo, r.chain[i].block[lo-begin:hi-begin])
	}
}
