package store

import (
	"cmp"
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
	for _, l := range n.levels() {
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

// levels returns the levels of the node, in order.
func (n *node) levels() []located {
	n.mu.RLock()
	defer n.mu.RUnlock()
	out := []located{{n.path, &n.root}}
	for _, c := range n.root.children {
		p := n.path
		p.Component = c.part
		out = append(out, located{p, c})
		for _, sub := range c.children {
			p.Sub = sub.part
			out = append(out, located{p, sub})
		}
	}
	return out
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
	n.mu.RLock()
	defer n.mu.RUnlock()
	if l := n.find(at); l != nil {
		l.metrics(held)
	}
}

func (l *level) metrics(held []bool) {
	for i := range l.series {
		if id := int(l.series[i].id); id < len(held) { // else it was learned meanwhile
			held[id] = true
		}
	}
	for _, c := range l.children {
		c.metrics(held)
	}
}
