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
		s.mem.give(looseBytes * int64(len(n.loose)))
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
	place int    // in it, of the series that was written last
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
	to, l, err := w.room(place, p.Metric)
	if err != nil {
		return err
	}
	v := m.Fold.Apply(*to, p.Value)
	if math.IsInf(v, 0) { // not in a new slot: there it is p.Value
		return fmt.Errorf("sum of the slot: %w", ErrNotFinite)
	}
	w.change(l, p.Metric)
	*to = v
	return nil
}

// room returns the slot of the series at that place that a sample goes to, raw, and its
// block, made if need be. Who gets a new one must put a sample into it.
func (w *writer) room(place int, id metric.ID) (*float64, *link, error) {
	r := w.series(place, id)
	if r == nil {
		l, err := w.begin(id)
		return w.raw(l), l, err
	}
	i, ok := r.find(w.index)
	if i < len(r.chain)-1 || !ok && i < len(r.chain) {
		w.store.late.Add(1)
	}
	if !ok {
		l, err := w.begin(id)
		return w.raw(l), l, err
	}
	l := &r.chain[i]
	if !l.span.Covers(w.slot) {
		if err := w.cover(r, i, id); err != nil {
			return nil, nil, err
		}
	}
	return w.raw(l), l, nil
}

// series returns the series at that place in the level, nil if it is not there.
func (w *writer) series(place int, id metric.ID) *series {
	if w.level == nil || place >= len(w.level.series) || w.level.series[place].id != id {
		return nil
	}
	return &w.level.series[place]
}

// raw returns the sample's slot, for which there is room.
func (w *writer) raw(l *link) *float64 {
	if l == nil {
		return nil
	}
	base, values := w.store.pool.Values(l.span)
	return &values[w.slot-base]
}

// cover makes room for the sample in the block with number i of the chain.
func (w *writer) cover(r *series, i int, id metric.ID) error {
	s, l := w.store, &r.chain[i]
	from, to := l.span.Room()
	end := 0
	if b := s.sealed(l); b != nil {
		end = b.end()
	}
	begin := max(min(w.slot, to)-lagSlots, w.slot-min(to-from, tailSlots)+1) // of the raw part, from now on
	switch {
	case w.slot < end:
		return w.thaw(l, id)
	case l.span.None():
		return w.make(l)
	case w.slot < to || to-from < tailSlots && w.slot < from+tailSlots:
		return w.grow(l, end, id)
	case !s.seal(l, begin):
		return w.grow(l, end, id) // there may be room for that
	}
	l.span = s.pool.From(l.span, begin, tailSlots)
	if i > 0 && r.chain[i-1].index == l.index-1 && !r.chain[i-1].span.None() {
		s.sealAll(&r.chain[i-1])
	}
	return nil
}

func (w *writer) make(l *link) (err error) {
	var ok bool
	if l.span, ok = w.store.pool.Make(w.slot, w.slot); !ok {
		return ErrFull
	}
	return nil
}

// grow makes more raw room.
func (w *writer) grow(l *link, least int, id metric.ID) error {
	span, ok := w.store.pool.Cover(l.span, least, w.slot, w.slot)
	if !ok {
		return ErrFull
	}
	l.span = span
	w.loosen(l, id)
	return nil
}

// thaw makes all of a block raw, with room for the sample.
func (w *writer) thaw(l *link, id metric.ID) error {
	s := w.store
	d := s.reader()
	defer s.readers.Put(d)
	base, values := s.samples(l, &d.room)
	span, ok := s.pool.Make(min(base, w.slot), max(base+len(values)-1, w.slot))
	if !ok {
		return ErrFull
	}
	from, raw := s.pool.Values(span)
	copy(raw[base-from:], values)
	s.drop(l)
	l.span = span
	w.loosen(l, id)
	return nil
}

// loosen notes a block that has more raw than it should, for Settle.
func (w *writer) loosen(l *link, id metric.ID) {
	n := w.node
	if from, to := l.span.Room(); to-from <= tailSlots {
		return
	}
	if n.loose == nil {
		n.loose = make(map[imageKey]struct{})
	}
	k := imageKey{w.level, id, l.index}
	if _, ok := n.loose[k]; !ok {
		n.loose[k] = struct{}{}
		w.store.mem.give(-looseBytes)
	}
}

// has returns the block with the index, nil if it is not there.
func (w *writer) has(id metric.ID, index int64) *link {
	if r := w.series(w.first(id), id); r != nil {
		if i, ok := r.find(index); ok {
			return &r.chain[i]
		}
	}
	return nil
}

// begin begins the sample's block.
func (w *writer) begin(id metric.ID) (*link, error) {
	var l link
	if err := w.make(&l); err != nil {
		return nil, err
	}
	return w.open(id, w.index, l)
}

// open adds the block with the index, and all that is missing above it. If
// there is no memory for all of it, nothing changes, and the block's is given back.
func (w *writer) open(id metric.ID, index int64, l link) (*link, error) {
	s, at := w.store, w.path()
	way := parts(at)
	var err error
	if w.level == nil {
		err = at.Check()
	}
	switch {
	case err != nil:
	case s.relievedOf(id, index):
		err = ErrRelieved
	case !s.mem.take(w.node.root.cost(way, id)):
		err = ErrFull
	default:
		err = nil
	}
	if err != nil {
		s.drop(&l)
		return nil, err
	}
	level, made := w.node.root.open(w.node, way)
	s.levels.Add(int64(made))
	i, ok := level.get(id)
	if !ok {
		level.series = insert(level.series, i, series{id: id})
		s.series.Add(1)
	}
	r := &level.series[i]
	i, _ = r.find(index)
	l.index, l.changed = int32(index), w.epoch //nolint:gosec // MaxTime
	r.chain = insert(r.chain, i, l)
	s.blocks.Add(1)
	w.level = level
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
