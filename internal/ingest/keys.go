package ingest

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"unsafe"
)

// keys finds the targets of lines by their keys, so that a line whose key was seen
// before costs no decoding of tags.
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
)

// A keyShard has the keys of one lock.
type keyShard struct {
	mu    sync.RWMutex
	known map[string]*known
	bytes int64
	swept int64 // Unix second; 0: never

	_ [64]byte // so that two locks do not share a cache line
}

// A known is a target that is remembered.
type known struct {
	target

	bytes int64       // of memory, with its key
	used  atomic.Bool // since the last sweep
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

// find returns the target of a key, which others have too, or nil. A key is known
// as it was last used: with all fields, or with one.
func (k *keys) find(key []byte, all bool) *target {
	s := k.shard(key)
	s.mu.RLock()
	e := s.known[string(key)]
	s.mu.RUnlock()
	if e == nil || e.all != all {
		return nil
	}
	if !e.used.Load() { // a write would take the cache line from the others
		e.used.Store(true)
	}
	return &e.target
}

// put remembers a target, if there is room. now is in Unix seconds.
func (k *keys) put(key []byte, to *target, now int64) {
	if key == nil || len(key) > maxKey {
		return
	}
	e := &known{target: *to}
	e.used.Store(true)
	text := string(key)
	e.bytes = keyCost + int64(len(text)) + e.own(text)
	s := k.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes+e.bytes > k.max {
		s.sweep(now)
	}
	var before int64
	if old := s.known[text]; old != nil {
		before = old.bytes
	}
	if s.bytes-before+e.bytes > k.max {
		return
	}
	s.known[text] = e
	s.bytes += e.bytes - before
}

// sweep drops what was not used since the last time, if that is long enough ago.
func (s *keyShard) sweep(now int64) {
	if now-s.swept < sweepAfter && now >= s.swept {
		return
	}
	first := s.swept == 0
	s.swept = now
	for key, e := range s.known {
		if !e.used.Swap(false) && !first {
			delete(s.known, key)
			s.bytes -= e.bytes
		}
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
