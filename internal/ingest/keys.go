package ingest

import (
	"bytes"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// keys finds the targets of lines by their keys, so that a line whose key was seen
// before costs no decoding of tags. What comes after a key is mostly what came after it the
// last time: that is looked at first, and is not even hashed. The tags, which the metrics of a
// level mostly share, are held once for all of them: that is less memory to hold, and to look at.
//
// It holds at most the configured number of bytes. When it is full, what was not
// asked for since the last sweep makes room, and sweeps are sweepAfter apart:
// a flood of new keys may fill what is free, but does not drive out what is in
// use. A key that finds no room only costs its line the decoding.
type keys struct {
	seed   maphash.Seed
	shards [keyShards]keyShard
	max    int64 // bytes in a shard
}

const (
	// keyShards is how many locks there are: many times what processors there are.
	keyShards = 64
	// sweepAfter is longer than collectors wait between two samples, in seconds.
	sweepAfter = 600
	// maxKey is how long a key is at most: ten times what collectors send. Without
	// it, few lines could fill the memory.
	maxKey = 1024
	// keyCost is what a key takes besides its names: hash and pointer in a map at most half
	// empty, and the known.
	keyCost = 2*(8+8) + int64(unsafe.Sizeof(known{}))
	// tagsCost is what tags take besides their text.
	tagsCost = int64(unsafe.Sizeof(tags{}))
)

// A keyShard has the keys of one lock: all that have the same tags.
type keyShard struct {
	mu    sync.RWMutex
	known map[uint64]*known // by hash; of two with the same, one is not remembered
	bytes int64
	swept int64 // Unix second; 0: never

	_ [64]byte // so that two locks do not share a cache line
}

// A tags is what keys have behind the measurement, and the level that it means.
type tags struct {
	text  string // of the key, from the comma behind the measurement on
	scope string // of the key
	level store.Handle
	bytes int64 // of memory
	held  int   // by how many keys; the shard's lock is for it
}

// newTags returns those of a key, or of no key if text is nil, which mean the level at path. The
// names in it become pieces of the text where that has them: they are held for long, and this takes
// less memory.
func newTags(text, scope []byte, path selector.Path) *tags {
	all := string(scope) + string(text)
	t := &tags{text: all[len(scope):], scope: all[:len(scope)], level: store.Handle{Path: path}}
	t.bytes = tagsCost + int64(len(all))
	for _, s := range parts(&t.level.Path) {
		if i := strings.Index(all, *s); i >= 0 {
			*s = all[i : i+len(*s)]
		} else {
			t.bytes += int64(len(*s))
		}
	}
	return t
}

// are reports whether t is that of a key with the text.
func (t *tags) are(text, scope []byte) bool {
	return t.text != "" && string(text) == t.text && string(scope) == t.scope
}

// A known is a target that is remembered. It is not changed, but for what is atomic.
type known struct {
	tags        *tags
	measurement string                // the key begins with it
	next        atomic.Pointer[known] // what came after it the last time
	id          metric.ID             // of the measurement, if has
	bytes       uint32                // of memory, without the tags
	state       atomic.Uint32
	has         bool
}

func (e *known) target() target {
	return target{tags: e.tags, measurement: e.measurement, id: e.id, has: e.has}
}

// size is how long the key is.
func (e *known) size() int { return len(e.measurement) + len(e.tags.text) }

// The states of a known.
const (
	idle    = iota
	used    // since the last sweep
	dropped // no longer among the keys
)

// use notes that it is used, and reports whether it still may be.
func (e *known) use() bool {
	s := e.state.Load()
	return s == used || s == idle && e.state.CompareAndSwap(idle, used) // a write would take the cache line from the others
}

// begins reports whether the line begins with the key of e, which has no space.
func (e *known) begins(line, scope []byte) bool {
	m, n := len(e.measurement), e.size()
	return len(line) > n && line[n] == ' ' && string(line[:m]) == e.measurement && e.tags.are(line[m:n], scope)
}

func newKeys(maxBytes int64) *keys {
	k := &keys{seed: maphash.MakeSeed(), max: maxBytes / keyShards}
	for i := range k.shards {
		k.shards[i].known = make(map[uint64]*known)
	}
	return k
}

// place returns where the key of a measurement with tags is.
func (k *keys) place(measurement, tags, scope []byte) (*keyShard, uint64) {
	t := maphash.Bytes(k.seed, tags) + maphash.Bytes(k.seed, scope)
	return &k.shards[t%keyShards], t*31 + maphash.Bytes(k.seed, measurement)
}

// cutKey returns the two parts of a key.
func cutKey(key []byte) (measurement, tags []byte) {
	if i := bytes.IndexByte(key, ','); i >= 0 {
		return key[:i], key[i:]
	}
	return key, nil
}

// find returns the target of the key that a line begins with, which others have too, or
// nil. last is the one of the line before, or nil. The same key means different things in
// different scopes.
func (k *keys) find(line, scope []byte, last *known) *known {
	if last != nil {
		if e := last.next.Load(); e != nil && e.begins(line, scope) && e.use() {
			return e
		}
	}
	key, _, _ := bytes.Cut(line, []byte{' '})
	measurement, tags := cutKey(key)
	s, hash := k.place(measurement, tags, scope)
	s.mu.RLock()
	e := s.known[hash]
	s.mu.RUnlock()
	if e == nil || !e.begins(line, scope) || !e.use() {
		return nil
	}
	if last != nil {
		last.next.Store(e)
	}
	return e
}

// put remembers a target, if there is room, and returns it. now is in Unix seconds.
func (k *keys) put(key, scope []byte, to *target, now int64) *known {
	if key == nil || len(key) > maxKey {
		return nil
	}
	e := &known{tags: to.tags, measurement: to.measurement, id: to.id, has: to.has, bytes: uint32(keyCost)}
	if !to.has { // else it is the metric's name
		e.bytes += uint32(len(to.measurement)) //nolint:gosec // at most maxKey
	}
	e.state.Store(used)
	measurement, tags := cutKey(key)
	s, hash := k.place(measurement, tags, scope)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes+e.cost() > k.max {
		s.sweep(now)
	}
	cost := e.cost() // the sweep may have dropped all that had the tags
	if s.known[hash] != nil || s.bytes+cost > k.max {
		return nil
	}
	s.known[hash] = e
	s.bytes += cost
	e.tags.held++
	return e
}

// cost is how many bytes more there are with e among the keys of its shard, which is locked.
func (e *known) cost() int64 {
	if e.tags.held > 0 {
		return int64(e.bytes)
	}
	return int64(e.bytes) + e.tags.bytes
}

// drop takes away what is not used.
func (s *keyShard) drop(hash uint64, e *known) {
	e.next.Store(nil) // what is dropped holds nothing else
	delete(s.known, hash)
	e.tags.held--
	s.bytes -= e.cost()
}

// sweep drops what was not used since the last time, if that is long enough ago.
func (s *keyShard) sweep(now int64) {
	if now-s.swept < sweepAfter && now >= s.swept {
		return
	}
	first := s.swept == 0
	s.swept = now
	for hash, e := range s.known {
		if first || !e.state.CompareAndSwap(idle, dropped) {
			e.state.CompareAndSwap(used, idle)
			continue
		}
		s.drop(hash, e)
	}
}

// size returns how many keys are held, and their bytes.
func (k *keys) size() (n int, bytes int64) {
	for i := range k.shards {
		s := &k.shards[i]
		s.mu.RLock()
		n += len(s.known)
		bytes += s.bytes
		s.mu.RUnlock()
	}
	return n, bytes
}
