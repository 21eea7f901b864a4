package store

import (
	"unsafe"

	"tallystick/internal/block"
	"tallystick/internal/selector"
)

// looseBytes is what a key of a node's loose blocks takes, in a map that is at most half
// empty.
const looseBytes = 2 * int64(unsafe.Sizeof(imageKey{})+1)

// Settle seals again what late samples had taken apart at a node, and returns how many
// blocks that are. It is to be called every few seconds: a block that is late all the time
// is taken apart once in that time.
func (s *Store) Settle(node selector.Path) (blocks int) {
	n := s.nodes.get(node)
	if n == nil {
		return 0
	}
	for k := range n.loosened() {
		n.mu.Lock()
		if s.settle(n, k) {
			blocks++
		}
		n.mu.Unlock()
	}
	return blocks
}

// loosened takes the keys of blocks that are raw.
func (n *node) loosened() map[imageKey]struct{} {
	n.mu.RLock()
	none := len(n.loose) == 0
	n.mu.RUnlock()
	if none {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	loose := n.loose
	n.loose = nil
	return loose
}

// settle seals a block, if it is there. What there is no memory for stays raw.
func (s *Store) settle(n *node, k imageKey) bool {
	s.mem.give(looseBytes)
	i, ok := k.level.get(k.id)
	if k.level.of() != n || !ok {
		return false
	}
	r := &k.level.series[i]
	at, ok := r.find(int64(k.index))
	switch {
	case !ok || r.chain[at].span.None():
		return false
	case at < len(r.chain)-1:
		return s.sealAll(&r.chain[at])
	}
	return s.sealPast(&r.chain[at])
}

// Compact moves the blocks of a node to where memory is fuller, so that what is nearly
// empty becomes free for blocks of any size. It is for when memory is short: what is freed
// is here and there, and what comes is of other sizes.
func (s *Store) Compact(node selector.Path) {
	n := s.nodes.get(node)
	if n == nil {
		return
	}
	for l := range n.levels() {
		n.mu.Lock()
		for i := range l.level.series {
			for j := range l.level.series[i].chain {
				s.compact(&l.level.series[i].chain[j])
			}
		}
		n.mu.Unlock()
	}
}

func (s *Store) compact(l *link) {
	if !l.span.None() {
		l.span = s.pool.Denser(l.span)
	}
	if !l.packed.None() {
		l.packed = s.pool.DenserPacked(l.packed)
	}
}

// sealPast seals all but the last slots that a block has raw.
func (s *Store) sealPast(l *link) bool {
	from := s.pool.Last(l.span, block.Slots-1) + 1 - lagSlots
	if from <= 0 || !s.seal(l, from) {
		return false
	}
	l.span = s.pool.From(l.span, from, tailSlots)
	return true
}
