package store

import (
	"math"
	"slices"

	"tallystick/internal/block"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
)

// stride is how many components of a node are looked at while it is locked: some
// 100 µs. A node may have a million of them.
const stride = 1024

// FreeBefore gives the blocks at a node, or at a level below one, and at all
// levels below that which end at or before the Unix second before back to the
// pool, prunes what is empty then, and returns how many blocks went. A path that
// is above the nodes frees nothing: who wants to free all goes from node to node.
func (s *Store) FreeBefore(at selector.Path, before int64) int {
	f := freeing{store: s, all: before, newest: math.MaxUint32}
	return s.free(at, &f).Blocks
}

// Freed says what was freed.
type Freed struct {
	Blocks int
	Oldest int64 // Unix second that the oldest block that is left begins with; math.MaxInt64 if none is
}

// Free does for one node what FreeBefore does, with a time for each metric.
func (s *Store) Free(node selector.Path, before func(metric.ID) int64) Freed {
	f := freeing{store: s, before: before, newest: math.MaxUint32}
	return s.free(node, &f)
}

// FreeSaved does for one node what FreeBefore does, but leaves alone what was
// changed since the last Cut that was saved. Where samples add up, those that come
// late for a block that is gone are refused with ErrRelieved from now on: the block
// that they would begin is a part of the one in the checkpoint, and nothing would say
// so.
func (s *Store) FreeSaved(node selector.Path, before int64) Freed {
	for old := s.eased.Load(); old < before && !s.eased.CompareAndSwap(old, before); old = s.eased.Load() {
	}
	f := freeing{store: s, all: before, newest: s.saved.Load()}
	return s.free(node, &f)
}

// relievedOf reports whether there may have been a block of counts that FreeSaved
// freed.
func (s *Store) relievedOf(id metric.ID, index int64) bool {
	eased := s.eased.Load()
	return eased != math.MinInt64 && s.adds(id) && (index+1)*block.Slots*s.table.At(id).Step <= eased
}

// AddSaved adds to ends, by the Unix second at which they end, the bytes of the
// blocks of a node that FreeSaved with the same arguments would free.
func (s *Store) AddSaved(node selector.Path, before int64, ends map[int64]int64) {
	n := s.nodes.get(node)
	if n == nil {
		return
	}
	saved := s.saved.Load()
	for l := range n.levels() {
		n.mu.RLock()
		for i := range l.level.series {
			r := &l.level.series[i]
			step := s.table.At(r.id).Step
			for _, b := range r.chain {
				if end := (b.begin() + block.Slots) * step; end <= before && b.changed <= saved {
					ends[end] += s.pool.Size(b.span, b.packed) + linkBytes
				}
			}
		}
		n.mu.RUnlock()
	}
}

func (s *Store) free(at selector.Path, f *freeing) Freed {
	f.left = math.MaxInt64
	if at.Node == "" || at.Component == (selector.Part{}) && at.Sub != (selector.Part{}) {
		return Freed{Oldest: f.left}
	}
	for n := s.nodes.get(at); n != nil && f.some(n, parts(at)); {
	}
	s.freed.Add(int64(f.blocks))
	return Freed{f.blocks, f.left}
}

// A freeing is one walk through a node.
type freeing struct {
	store  *Store
	before func(metric.ID) int64 // what ends then or earlier goes,
	all    int64                 // or then, if before is nil,
	newest uint32                // if it was not changed after this epoch

	next   selector.Part // of the node: where to go on
	blocks int           // given back
	bytes  int64         // that the tree has shrunk by
	left   int64         // begin of the oldest block that stays
}

// some goes on in the node, below the level that way leads to, and reports whether
// there is more to do. The node is locked meanwhile.
func (f *freeing) some(n *node, way []selector.Part) (more bool) {
	n.mu.Lock()
	if n.gone() {
		n.mu.Unlock()
		return false
	}
	f.bytes = 0
	if len(way) > 0 {
		f.below(&n.root, way)
	} else {
		more = f.stride(&n.root)
	}
	f.store.unlock(n)
	f.store.mem.give(f.bytes)
	return more
}

// below frees the level that way leads to from l, and prunes on the way back.
func (f *freeing) below(l *level, way []selector.Part) {
	if len(way) == 0 {
		f.level(l)
		return
	}
	page, at, ok := l.children.find(way[0])
	if !ok {
		return
	}
	f.below(l.children.pages[page][at], way[1:])
	old := l.children.bytes()
	f.prune(&l.children, page)
	f.bytes += old - l.children.bytes()
}

// stride frees the next children of a node's root, with the first also its own
// series.
func (f *freeing) stride(l *level) (more bool) {
	if f.next == (selector.Part{}) {
		f.own(l)
	}
	page, _, _ := l.children.find(f.next) // again from its first, if pages were split
	page = f.pages(&l.children, page, stride)
	if page >= len(l.children.pages) {
		return false
	}
	f.next = l.children.pages[page][0].part
	return true
}

func (f *freeing) level(l *level) {
	f.own(l)
	f.pages(&l.children, 0, math.MaxInt)
}

// pages frees the children in the pages from page on, most of them or a page more,
// and returns the page to go on with.
func (f *freeing) pages(c *children, page, most int) int {
	old := c.bytes()
	for n := 0; page < len(c.pages) && n < most; {
		n += len(c.pages[page])
		for _, l := range c.pages[page] {
			f.level(l)
		}
		if f.prune(c, page) {
			page++
		}
	}
	f.bytes += old - c.bytes()
	return page
}

// own frees the series of l itself.
func (f *freeing) own(l *level) {
	old := l.bytes()
	for i := range l.series {
		f.series(&l.series[i])
	}
	n := len(l.series)
	l.series = fit(slices.DeleteFunc(l.series, func(r series) bool { return len(r.chain) == 0 }))
	f.store.series.Add(int64(len(l.series) - n))
	f.bytes += old - l.bytes()
}

// prune takes the children out of a page that are empty, and reports whether the
// page is still there.
func (f *freeing) prune(c *children, page int) bool {
	n := len(c.pages[page])
	left := slices.DeleteFunc(c.pages[page], func(l *level) bool {
		if !l.empty() {
			return false
		}
		f.bytes += l.bytes()
		l.node.Store(nil)
		return true
	})
	f.store.levels.Add(int64(len(left) - n))
	if len(left) < n {
		left = fit(left)
	}
	c.pages[page] = left
	if len(left) == 0 {
		c.pages = fit(slices.Delete(c.pages, page, page+1))
	}
	return len(left) > 0
}

func (f *freeing) series(r *series) {
	m := f.store.table.At(r.id)
	before := f.all
	if f.before != nil {
		before = f.before(r.id)
	}
	// The block that before lies in stays; those that end at or before it go.
	keep, _ := block.Split(m.Slot(before))
	end := 0
	for end < len(r.chain) && int64(r.chain[end].index) < keep {
		end++
	}
	kept := 0
	for _, l := range r.chain[:end] {
		if l.changed > f.newest {
			r.chain[kept] = l
			kept++
			continue
		}
		f.store.drop(&l)
	}
	if kept < end {
		r.chain = fit(slices.Delete(r.chain, kept, end))
		f.blocks += end - kept
		f.store.blocks.Add(int64(kept - end))
	}
	if len(r.chain) > 0 {
		f.left = min(f.left, r.chain[0].begin()*m.Step)
	}
}
