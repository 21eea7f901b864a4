package store

import (
	"cmp"
	"iter"
	"slices"

	"tallystick/internal/block"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
)

// A Held is a series with where its blocks are.
type Held struct {
	Path   selector.Path
	Metric metric.ID
	Blocks []Extent // oldest first
}

// An Extent is from the first to behind the last sample of a block.
type Extent struct {
	From, To int64 // Unix seconds, multiples of the metric's step: [From, To)
}

// Held returns the series at the level and below it, in the order of path and
// the metric's name, without those of nodes that come before the node of from. No lock is
// held while the loop's body runs: what is written meanwhile may be in or not.
func (s *Store) Held(at, from selector.Path) iter.Seq[Held] {
	from = selector.Path{Cluster: from.Cluster, Node: from.Node}
	return func(yield func(Held) bool) {
		for n := range s.below(at) {
			if n.path.Compare(from) < 0 {
				continue
			}
			for l := range n.levels() {
				if at.Contains(l.path) && !s.held(n, l, yield) {
					return
				}
			}
		}
	}
}

// held yields the series of one level.
func (s *Store) held(n *node, l located, yield func(Held) bool) bool {
	for _, h := range s.chains(n, l) {
		if !yield(h) {
			return false
		}
	}
	return true
}

func (s *Store) chains(n *node, l located) []Held {
	n.mu.RLock()
	defer n.mu.RUnlock()
	d := s.reader()
	defer s.readers.Put(d)
	out := make([]Held, len(l.level.series))
	for i := range l.level.series {
		r := &l.level.series[i]
		step := s.table.At(r.id).Step
		blocks := make([]Extent, 0, len(r.chain))
		for _, c := range r.chain {
			begin := c.begin()
			if first, last, ok := d.extent(r, begin, begin+block.Slots); ok {
				blocks = append(blocks, Extent{first * step, (last + 1) * step})
			}
		}
		out[i] = Held{l.path, r.id, blocks}
	}
	slices.SortFunc(out, func(a, b Held) int { // learned metrics are not in order
		return cmp.Compare(s.table.At(a.Metric).Name, s.table.At(b.Metric).Name)
	})
	return out
}
