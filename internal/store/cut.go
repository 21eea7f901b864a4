package store

import (
	"iter"
	"math"
	"slices"
	"unsafe"

	"tallystick/internal/block"
	"tallystick/internal/metric"
)

// A Cut is the store as it is when the Cut is made, to be read while writers go
// on. It is exact for metrics whose samples add up (metric.Sum), where a sample
// that is told in two ways would be counted twice or never. Samples of all others
// may have gone on when the Cut comes by.
type Cut struct {
	store *Store
	epoch uint32 // what was written in it or before is in the Cut
}

// Cut makes one. Writers that are within a Write may be in it in part: who wants
// that not keeps them out while Cut runs, which takes no longer than a few
// nanoseconds. There is one at a time: if there is another, Cut waits for its
// Close.
func (s *Store) Cut() *Cut {
	s.cutter.Lock()
	epoch := s.epoch.Load()
	s.cut.Store(epoch)
	s.epoch.Store(epoch + 1)
	return &Cut{store: s, epoch: epoch}
}

// Close ends the Cut. It says whether all of it was saved: then memory that is
// short may be taken from it (see Relieve).
func (c *Cut) Close(saved bool) {
	s := c.store
	s.cut.Store(0)
	if saved {
		s.saved.Store(c.epoch)
	}
	for _, n := range s.nodes.list("") {
		n.pass(s, c.epoch+1)
	}
	s.cutter.Unlock()
}

// Blocks returns the blocks of the Cut in the order of path, metric and index. A
// block is copied under its node's lock and yielded outside of it; what is
// yielded is used again for the next. All blocks are in that are not freed
// meanwhile.
func (c *Cut) Blocks() iter.Seq[*BlockAt] {
	return func(yield func(*BlockAt) bool) {
		var b BlockAt
		for _, n := range c.store.nodes.list("") {
			if !c.store.dump(n, c.epoch, &b, yield) {
				return
			}
			n.pass(c.store, c.epoch+1)
		}
	}
}

// Blocks returns all blocks as Cut.Blocks does, but as they are when it comes by.
func (s *Store) Blocks() iter.Seq[*BlockAt] {
	return func(yield func(*BlockAt) bool) {
		var b BlockAt
		for _, n := range s.nodes.list("") {
			if !s.dump(n, math.MaxUint32, &b, yield) {
				return
			}
		}
	}
}

// dump yields the blocks of a node as they were in the epoch.
func (s *Store) dump(n *node, epoch uint32, b *BlockAt, yield func(*BlockAt) bool) bool {
	d := dumper{store: s, node: n, epoch: epoch}
	for l := range n.levels() {
		b.Path, d.level = l.path, l.level
		for next := (cursor{0, math.MinInt64}); ; next.index++ {
			var ok bool
			if next, ok = d.copy(next, b); !ok {
				break
			}
			m := s.table.At(next.id)
			b.Metric, b.Step, b.Index = m.Name, m.Step, next.index
			if !yield(b) {
				return false
			}
		}
	}
	return true
}

// A cursor is a place in a level.
type cursor struct {
	id    metric.ID
	index int64
}

// A dumper copies the blocks of a level.
type dumper struct {
	store *Store
	node  *node
	level *level
	epoch uint32
}

// copy copies the first block at or after c and returns its place.
func (d *dumper) copy(c cursor, to *BlockAt) (cursor, bool) {
	d.node.mu.RLock()
	defer d.node.mu.RUnlock()
	l := d.level
	i, same := l.get(c.id)
	for ; i < len(l.series); i++ {
		r, at := &l.series[i], 0
		if same {
			at, _ = r.find(c.index)
		}
		for ; at < len(r.chain); at++ {
			if d.block((*block.Block)(&to.Values), r, at) {
				return cursor{r.id, int64(r.chain[at].index)}, true
			}
		}
		same = false
	}
	return cursor{}, false
}

// block copies a block of r as it was in the epoch; false if it was not there.
func (d *dumper) block(to *block.Block, r *series, at int) bool {
	l := &r.chain[at]
	if l.changed <= d.epoch || !d.store.adds(r.id) {
		d.store.pool.Copy(to, l.span)
		return true
	}
	i, ok := d.node.images[imageKey{d.level, r.id, l.index}]
	if ok {
		block.Put(to, i.base, i.values)
	}
	return ok
}

// adds reports whether the samples of the metric add up.
func (s *Store) adds(id metric.ID) bool { return s.table.At(id).Fold == metric.Sum }

// An imageKey names a block of a node.
type imageKey struct {
	level *level
	id    metric.ID
	index int32
}

// An image is a block as it was.
type image struct {
	base   int
	values []float64
}

// imageBytes is what an image takes besides its values, in a map that is at most
// half empty.
const imageBytes = 2 * int64(unsafe.Sizeof(imageKey{})+unsafe.Sizeof(image{})+1)

// keep keeps a block as it is for the Cut before the epoch, unless it has come by.
// The memory is counted but not refused: it is at most that of the counts that
// change while a checkpoint is written, and refusing them would lose what the
// ledger has. n is locked.
func (n *node) keep(s *Store, epoch uint32, k imageKey, span block.Span) {
	if n.passed == epoch {
		return
	}
	if n.images == nil {
		n.images = make(map[imageKey]image)
	}
	base, values := s.pool.Values(span)
	n.images[k] = image{base, slices.Clone(values)}
	s.mem.give(-imageBytes - int64(len(values))*8)
}

// pass is told when the Cut before the epoch has come by.
func (n *node) pass(s *Store, epoch uint32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.forget(s)
	n.passed = epoch
}

// forget drops the images. n is locked.
func (n *node) forget(s *Store) {
	for _, i := range n.images {
		s.mem.give(imageBytes + int64(len(i.values))*8)
	}
	n.images = nil
}
