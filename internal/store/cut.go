package store

import (
	"cmp"
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

// Unsaved makes all blocks count as not saved.
func (s *Store) Unsaved() { s.saved.Store(0) }

// A Part is what blocks a walk over a Cut wants.
type Part struct {
	Cluster string // empty: all
	Sums    bool   // those of metrics whose samples add up, or those of all others
	All     bool   // also those that have not changed since the last Cut that was saved
}

// Blocks returns the blocks of a part of the Cut, ordered by path, name of the metric
// and index. A block is copied under its node's lock and yielded outside of it; what
// is yielded is used again for the next. All blocks are in that are not freed
// meanwhile. Sums of a cluster can be asked for once: what is kept for the Cut is
// forgotten as it comes by.
func (c *Cut) Blocks(p Part) iter.Seq[*BlockAt] {
	return func(yield func(*BlockAt) bool) {
		d := dumper{store: c.store, epoch: c.epoch, wants: func(id metric.ID) bool { return c.store.adds(id) == p.Sums }}
		if !p.All {
			d.after = c.store.saved.Load()
		}
		for _, n := range c.store.nodes.list(p.Cluster) {
			if !d.dump(n, yield) {
				return
			}
			if p.Sums {
				n.pass(c.store, c.epoch+1)
			}
		}
	}
}

// Blocks returns all blocks as Cut.Blocks does, but as they are when it comes by.
func (s *Store) Blocks() iter.Seq[*BlockAt] {
	return func(yield func(*BlockAt) bool) {
		d := dumper{store: s, epoch: math.MaxUint32, wants: func(metric.ID) bool { return true }}
		for _, n := range s.nodes.list("") {
			if !d.dump(n, yield) {
				return
			}
		}
	}
}

// A dumper copies blocks.
type dumper struct {
	store *Store
	after uint32               // what was changed after this epoch,
	epoch uint32               // as it was in this one
	wants func(metric.ID) bool // and of these metrics

	names []string // of the metrics, by their IDs
	out   BlockAt

	node  *node
	level *level
	ids   []metric.ID // of the level's series, by name
	next  int         // in ids
	index int64       // of the block to go on with
	room  block.Block // for what is sealed
}

// dump yields the blocks of a node.
func (d *dumper) dump(n *node, yield func(*BlockAt) bool) bool {
	d.node = n
	for l := range n.levels() {
		d.out.Path, d.level = l.path, l.level
		for d.begin(); d.copy(); d.index++ {
			if !yield(&d.out) {
				return false
			}
		}
	}
	return true
}

// begin begins with the level.
func (d *dumper) begin() {
	d.node.mu.RLock()
	defer d.node.mu.RUnlock()
	d.ids, d.next, d.index = d.ids[:0], 0, math.MinInt64
	for i := range d.level.series {
		if id := d.level.series[i].id; d.wants(id) {
			d.ids = append(d.ids, id)
		}
	}
	for id := len(d.names); id < d.store.table.Len(); id++ {
		d.names = append(d.names, d.store.table.At(metric.ID(id)).Name)
	}
	slices.SortFunc(d.ids, func(a, b metric.ID) int { return cmp.Compare(d.names[a], d.names[b]) })
}

// copy copies the next block, if there is one.
func (d *dumper) copy() bool {
	d.node.mu.RLock()
	defer d.node.mu.RUnlock()
	for ; d.next < len(d.ids); d.next, d.index = d.next+1, math.MinInt64 {
		id := d.ids[d.next]
		i, ok := d.level.get(id)
		if !ok { // freed meanwhile
			continue
		}
		r := &d.level.series[i]
		for at, _ := r.find(d.index); at < len(r.chain); at++ {
			if d.block(r, at) {
				m := d.store.table.At(id)
				d.index = int64(r.chain[at].index)
				d.out.Metric, d.out.Step, d.out.Index = m.Name, m.Step, d.index
				return true
			}
		}
	}
	return false
}

// block copies a block of r as it was in the epoch; false if it was not there, or
// had not changed.
func (d *dumper) block(r *series, at int) bool {
	l := &r.chain[at]
	if l.changed <= d.after {
		return false
	}
	to := (*block.Block)(&d.out.Values)
	if l.changed <= d.epoch || !d.store.adds(r.id) {
		base, values := d.store.samples(l, &d.room)
		block.Put(to, base, values)
		d.out.Sealed = d.store.appendSealed(d.out.Sealed[:0], l, base, values)
		return true
	}
	i, ok := d.node.images[imageKey{d.level, r.id, l.index}]
	if ok = ok && i.changed > d.after; ok {
		block.Put(to, i.base, i.values)
		d.out.Sealed = d.out.Sealed[:0]
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
	base    int
	values  []float64
	changed uint32 // epoch of the newest change that is in it
}

// imageBytes is what an image takes besides its values, in a map that is at most
// half empty.
const imageBytes = 2 * int64(unsafe.Sizeof(imageKey{})+unsafe.Sizeof(image{})+1)

// keep keeps a block as it is for the Cut before the epoch, unless it has come by.
// The memory is counted but not refused: it is at most that of the counts that
// change while a checkpoint is written, and refusing them would lose what the
// ledger has. n is locked.
func (n *node) keep(s *Store, epoch uint32, k imageKey, l *link) {
	if n.passed == epoch {
		return
	}
	if n.images == nil {
		n.images = make(map[imageKey]image)
	}
	d := s.reader()
	defer s.readers.Put(d)
	base, values := s.samples(l, &d.room)
	n.images[k] = image{base, slices.Clone(values), l.changed}
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
