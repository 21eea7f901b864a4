package store

import (
	"cmp"
	"iter"
	"slices"

	"tallystick/internal/metric"
	"tallystick/internal/selector"
)

// Walk calls visit with every level but the root, parents before their
// children, in order. It leaves out what is below a level where visit returns
// false. No lock is held meanwhile: visit may take its time and use the store.
func (s *Store) Walk(visit func(selector.Path) (down bool)) {
	cluster, down := "", false
	for _, n := range s.nodes.list("") {
		if n.empty() { // just made, or just freed
			continue
		}
		if n.path.Cluster != cluster {
			cluster = n.path.Cluster
			down = visit(selector.Path{Cluster: cluster})
		}
		if down && visit(n.path) {
			n.walk(visit)
		}
	}
}

func (n *node) empty() bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.root.empty()
}

func (n *node) walk(visit func(selector.Path) (down bool)) {
	down := false
	for l := range n.levels() {
		switch {
		case l.path.Component == selector.Part{}: // the node itself
		case l.path.Sub == selector.Part{}:
			down = visit(l.path)
		case down:
			visit(l.path)
		}
	}
}

// A located is a level with its place in the tree.
type located struct {
	path  selector.Path
	level *level
}

// levels yields the levels of the node, in order. No lock is held meanwhile: a
// level that is made or pruned then may come or not.
func (n *node) levels() iter.Seq[located] {
	return func(yield func(located) bool) {
		var out []located
		own := func(l *level) bool {
			out = append(out, located{n.path, l})
			return true
		}
		child := func(c *level) {
			p := n.path
			p.Component = c.part
			out = append(out, located{p, c})
			for sub := range c.children.all() {
				p.Sub = sub.part
				out = append(out, located{p, sub})
			}
		}
		var next selector.Part
		for more := true; more; {
			out = out[:0]
			next, more = n.stride(n.path, next, own, child)
			for _, l := range out {
				if !yield(l) {
					return
				}
			}
		}
	}
}

// strides calls own with the level at the path, and, if that returns true, child
// with its children, in order. The node is locked for reading meanwhile, but not
// for all of it at once.
func (n *node) strides(at selector.Path, own func(*level) (down bool), child func(*level)) {
	var next selector.Part
	for more := true; more; {
		next, more = n.stride(at, next, own, child)
	}
}

// stride does what strides does, for some children from next on. An empty next is
// the level itself and its first children.
func (n *node) stride(at selector.Path, next selector.Part, own func(*level) bool, child func(*level)) (selector.Part, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	l := n.find(at)
	if l == nil || next == (selector.Part{}) && !own(l) {
		return next, false
	}
	return l.children.some(next, child)
}

// Levels returns the levels that match takes, in order: clusters, nodes,
// components and subcomponents, also those that have only levels below them.
func (s *Store) Levels(match func(selector.Path) bool) []selector.Path {
	var out []selector.Path
	s.Walk(func(p selector.Path) bool {
		if match(p) {
			out = append(out, p)
		}
		return true
	})
	return out
}

// Nodes returns the nodes, in order.
func (s *Store) Nodes() []selector.Path {
	nodes := s.nodes.list("")
	out := make([]selector.Path, 0, len(nodes))
	for _, n := range nodes {
		out = append(out, n.path)
	}
	return out
}

// Clusters returns the clusters, in order.
func (s *Store) Clusters() []string { return s.nodes.names() }

// Metrics returns the metrics that are held at or below the level, in the order
// of their names. An empty path is the root.
func (s *Store) Metrics(at selector.Path) []metric.ID {
	held := make([]bool, s.table.Len())
	for n, at := range s.below(at) {
		n.metrics(at, held)
	}
	var out []metric.ID
	for id, ok := range held {
		if ok {
			out = append(out, metric.ID(id))
		}
	}
	slices.SortFunc(out, func(a, b metric.ID) int { return cmp.Compare(s.table.At(a).Name, s.table.At(b).Name) })
	return slices.Clip(out)
}

func (n *node) metrics(at selector.Path, held []bool) {
	own := func(l *level) bool {
		l.own(held)
		return true
	}
	n.strides(at, own, func(c *level) { c.metrics(held) })
}

// own tells the metrics of l itself. One that was learned just now is in the next
// answer.
func (l *level) own(held []bool) {
	for i := range l.series {
		if id := int(l.series[i].id); id < len(held) {
			held[id] = true
		}
	}
}

func (l *level) metrics(held []bool) {
	for i := range l.series {
		if id := int(l.series[i].id); id < len(held) { // else it was learned meanwhile
			held[id] = true
		}
	}
	for c := range l.children.all() {
		c.metrics(held)
	}
}
