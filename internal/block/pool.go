package block

import (
	"math"
	"sync"
	"sync/atomic"
)

const (
	// slabSlots is how many slots are allocated at once: 64 KiB in one piece
	// without pointers, which the garbage collector marks once and never scans.
	slabSlots = 1 << 13
	perSlab   = slabSlots / minSlots // units in a slab, which a reference tells apart

	// SlabBytes is how much memory a Pool grows by.
	SlabBytes = slabSlots * 8

	// maxSlabs is what the 32 bits of a reference can tell apart, one of which is none:
	// 256 GiB.
	maxSlabs = 1<<32/perSlab - 1

	// spare is how many empty slabs a pool keeps at least, for the next spans; of
	// those beyond, one for every spareOf slabs.
	spare   = 4
	spareOf = 256

	// lookedAt is how many slabs denser looks at: more would be slow where there are a
	// million, and those looked at now are full some time.
	lookedAt = 64
)

// A Pool has the memory of Spans and of Packed, to use and to use again. It grows by
// slabs. A slab has places of one size; one that is empty is used for any size, and what
// is empty beyond a few is given back to the runtime. The zero Pool is empty and
// ready; its methods may be called at the same time, those of one Span not while
// it is changed.
type Pool struct {
	// Grow is asked before a slab is allocated; false refuses it. Nil is always
	// true. Shrink is told when one was given back. They are called with the pool
	// locked and must not use it.
	Grow   func(bytes int64) bool
	Shrink func(bytes int64)

	// table has the slabs by number. It is read without the lock: who has a place
	// got it after its slab was put here, and nobody has one of a slab that is
	// taken out.
	table atomic.Pointer[[]*[slabSlots]float64]

	mu    sync.Mutex
	slabs []slab            // by number
	open  [classes][]uint32 // numbers of slabs with free places, by class
	empty []uint32          // numbers of slabs that are of no class
	gone  []uint32          // numbers whose slab was given back
	used  int               // places
	units int               // of them
	alive int               // slabs
}

// A slab is what is known of one.
type slab struct {
	class uint8
	used  int
	fresh int    // places that were never used begin here
	free  uint64 // the first free place before that + 1; it holds the next one
	at    int    // in open of its class, unless it is full
}

// get returns a place of the class. What is in it is of no meaning.
func (p *Pool) get(class uint8) (ref uint32, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.open[class]) == 0 && !p.begin(class) {
		return 0, false
	}
	return p.from(p.open[class][len(p.open[class])-1]), true
}

// from returns a place of an open slab. p.mu is held.
func (p *Pool) from(number uint32) (ref uint32) {
	s := &p.slabs[number]
	class := s.class
	per := perSlab / units(class)
	place := s.fresh
	if s.free != 0 {
		place = int(s.free - 1) //nolint:gosec // less than per
		s.free = math.Float64bits((*p.table.Load())[number][place*units(class)*minSlots])
	} else {
		s.fresh++
	}
	if s.used++; s.used == per {
		p.close(number)
	}
	p.used++
	p.units += units(class)
	return number*perSlab + uint32(place*units(class)) //nolint:gosec // less than perSlab
}

// close takes a slab out of those that are open. p.mu is held.
func (p *Pool) close(number uint32) {
	s := &p.slabs[number]
	open := p.open[s.class]
	last := open[len(open)-1]
	open[s.at] = last
	p.slabs[last].at = s.at
	p.open[s.class] = open[:len(open)-1]
}

// denser moves what is at a place to a slab of its class that is fuller, so that those which
// are nearly empty become free for other sizes, and returns where it is then.
func (p *Pool) denser(ref uint32) uint32 {
	p.mu.Lock()
	number := ref / perSlab
	s := &p.slabs[number]
	best := number
	if s.used < perSlab/units(s.class) {
		open := p.open[s.class]
		for _, n := range open[:min(len(open), lookedAt)] {
			if more := p.slabs[n].used - p.slabs[best].used; more > 0 || more == 0 && n < best {
				best = n
			}
		}
	}
	if best == number {
		p.mu.Unlock()
		return ref
	}
	to := p.from(best)
	n := units(s.class) * minSlots
	p.mu.Unlock()
	copy(p.slots(to, n), p.slots(ref, n))
	p.put(ref)
	return to
}

// slots returns the n slots from a place on.
func (p *Pool) slots(ref uint32, n int) []float64 {
	i := int(ref%perSlab) * minSlots
	return (*p.table.Load())[ref/perSlab][i : i+n : i+n]
}

// begin makes an empty slab one of the class. p.mu is held.
func (p *Pool) begin(class uint8) bool {
	if len(p.empty) == 0 && !p.grow() {
		return false
	}
	number := p.empty[len(p.empty)-1]
	p.empty = p.empty[:len(p.empty)-1]
	p.slabs[number] = slab{class: class, at: len(p.open[class])}
	p.open[class] = append(p.open[class], number)
	return true
}

// grow adds an empty slab. p.mu is held.
func (p *Pool) grow() bool {
	if len(p.gone) == 0 && len(p.slabs) == maxSlabs || p.Grow != nil && !p.Grow(SlabBytes) {
		return false
	}
	p.alive++
	var table []*[slabSlots]float64
	if t := p.table.Load(); t != nil {
		table = *t
	}
	memory := new([slabSlots]float64)
	if n := len(p.gone); n > 0 {
		number := p.gone[n-1]
		p.gone = p.gone[:n-1]
		table[number] = memory
		p.empty = append(p.empty, number)
		return true
	}
	p.empty = append(p.empty, uint32(len(p.slabs))) //nolint:gosec // less than maxSlabs
	p.slabs = append(p.slabs, slab{})
	table = append(table, memory)
	p.table.Store(&table)
	return true
}

// put takes back a place.
func (p *Pool) put(ref uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	number := ref / perSlab
	s := &p.slabs[number]
	class := s.class
	place := int(ref%perSlab) / units(class)
	if s.used == perSlab/units(class) { // it was full
		s.at = len(p.open[class])
		p.open[class] = append(p.open[class], number)
	}
	(*p.table.Load())[number][place*units(class)*minSlots] = math.Float64frombits(s.free)
	s.free = uint64(place) + 1 //nolint:gosec // not negative
	s.used--
	p.used--
	p.units -= units(class)
	if s.used == 0 {
		p.end(number)
	}
}

// end makes a slab that has become empty one of no class, or gives it back. p.mu
// is held.
func (p *Pool) end(number uint32) {
	p.close(number)
	if len(p.empty) < spare+p.alive/spareOf {
		p.empty = append(p.empty, number)
		return
	}
	(*p.table.Load())[number] = nil
	p.gone = append(p.gone, number)
	p.alive--
	if p.Shrink != nil {
		p.Shrink(SlabBytes)
	}
}

// Stats says how much memory a Pool has.
type Stats struct {
	Used  int   // places
	Live  int64 // bytes of them
	Bytes int64 // of memory
}

// Stats returns the present numbers.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{Used: p.used, Live: int64(p.units) * unitBytes, Bytes: int64(p.alive) * SlabBytes}
}
