package block

// A Span is the part of a block that is in memory: all of its samples, in room
// for 8, 32, 128 or 512 slots. It is a place in a Pool and not a pointer, so that
// the garbage collector has nothing to follow, and it is used with the Pool that
// it came from. Who copies it shares its memory.
type Span struct {
	ref   uint32 // in the pool, counted in units of minSlots slots
	base  uint16 // slot of the block that the room begins with
	class uint8
}

// SpanBytes is how much memory a new Span takes.
const SpanBytes = minSlots * 8

const (
	minSlots = 8
	classes  = 4
)

// room returns how many slots a span of the class has.
func room(class uint8) int { return minSlots << (2 * class) }

// classOf returns the smallest class that has room for n slots.
func classOf(n int) (class uint8) {
	for room(class) < n {
		class++
	}
	return class
}

// Make returns a Span of gaps with room for the slots from lo to hi, which is the
// caller's until Free. It returns false if there is no memory.
func (p *Pool) Make(lo, hi int) (Span, bool) {
	class := classOf(hi - lo + 1)
	s := Span{base: begin(lo, class), class: class}
	var ok bool
	if s.ref, ok = p.get(class); !ok {
		return Span{}, false
	}
	_, values := p.Values(s)
	clearAll(values)
	return s, true
}

// begin returns the slot that room of the class begins with, at the latest with
// the slot from.
func begin(from int, class uint8) uint16 {
	return uint16(max(0, min(from, Slots-room(class)))) //nolint:gosec // a slot is less than 512
}

// Free gives the memory of s back. Nobody must use it any more.
func (p *Pool) Free(s Span) { p.put(s.class, s.ref) }

// Values returns the slots that s has room for, and which slot of the block the
// first of them is. All others are gaps. They may be written to, and are good
// until Cover or Free of s.
func (p *Pool) Values(s Span) (base int, values []float64) {
	slab := (*p.table.Load())[s.ref/perSlab]
	i := int(s.ref%perSlab) * minSlots
	n := room(s.class)
	return int(s.base), slab[i : i+n : i+n]
}

// Covers reports whether s has room for the slot at.
func (s Span) Covers(at int) bool {
	return at >= int(s.base) && at < int(s.base)+room(s.class)
}

// Cover returns s with room for the slots from lo to hi: s itself, or another in
// the place of s, which is not to be used any more. It returns false, and s stays
// as it is, if there is no memory for that.
func (p *Pool) Cover(s Span, lo, hi int) (Span, bool) {
	if s.Covers(lo) && s.Covers(hi) {
		return s, true
	}
	from, to := lo, hi
	if i := p.First(s, 0); i >= 0 {
		from, to = min(lo, i), max(hi, p.Last(s, Slots-1))
	}
	class := classOf(to - from + 1)
	if class <= s.class {
		return p.slide(s, from), true
	}
	if hi < to { // it grew to the front, and may go on there
		from = to + 1 - room(class)
	}
	ref, ok := p.get(class)
	if !ok {
		return s, false
	}
	grown := Span{ref: ref, base: begin(from, class), class: class}
	p.move(grown, s)
	p.Free(s)
	return grown, true
}

// move makes to have what from has.
func (p *Pool) move(to, from Span) {
	base, values := p.Values(to)
	clearAll(values)
	i := p.First(from, 0)
	if i < 0 {
		return
	}
	old, samples := p.Values(from)
	copy(values[i-base:], samples[i-old:])
}

// slide moves the samples of s in its room, which then begins with the slot from.
func (p *Pool) slide(s Span, from int) Span {
	base, values := p.Values(s)
	to := int(begin(from, s.class))
	switch d := to - base; {
	case d > 0:
		n := copy(values, values[min(d, len(values)):])
		clearAll(values[n:])
	case d < 0:
		d = min(-d, len(values))
		copy(values[d:], values)
		clearAll(values[:d])
	}
	s.base = uint16(to) //nolint:gosec // a slot is less than 512
	return s
}

// First returns the first slot of the block at or after from that has a sample,
// -1 if there is none.
func (p *Pool) First(s Span, from int) int {
	base, values := p.Values(s)
	return up(base, first(values, max(from-base, 0)))
}

// Last returns the last slot of the block at or before from that has a sample, -1
// if there is none.
func (p *Pool) Last(s Span, from int) int {
	base, values := p.Values(s)
	return up(base, last(values, min(from-base, len(values)-1)))
}

func up(base, at int) int {
	if at < 0 {
		return -1
	}
	return base + at
}

// Copy makes b the block that s is.
func (p *Pool) Copy(b *Block, s Span) {
	base, values := p.Values(s)
	Put(b, base, values)
}

// Put makes b a block of the values from the slot base on, and gaps.
func Put(b *Block, base int, values []float64) {
	clearAll(b[:base])
	n := base + copy(b[base:], values)
	clearAll(b[n:])
}

// Bytes returns how much memory s takes.
func (s Span) Bytes() int64 { return int64(room(s.class)) * 8 }
