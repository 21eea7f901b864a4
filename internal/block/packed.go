package block

import (
	"encoding/binary"
	"unsafe"
)

// A Packed is bytes in a Pool, and like a Span no pointer. The zero Packed is none.
type Packed struct {
	ref uint32 // in the pool + 1
}

// MaxPacked is how many bytes a Packed has at most: more than all slots of a block take
// as they are.
const MaxPacked = maxUnits*unitBytes - lengthBytes

const (
	lengthBytes = 2    // before the bytes
	maxUnits    = 0x48 // the last of packedUnits
	lastByOne   = 0x12 // before it, each of packedUnits has one unit more than the one before
)

// None reports whether there are no bytes.
func (k Packed) None() bool { return k.ref == 0 }

// Pack returns a copy of b, at most MaxPacked bytes, which is the caller's until Drop. It
// returns false if there is no memory.
func (p *Pool) Pack(b []byte) (Packed, bool) {
	ref, ok := p.get(packedClass(lengthBytes + len(b)))
	if !ok {
		return Packed{}, false
	}
	to := p.bytes(ref)
	binary.LittleEndian.PutUint16(to, uint16(len(b))) //nolint:gosec // at most MaxPacked
	copy(to[lengthBytes:], b)
	return Packed{ref + 1}, true
}

// packedClass returns the smallest class that has room for n bytes.
func packedClass(n int) uint8 {
	class := max(min((n+unitBytes-1)/unitBytes, lastByOne), 1) - 1
	for int(packedUnits[class])*unitBytes < n {
		class++
	}
	return uint8(spanClasses + class) //nolint:gosec // there are few
}

// Bytes returns the bytes, which must not be changed and are good until Drop.
func (p *Pool) Bytes(k Packed) []byte {
	b := p.bytes(k.ref - 1)
	n := int(binary.LittleEndian.Uint16(b))
	return b[lengthBytes : lengthBytes+n : lengthBytes+n]
}

// DenserPacked does for bytes what Denser does for a span.
func (p *Pool) DenserPacked(k Packed) Packed { return Packed{p.denser(k.ref-1) + 1} }

// Drop gives the memory of k back. Nobody must use it any more.
func (p *Pool) Drop(k Packed) { p.put(k.ref - 1) }

// bytes returns the memory from a place to the end of its slab.
func (p *Pool) bytes(ref uint32) []byte {
	slab := (*p.table.Load())[ref/perSlab]
	rest := slab[ref%perSlab*minSlots:]
	return unsafe.Slice((*byte)(unsafe.Pointer(&rest[0])), len(rest)*8) //nolint:gosec // memory without pointers
}

// packedBytes returns how much memory k takes.
func (p *Pool) packedBytes(k Packed) int64 {
	return int64(units(packedClass(lengthBytes+len(p.Bytes(k))))) * unitBytes
}

// Size returns how many bytes of p's memory a span and packed bytes take together.
func (p *Pool) Size(s Span, k Packed) (n int64) {
	if !s.None() {
		n += s.Bytes()
	}
	if !k.None() {
		n += p.packedBytes(k)
	}
	return n
}
