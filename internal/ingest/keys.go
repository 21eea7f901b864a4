package ingest

import (
	"bytes"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"unsafe"

	"tallystick/internal/metric"
	"tallystick/internal/store"
)

// keys finds the targets of lines by their keys, so that a line whose key was seen
// before costs no decoding of tags. What comes after a key is mostly what came after it the
// last time: that is looked at first, and is not even hashed.
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
	// keyCost is what a key takes besides itself: key and pointer in a map at most
	// half empty, and the known.
	keyCost = 2*(16+8) + int64(unsafe.Sizeof(known{}))
	// handleCost is what a level takes besides its names; mostly several keys share it.
	handleCost = int64(unsafe.Sizeof(store.Handle{}))
)

// A keyShard has the keys of one lock.
type keyShard struct {
	mu    sync.RWMutex
	known map[string]*known
	bytes int64
	swept int64 // Unix second; 0: never

	_ [64]byte // so that two locks do not share a cache line
}

// A known is a target that is remembered. It is not changed, but for what is atomic.
type known struct {
	level *store.Handle
	scope string // of the key
	key   string
	next  atomic.Pointer[known] // what came after it the last time
	id    metric.ID             // of the measurement, if has
	bytes uint32                // of memory, with its key
	state atomic.Uint32
	name  uint16 // how long the measurement is, which the key begins with
	has   bool
}

func (e *known) target() target {
	return target{level: e.level, measurement: e.key[:e.name], id: e.id, has: e.has}
}

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
	n := len(e.key)
	return len(line) > n && line[n] == ' ' && string(line[:n]) == e.key && string(scope) == e.scope
}

func newKeys(maxBytes int64) *keys {
	k := &keys{seed: maphash.MakeSeed(), max: maxBytes / keyShards}
	for i := range k.shards {
		k.shards[i].known = make(map[string]*known)
	}
	return k
}

func (k *keys) shard(key []byte) *keyShard {
	return &k.shards[maphash.Bytes(k.seed, key)%keyShards]
}

// find returns the target of the key that a line begins with, which others have too, or
// nil. last is the one of the line before, or nil. The same key means different things in
// different scopes.
func (k *keys) find(line, scope []byte, last *known, room *[]byte) *known {
	if last != nil {
		if e := last.next.Load(); e != nil && e.begins(line, scope) && e.use() {
			return e
		}
	}
	key, _, _ := bytes.Cut(line, []byte{' '})
	*room = append(append((*room)[:0], scope...), key...)
	s := k.shard(*room)
	s.mu.RLock()
	e := s.known[string(*room)]
	s.mu.RUnlock()
	if e == nil || !e.use() {
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
	text := string(scope) + string(key)
	e := &known{
		level: to.level, scope: text[:len(scope)], key: text[len(scope):],
		id: to.id, has: to.has, name: uint16(len(to.measurement)), //nolint:gosec // at most maxKey
	}
	e.state.Store(used)
	bytes := keyCost + int64(len(text))
	if !to.shared {
		bytes += handleCost + own(&to.level.Path, text)
	}
	e.bytes = uint32(bytes) //nolint:gosec // at most some times maxKey
	s := k.shard([]byte(text))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes+bytes > k.max {
		s.sweep(now)
	}
	if s.known[text] != nil || s.bytes+bytes > k.max {
		return nil
	}
	s.known[text] = e
	s.bytes += bytes
	return e
}

// sweep drops what was not used since the last time, if that is long enough ago.
func (s *keyShard) sweep(now int64) {
	if now-s.swept < sweepAfter && now >= s.swept {
		return
	}
	first := s.swept == 0
	s.swept = now
	for key, e := range s.known {
		if first || !e.state.CompareAndSwap(idle, dropped) {
			e.state.CompareAndSwap(used, idle)
			continue
		}
		e.next.Store(nil) // what is dropped holds nothing else
		delete(s.known, key)
		s.bytes -= int64(e.bytes)
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
