package block

// A Span is the part of a block that is in memory: all of its samples, in room
// for 8, 32, 128 or 512 slots. It is a place in a Pool and not a pointer, so that
// the garbage collector has nothing to follow, and it is used with the Pool that
// it came from. Who copies it shares its memory.
//
// The zero Span is none.
type Span struct {
	ref   uint32 // in the pool + 1
	base  uint16 // slot of the block that the room begins with
	class uint8
}

// SpanBytes is how much memory a new Span takes.
const SpanBytes = minSlots * 8

const (
	minSlots    = 8
	unitBytes   = minSlots * 8
	spanClasses = 4
	classes     = spanClasses + len(packedUnits)
)

// packedUnits has a digit for each class of Packed: how many units its places have. From 12 on
// each has a ninth more at most than the one before, and all fill a slab but for a fiftieth.
const packedUnits = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x14\x16\x18\x1a\x1c\x1e\x20\x22\x24\x27\x2a\x2e\x33\x38\x3c\x40\x44\x48"

// units returns how large the places of a class are.
func units(class uint8) int {
	if class < spanClasses {
		return room(class) / minSlots
	}
	return int(packedUnits[class-spanClasses])
}

// None reports whether there is no span.
func (s Span) None() bool { return s.ref == 0 }

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
	s := Span{base: uint16(lo), class: class} //nolint:gosec // a slot is less than 512
	ref, ok := p.get(class)
	if !ok {
		return Span{}, false
	}
	s.ref = ref + 1
	_, values := p.Values(s)
	clearAll(values)
	return s, true
}

// Free gives the memory of s back. Nobody must use it any more.
func (p *Pool) Free(s Span) { p.put(s.ref - 1) }

// Values returns the slots that s has room for, and which slot of the block the
// first of them is. All others are gaps. They may be written to, and are good
// until Cover or Free of s.
func (p *Pool) Values(s Span) (base int, values []float64) {
	return int(s.base), p.slots(s.ref-1, room(s.class))
}

// Denser returns s, maybe elsewhere, where it leaves a slab that is less full than another.
// Nobody must use s any more.
func (p *Pool) Denser(s Span) Span {
	s.ref = p.denser(s.ref-1) + 1
	return s
}

// Covers reports whether s has room for the slot at.
func (s Span) Covers(at int) bool {
	return at >= int(s.base) && at < int(s.base)+room(s.class) && s.ref != 0
}

// Room returns the slots of the block that s has room for: [from, to).
func (s Span) Room() (from, to int) { return int(s.base), int(s.base) + room(s.class) }

// Cover returns s with room for the slots from lo to hi, and for none before least: s
// itself, or another in the place of s, which is not to be used any more. It returns false,
// and s stays as it is, if there is no memory for that.
func (p *Pool) Cover(s Span, least, lo, hi int) (Span, bool) {
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
		from = max(least, to+1-room(class))
	}
	ref, ok := p.get(class)
	if !ok {
		return s, false
	}
	grown := Span{ref: ref + 1, base: uint16(from), class: class} //nolint:gosec // a slot is less than 512
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

// slide moves the samples of s in its room, which then begins with the slot to. Those that
// are before it are dropped.
func (p *Pool) slide(s Span, to int) Span {
	base, values := p.Values(s)
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

// From returns s with its room from a slot on, without the samples before it, and no larger
// than one of n slots: s itself, or another in its place.
func (p *Pool) From(s Span, slot, n int) Span {
	class := classOf(n)
	if class >= s.class {
		return p.slide(s, slot)
	}
	ref, ok := p.get(class)
	if !ok {
		return p.slide(s, slot)
	}
	small := Span{ref: ref + 1, base: uint16(slot), class: class} //nolint:gosec // a slot is less than 512
	_, to := p.Values(small)
	clearAll(to)
	if base, values := p.Values(s); slot < base+len(values) {
		copy(to[max(0, base-slot):], values[max(0, slot-base):])
	}
	p.Free(s)
	return small
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
