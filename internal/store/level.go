package store

import (
	"cmp"
	"slices"
	"strings"
	"sync/atomic"
	"unsafe"

	"tallystick/internal/metric"
	"tallystick/internal/selector"
)

const levelBytes = int64(unsafe.Sizeof(level{}))

// A level is a node, a component or a subcomponent. It is guarded by the lock
// of its node.
type level struct {
	node     atomic.Pointer[node] // nil once it was taken out of the tree: look the path up again
	part     selector.Part        // empty for a node
	series   []series             // by metric
	children children
}

// parts returns the way from a node to the level.
func parts(at selector.Path) []selector.Part {
	switch {
	case at.Sub != selector.Part{}:
		return []selector.Part{at.Component, at.Sub}
	case at.Component != selector.Part{}:
		return []selector.Part{at.Component}
	}
	return nil
}

// of returns the node of l, nil if it is out of the tree.
func (l *level) of() *node {
	if l == nil {
		return nil
	}
	return l.node.Load()
}

func compareParts(a, b selector.Part) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
}

// get returns the place of the metric's series, or where it would be.
func (l *level) get(id metric.ID) (int, bool) {
	return slices.BinarySearchFunc(l.series, id, func(r series, id metric.ID) int {
		return cmp.Compare(r.id, id)
	})
}

// each calls do with the series that make the metric at l: its own, or those of
// the nearest levels below that have one.
func (l *level) each(id metric.ID, do func(*series)) {
	if i, ok := l.get(id); ok {
		do(&l.series[i])
		return
	}
	for c := range l.children.all() {
		c.each(id, do)
	}
}

// cost returns the bytes that the tree below l must grow by before a block can
// be added to the metric at the level that way leads to.
func (l *level) cost(way []selector.Part, id metric.ID) int64 {
	var n int64
	var none level // here, so that nothing is allocated
	for _, p := range way {
		page, at, ok := l.children.find(p)
		if ok {
			l = l.children.pages[page][at]
			continue
		}
		n += l.children.cost(page) + levelBytes + partBytes(p)
		l = &none
	}
	r := &series{}
	if i, ok := l.get(id); ok {
		r = &l.series[i]
	} else {
		n += growth(l.series) * seriesBytes
	}
	return n + growth(r.chain)*linkBytes
}

// bytes returns the memory of l itself, without its children's and its blocks'.
func (l *level) bytes() int64 {
	n := levelBytes + partBytes(l.part) + l.children.bytes() + int64(cap(l.series))*seriesBytes
	for i := range l.series {
		n += int64(cap(l.series[i].chain)) * linkBytes
	}
	return n
}

func partBytes(p selector.Part) int64 { return int64(len(p.Type) + len(p.ID)) }

// open returns the level that way leads to, made where it is missing, and how
// many levels were made.
func (l *level) open(n *node, way []selector.Part) (*level, int) {
	made := 0
	for _, p := range way {
		page, at, ok := l.children.find(p)
		if ok {
			l = l.children.pages[page][at]
			continue
		}
		c := &level{part: selector.Part{Type: strings.Clone(p.Type), ID: strings.Clone(p.ID)}}
		c.node.Store(n)
		l.children.insert(page, at, c)
		l = c
		made++
	}
	return l, made
}

// empty reports whether l has nothing.
func (l *level) empty() bool { return len(l.series) == 0 && len(l.children.pages) == 0 }
