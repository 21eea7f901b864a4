package store

import (
	"fmt"
	"math"

	"tallystick/internal/block"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
)

// A Point is a sample of a metric.
type Point struct {
	Metric metric.ID // of the store's table
	Time   int64     // Unix seconds
	Value  float64
}

// Write puts samples into the level, which is made if it is not there. Several
// samples of one slot become what the metric's Fold says. It stops at the first
// sample that it refuses, and says which and why: n samples are written then.
//
// The error is one of at.Check, or wraps ErrMetric, ErrTime, ErrNotFinite (also
// for a sum that would not be finite), ErrRelieved or ErrFull. ErrFull concerns only
// samples that need memory: others may still be written.
func (s *Store) Write(at selector.Path, pts ...Point) (n int, err error) {
	if len(pts) == 0 {
		return 0, at.Check()
	}
	d, err := s.lock(at)
	if err != nil {
		return 0, err
	}
	w := s.writer(d, at)
	defer w.unlock()
	for i, p := range pts {
		if err := w.put(p, w.first(p.Metric)); err != nil {
			return i, w.error(p, err)
		}
	}
	return len(pts), nil
}

// error says what err is of.
func (w *writer) error(p Point, err error) error {
	return fmt.Errorf("write %s to %s at %d: %w", w.store.name(p.Metric), w.path(), p.Time, err)
}

func (s *Store) name(id metric.ID) string {
	if int(id) >= s.table.Len() {
		return fmt.Sprintf("metric %d", id)
	}
	return s.table.At(id).Name
}

// lock returns the node that at is at or below, made if need be, locked for
// writing, and in the tree as long as it is locked.
func (s *Store) lock(at selector.Path) (*node, error) {
	for {
		n := s.nodes.get(at)
		if n == nil {
			if err := at.Check(); err != nil {
				return nil, err
			}
			if n = s.nodes.add(at, &s.mem); n == nil {
				return nil, fmt.Errorf("make node %s: %w", at, ErrFull)
			}
		}
		n.mu.Lock()
		if !n.gone() {
			return n, nil
		}
		n.mu.Unlock()
		s.nodes.drop(n, &s.mem) // whoever emptied it is about to do so: no need to wait for him
	}
}

// unlock ends what lock began. A node that is empty goes out of the tree.
func (s *Store) unlock(n *node) {
	gone := n.root.empty()
	if gone {
		n.root.node.Store(nil)
		n.forget(s)
	}
	n.mu.Unlock()
	if gone {
		s.nodes.drop(n, &s.mem)
	}
}

// find returns the level at the path, nil if it is not there. n is locked.
func (n *node) find(at selector.Path) *level {
	if at.Component == (selector.Part{}) && at.Sub != (selector.Part{}) {
		return nil // a hole
	}
	l := &n.root
	for _, p := range [...]selector.Part{at.Component, at.Sub} {
		if p == (selector.Part{}) {
			continue
		}
		if l = l.children.get(p); l == nil {
			return nil
		}
	}
	return l
}

// A writer writes to one level after the other. The node of the level is locked.
type writer struct {
	store *Store
	node  *node         // nil: none is locked
	at    selector.Path // if there is no Handle
	to    *Handle
	level *level // nil: not there yet
	epoch uint32

	time, step int64 // of the last sample
	index      int64 // of its block
	slot       int   // in that
}

func (s *Store) writer(n *node, at selector.Path) writer {
	return writer{store: s, node: n, at: at, level: n.find(at), epoch: s.epoch.Load()}
}

// path returns the path of the level.
func (w *writer) path() selector.Path {
	if w.to != nil {
		return w.to.Path
	}
	return w.at
}

func (w *writer) unlock() {
	if w.node != nil {
		w.store.unlock(w.node)
		w.node = nil
	}
}

// first returns the place of the metric's series, or where it would be.
func (w *writer) first(id metric.ID) int {
	if w.level == nil {
		return 0
	}
	i, _ := w.level.get(id)
	return i
}

