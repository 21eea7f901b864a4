package store

import (
	"encoding/binary"
	"math"
	"slices"

	"tallystick/internal/block"
	"tallystick/internal/codec"
)

// What of a block is past lies sealed, as bytes of package codec, and only the last slots
// are raw, in a span of tailSlots at most. When that is full, what is older than the last
// lagSlots is sealed as a piece behind the others; several small ones become one, and when
// the next block is so far, all of this one becomes one. So writers seal by themselves, each
// sample three times, and in memory is what is compressed and some 100 bytes.
//
// A sample that comes later than that takes its block apart again: it is raw as a whole
// until Settle.
const (
	tailSlots = 32
	lagSlots  = 8 // that may come late and cost nothing
	smallMost = 4 // pieces that are not put together yet
)

// sealed is the sealed part of a block:
//
//	start u16 │ end u16 │ tail u16 │ small u8 │ { piece }
//
// The pieces have the slots [start, end) of the block, the first and the last of which have
// a sample. The last small ones are pieces as they came, from the byte tail on.
type sealed []byte

const sealedHeader = 7

func (b sealed) start() int { return int(binary.LittleEndian.Uint16(b)) }
func (b sealed) end() int   { return int(binary.LittleEndian.Uint16(b[2:])) }
func (b sealed) tail() int  { return int(binary.LittleEndian.Uint16(b[4:])) }
func (b sealed) small() int { return int(b[6]) }

func (b sealed) set(start, end, tail, small int) {
	binary.LittleEndian.PutUint16(b, uint16(start))    //nolint:gosec // at most block.Slots
	binary.LittleEndian.PutUint16(b[2:], uint16(end))  //nolint:gosec // at most block.Slots
	binary.LittleEndian.PutUint16(b[4:], uint16(tail)) //nolint:gosec // at most block.MaxPacked
	b[6] = byte(small)
}

// unpack appends the values of the pieces from a byte on. They are our own bytes, or were
// checked when they came in.
func (b sealed) unpack(values []float64, from int) []float64 {
	for rest := []byte(b[from:]); len(rest) > 0; {
		n, behind, err := codec.Decode(values[len(values):cap(values)], rest)
		if err != nil {
			panic("sealed bytes in memory are damaged: " + err.Error())
		}
		values, rest = values[:len(values)+n], behind
	}
	return values
}

// A packer is memory to seal in.
type packer struct {
	codec.Encoder

	values block.Block
	out    []byte
}

func (s *Store) packer() *packer {
	if k, ok := s.packers.Get().(*packer); ok {
		return k
	}
	return &packer{out: make([]byte, 0, block.MaxPacked)}
}

// sealed returns the sealed part of a block, nil if there is none.
func (s *Store) sealed(l *link) sealed {
	if l.packed.None() {
		return nil
	}
	return s.pool.Bytes(l.packed)
}

// samples returns the samples of a block: values from the slot base on. They are in room,
// or in the block itself: good as long as neither changes.
func (s *Store) samples(l *link, room *block.Block) (base int, values []float64) {
	b := s.sealed(l)
	if b == nil {
		return s.pool.Values(l.span)
	}
	start := b.start()
	b.unpack(room[start:start:block.Slots], sealedHeader)
	end := b.end()
	if !l.span.None() {
		base, raw := s.pool.Values(l.span)
		gaps(room[:end], base-end)
		end = base + copy(room[base:], raw)
	}
	return start, room[start:end]
}

// appendSealed appends a block as BlockAt.Sealed. Its samples are values from the slot base
// on.
func (s *Store) appendSealed(to []byte, l *link, base int, values []float64) []byte {
	k := s.packer()
	defer s.packers.Put(k)
	lead, values := trim(values)
	to = binary.LittleEndian.AppendUint16(to, uint16(base+lead)) //nolint:gosec // less than 512
	if b := s.sealed(l); b != nil {
		to = append(to, b[sealedHeader:]...)
		values = values[b.end()-base:] // it begins with a sample
	}
	if len(values) == 0 {
		return to
	}
	return k.Append(to, values)
}

// seal seals what a block has raw before the slot to. It returns false, and nothing has
// changed, if there is no memory.
func (s *Store) seal(l *link, to int) bool {
	last := s.pool.Last(l.span, to-1)
	if last < 0 {
		return true
	}
	k := s.packer()
	defer s.packers.Put(k)
	base, raw := s.pool.Values(l.span)
	first := s.pool.First(l.span, 0)
	b, values := s.sealed(l), k.values[:0]
	start, keep, small := first, sealedHeader, 0
	if b != nil {
		start, keep, small = b.start(), len(b), b.small()
		if small == smallMost {
			keep, small = b.tail(), -1
			values = b.unpack(values, keep)
		}
		values = gaps(values, first-b.end())
	}
	values = append(values, raw[first-base:last+1-base]...)
	out := append(k.out[:0], b[:min(keep, len(b))]...)
	if b == nil {
		out = append(out, make([]byte, sealedHeader)...)
	}
	tail := keep
	if b != nil && small > 0 {
		tail = b.tail()
	}
	k.out = k.Append(out, values)
	if out = k.out; small < 0 {
		tail = len(out)
	}
	sealed(out).set(start, last+1, tail, small+1)
	return s.pack(l, out)
}

// pack gives a block other sealed bytes.
func (s *Store) pack(l *link, b []byte) bool {
	if len(b) > block.MaxPacked {
		return false
	}
	packed, ok := s.pool.Pack(b)
	if !ok {
		return false
	}
	if !l.packed.None() {
		s.pool.Drop(l.packed)
	}
	l.packed = packed
	return true
}

// sealAll makes all that a block has one piece.
func (s *Store) sealAll(l *link) bool {
	k := s.packer()
	defer s.packers.Put(k)
	s.whole(l, &k.values)
	return s.replace(l, k) == nil
}

// drop gives the memory of a block back.
func (s *Store) drop(l *link) {
	if !l.span.None() {
		s.pool.Free(l.span)
	}
	if !l.packed.None() {
		s.pool.Drop(l.packed)
	}
	l.span, l.packed = block.Span{}, block.Packed{}
}

// whole returns values as sealed bytes of one piece, without the gaps at their ends. They
// have a sample.
func (k *packer) whole(base int, values []float64) []byte {
	lead, values := trim(values)
	k.out = k.Append(append(k.out[:0], make([]byte, sealedHeader)...), values)
	sealed(k.out).set(base+lead, base+lead+len(values), len(k.out), 0)
	return k.out
}

// gaps appends n gaps.
func gaps(values []float64, n int) []float64 {
	from := len(values)
	values = slices.Grow(values, n)[:from+n]
	for i := from; i < len(values); i++ {
		values[i] = math.NaN()
	}
	return values
}
