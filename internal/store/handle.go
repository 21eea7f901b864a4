package store

import (
	"sync/atomic"

	"tallystick/internal/metric"
	"tallystick/internal/selector"
)

// A Handle is a level that is written to again and again: it remembers where in the tree
// that was, so that nothing is searched. It may be used by several writers at the same
// time. Path must not change.
type Handle struct {
	Path selector.Path

	level atomic.Pointer[level]
}

// Same reports whether h and o are of one level.
func (h *Handle) Same(o *Handle) bool {
	if h == o {
		return true
	}
	if l := h.level.Load(); l != nil && l == o.level.Load() {
		return true
	}
	return h.Path == o.Path
}

// A Sample is a Point with its level.
type Sample struct {
	To *Handle
	Point
}

// maxHeld is how many samples of a node are written at most before its lock is let go.
const maxHeld = 512

// WriteAll does for each sample, in their order, what Write does. It stops at the first
// that it refuses, and says which and why: n samples are written then.
func (s *Store) WriteAll(samples []Sample) (n int, err error) {
	w := writer{store: s}
	defer w.unlock()
	held := 0
	for i := range samples {
		p := &samples[i]
		if held--; held < 0 {
			w.unlock()
			held = maxHeld
		}
		if w.node == nil || p.To != w.to {
			if err := w.move(p.To); err != nil {
				return i, err
			}
		}
		w.place = w.guess(p.Metric)
		fresh := w.level == nil
		if err := w.put(p.Point, w.place); err != nil {
			return i, w.error(p.Point, err)
		}
		if fresh {
			p.To.level.Store(w.level)
		}
	}
	return len(samples), nil
}

// guess is first, and looks at the series behind the last one first: who sends several sends
// them in one order.
func (w *writer) guess(id metric.ID) int {
	if next := w.place + 1; w.series(next, id) != nil {
		return next
	}
	return w.first(id)
}

// move makes the level of h that which is written to, and locks its node.
func (w *writer) move(h *Handle) error {
	w.to, w.level, w.place = h, h.level.Load(), -1
	if n := w.level.of(); n != nil && w.lock(n) && w.level.of() == n {
		return nil
	}
	w.unlock()
	n, err := w.store.lock(h.Path)
	if err != nil {
		return err
	}
	w.node, w.epoch = n, w.store.epoch.Load()
	w.level = n.find(h.Path)
	h.level.Store(w.level)
	return nil
}

// lock locks n, and reports whether it is in the tree.
func (w *writer) lock(n *node) bool {
	if w.node == n {
		return true
	}
	w.unlock()
	n.mu.Lock()
	if n.gone() {
		n.mu.Unlock()
		return false
	}
	w.node, w.epoch = n, w.store.epoch.Load()
	return true
}