// put writes a sample to the series at that place in the level, if it is there.
func (w *writer) put(p Point, place int) error {
	s := w.store
	switch {
	case int(p.Metric) >= s.table.Len():
		return ErrMetric
	case p.Time < -MaxTime || p.Time > MaxTime:
		return ErrTime
	case p.Value-p.Value != 0: // NaN, or infinite
		return ErrNotFinite
	}
	m := s.table.At(p.Metric)
	if p.Time != w.time || m.Step != w.step {
		w.time, w.step = p.Time, m.Step
		w.index, w.slot = block.Split(m.Slot(p.Time))
	}
	l, late, err := w.link(place, p.Metric, w.index, w.slot, w.slot)
	if err != nil {
		return err
	}
	base, values := s.pool.Values(l.span)
	v := m.Fold.Apply(values[w.slot-base], p.Value)
	if math.IsInf(v, 0) { // not in a new slot: there it is p.Value
		return fmt.Errorf("sum of the slot: %w", ErrNotFinite)
	}
	w.change(l, p.Metric)
	values[w.slot-base] = v
	if late {
		s.late.Add(1)
	}
	return nil
}

// link returns the block with the index, made if need be, with room for its slots
// from lo to hi, and whether the series has a newer one. Who gets a new one must
// put a sample into it.
func (w *writer) link(place int, id metric.ID, index int64, lo, hi int) (l *link, late bool, err error) {
	if w.level != nil && place < len(w.level.series) && w.level.series[place].id == id {
		r := &w.level.series[place]
		i, ok := r.find(index)
		late = i < len(r.chain)-1
		if ok {
			return &r.chain[i], late, w.cover(&r.chain[i], lo, hi)
		}
		late = i < len(r.chain)
	}
	l, err = w.open(id, index, lo, hi)
	return l, late, err
}

// has reports whether there is a block with the index.
func (w *writer) has(id metric.ID, index int64) bool {
	if w.level == nil {
		return false
	}
	i, ok := w.level.get(id)
	if ok {
		_, ok = w.level.series[i].find(index)
	}
	return ok
}

// cover makes sure that the block has room for its slots from lo to hi.
func (w *writer) cover(l *link, lo, hi int) error {
	if l.span.Covers(lo) && l.span.Covers(hi) {
		return nil
	}
	span, ok := w.store.pool.Cover(l.span, lo, hi)
	if !ok {
		return ErrFull
	}
	l.span = span
	return nil
}

// open adds the block with the index, and all that is missing above it. If
// there is no memory for all of it, nothing changes.
func (w *writer) open(id metric.ID, index int64, lo, hi int) (*link, error) {
	at := w.path()
	if err := at.Check(); w.level == nil && err != nil {
		return nil, err
	}
	s, way := w.store, parts(at)
	if s.relievedOf(id, index) {
		return nil, ErrRelieved
	}
	cost := w.node.root.cost(way, id)
	if !s.mem.take(cost) {
		return nil, ErrFull
	}
	span, ok := s.pool.Make(lo, hi)
	if !ok {
		s.mem.give(cost)
		return nil, ErrFull
	}
	l, made := w.node.root.open(w.node, way)
	s.levels.Add(int64(made))
	i, ok := l.get(id)
	if !ok {
		l.series = insert(l.series, i, series{id: id})
		s.series.Add(1)
	}
	r := &l.series[i]
	i, _ = r.find(index)
	r.chain = insert(r.chain, i, link{index: int32(index), span: span, changed: w.epoch}) //nolint:gosec // MaxTime
	w.level = l
	return &r.chain[i], nil
}

// change is told before the samples of a block change: an open Cut that has not
// come by may want them as they are.
func (w *writer) change(l *link, id metric.ID) {
	if l.changed == w.epoch {
		return
	}
	if w.store.cut.Load()+1 == w.epoch && w.store.adds(id) {
		w.node.keep(w.store, w.epoch, imageKey{w.level, id, l.index}, l)
	}
	l.changed = w.epoch
}
