package store

import (
	"slices"

	"tallystick/internal/block"
	"tallystick/internal/selector"
)

// FreeBefore gives the blocks of one node that end at or before the Unix second
// before back to the pool, prunes what is empty then, and returns how many
// blocks went. A path that is not of a node frees nothing. The node is locked
// meanwhile: who wants to free all goes from node to node.
func (s *Store) FreeBefore(at selector.Path, before int64) (freed int) {
	n := s.nodes.get(at)
	if n == nil || at != n.path {
		return 0
	}
	n.mu.Lock()
	if n.gone {
		n.mu.Unlock()
		return 0
	}
	f := freeing{store: s, before: min(max(before, -2*MaxTime), 2*MaxTime)}
	f.level(&n.root)
	s.unlock(n)
	s.mem.give(f.bytes)
	s.freed.Add(int64(f.blocks))
	return f.blocks
}

// A freeing is one walk through a node.
type freeing struct {
	store  *Store
	before int64
	blocks int   // given back
	bytes  int64 // that the tree has shrunk by
}

func (f *freeing) level(l *level) {
	old := l.bytes()
	for i := range l.series {
		f.series(&l.series[i])
	}
	n := len(l.series)
	l.series = fit(slices.DeleteFunc(l.series, func(r series) bool { return len(r.chain) == 0 }))
	f.store.series.Add(int64(len(l.series) - n))
	n = len(l.children)
	l.children = fit(slices.DeleteFunc(l.children, f.child))
	f.store.levels.Add(int64(len(l.children) - n))
	f.bytes += old - l.bytes()
}

// child frees a child and reports whether it is empty then.
func (f *freeing) child(c *level) bool {
	f.level(c)
	if c.empty() {
		f.bytes += c.bytes()
		return true
	}
	return false
}

func (f *freeing) series(r *series) {
	// The block that before lies in stays; those that end at or before it go.
	keep, _ := block.Split(f.store.table.At(r.id).Slot(f.before))
	i := 0
	for ; i < len(r.chain) && int64(r.chain[i].index) < keep; i++ {
		f.store.pool.Free(r.chain[i].span)
	}
	if i > 0 {
		r.chain = fit(slices.Delete(r.chain, 0, i))
		f.blocks += i
	}
}
