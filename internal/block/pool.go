package block

import "sync"

// PerSlab is how many blocks are allocated at once: 256 KiB in one piece without
// pointers, which the garbage collector marks once and never scans.
const PerSlab = 64

// SlabBytes is how much memory a Pool grows by.
const SlabBytes = PerSlab * Bytes

// A Pool has blocks to use and to use again. Its memory grows by slabs and is
// never given back: what was needed once is kept for the next. The zero Pool is
// empty and ready; its methods may be called at the same time.
type Pool struct {
	// Grow is asked before a slab is allocated; false refuses it. Nil is always
	// true. It is called with the pool locked and must not use the pool.
	Grow func(bytes int64) bool

	mu    sync.Mutex
	free  []*Block // last in, first out: what was used last may still be in a cache
	slabs int
}

// Get returns a block of nothing but gaps, which is the caller's until Put.
// It returns nil if no block is free and Grow refuses another slab.
func (p *Pool) Get() *Block {
	b := p.take()
	if b != nil {
		b.Clear()
	}
	return b
}

func (p *Pool) take() *Block {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) == 0 && !p.grow() {
		return nil
	}
	last := len(p.free) - 1
	b := p.free[last]
	p.free = p.free[:last]
	return b
}

// grow adds a slab to the free blocks. p.mu is held.
func (p *Pool) grow() bool {
	if p.Grow != nil && !p.Grow(SlabBytes) {
		return false
	}
	slab := new([PerSlab]Block)
	for i := range slab {
		p.free = append(p.free, &slab[PerSlab-1-i]) // handed out in the order of memory
	}
	p.slabs++
	return true
}

// Put gives b back. The caller must not use it any more.
func (p *Pool) Put(b *Block) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, b)
}

// Stats says how much memory a Pool has.
type Stats struct {
	Used  int   // blocks out of the pool
	Free  int   // blocks in it
	Bytes int64 // of both
}

// Stats returns the present numbers.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{
		Used:  p.slabs*PerSlab - len(p.free),
		Free:  len(p.free),
		Bytes: int64(p.slabs) * SlabBytes,
	}
}
