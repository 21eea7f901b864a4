package store

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"tallystick/internal/selector"
)

// A node is a node of a cluster with all that is below it.
type node struct {
	path selector.Path // of cluster and node

	mu   sync.RWMutex
	root level

	// For the Cut of the epoch before images: counts as they were when it began,
	// of blocks that have changed since and that it has not come by yet.
	images map[imageKey]image
	passed uint32 // epoch that follows the newest Cut which came by

	loose map[imageKey]struct{} // blocks that are raw, for Settle
}

// gone reports whether n was taken out of the tree, for ever: look the path up again.
func (n *node) gone() bool { return n.root.of() == nil }

// nodeBytes is what a node takes besides its names: itself, its places in the
// sorted list and in the map (32 bytes of key, 8 of pointer, a third empty).
const nodeBytes = int64(unsafe.Sizeof(node{})+15)&^15 + 2*8 + 3*40/2

func (n *node) bytes() int64 {
	return nodeBytes + int64(len(n.path.Cluster)+len(n.path.Node))
}

// A place is the name of a node.
type place struct{ cluster, node string }

// An index finds nodes.
type index struct {
	mu       sync.RWMutex
	byName   map[place]*node
	sorted   []*node        // by path
	clusters map[string]int // how many nodes each has
}

func (x *index) init() {
	x.byName = make(map[place]*node)
	x.clusters = make(map[string]int)
}

func (x *index) count() (clusters, nodes int) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.clusters), len(x.sorted)
}

// names returns the clusters, in order.
func (x *index) names() []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.Sorted(maps.Keys(x.clusters))
}

// get returns the node that p is at or below, nil if there is none.
func (x *index) get(p selector.Path) *node {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.byName[place{p.Cluster, p.Node}]
}

// list returns the nodes of a cluster, of all if it is empty, sorted.
func (x *index) list(cluster string) []*node {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if cluster == "" {
		return slices.Clone(x.sorted)
	}
	i, _ := x.search(selector.Path{Cluster: cluster})
	return slices.Clone(x.sorted[i : i+x.clusters[cluster]])
}

func (x *index) search(p selector.Path) (int, bool) {
	return slices.BinarySearchFunc(x.sorted, p, func(n *node, p selector.Path) int {
		return n.path.Compare(p)
	})
}

// add returns the node that p is at or below, made if need be, and nil if mem
// has no room for it.
func (x *index) add(p selector.Path, mem *memory) *node {
	x.mu.Lock()
	defer x.mu.Unlock()
	if n := x.byName[place{p.Cluster, p.Node}]; n != nil {
		return n
	}
	n := &node{path: selector.Path{Cluster: strings.Clone(p.Cluster), Node: strings.Clone(p.Node)}}
	if !mem.take(n.bytes()) {
		return nil
	}
	n.root.node.Store(n)
	i, _ := x.search(n.path)
	x.sorted = slices.Insert(x.sorted, i, n)
	x.byName[place{n.path.Cluster, n.path.Node}] = n
	x.clusters[n.path.Cluster]++
	return n
}

// drop takes a node that is gone out of the index, if nobody did so before.
func (x *index) drop(n *node, mem *memory) {
	x.mu.Lock()
	defer x.mu.Unlock()
	key := place{n.path.Cluster, n.path.Node}
	if x.byName[key] != n {
		return
	}
	delete(x.byName, key)
	i, _ := x.search(n.path)
	x.sorted = slices.Delete(x.sorted, i, i+1)
	if x.clusters[key.cluster]--; x.clusters[key.cluster] == 0 {
		delete(x.clusters, key.cluster)
	}
	mem.give(n.bytes())
}
