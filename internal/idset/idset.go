// Package idset holds sets of ids that somebody counts up.
package idset

import (
	"bytes"
	"fmt"
	"math/bits"

	"github.com/RoaringBitmap/roaring/v2"
)

// width is how many ids the window of a set has.
const width = 2048

// A Set is a set of ids. The zero Set is empty.
//
// Ids count up, so that nearly all that is added and asked for is near the newest:
//
//	old: long runs in few bytes │ window: a bit for each id
//	0                       from┘                          └from+width
//
// The window goes along with the newest id. What is in it may also be in old.
type Set struct {
	old    roaring.Bitmap
	from   uint32 // a multiple of 64
	window [width / 64]uint64
}

// Add adds id, and reports whether it was not there.
func (s *Set) Add(id uint32) (added bool) {
	if id < s.from {
		return s.old.CheckedAdd(id)
	}
	if id-s.from >= width {
		s.slide(id)
	}
	word, bit := s.bit(id)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}

// Has reports whether id is there.
func (s *Set) Has(id uint32) bool {
	if id < s.from {
		return s.old.Contains(id)
	}
	if id-s.from >= width {
		return false
	}
	word, bit := s.bit(id)
	return *word&bit != 0
}

// Next returns the first id that is there and not below id.
func (s *Set) Next(id uint32) (next uint32, ok bool) {
	if id < s.from {
		it := s.old.Iterator()
		it.AdvanceIfNeeded(id)
		if it.HasNext() && it.PeekNext() < s.from {
			return it.Next(), true
		}
		id = s.from
	}
	for at := id - s.from; at < width; at = at&^63 + 64 {
		if left := s.window[at/64] >> (at % 64); left != 0 {
			return s.from + at + uint32(bits.TrailingZeros64(left)), true
		}
	}
	return 0, false
}

// bit returns where id, which is in the window, stands in it.
func (s *Set) bit(id uint32) (word *uint64, bit uint64) {
	at := id - s.from
	return &s.window[at/64%(width/64)], 1 << (at % 64)
}

// slide has the window go on until id is in its middle.
func (s *Set) slide(id uint32) {
	from := (id - width/2) &^ 63
	words := int(min((from-s.from)/64, width/64))
	s.keep(words)
	copy(s.window[:], s.window[words:])
	clear(s.window[width/64-words:])
	s.from = from
}

// keep adds what is in the first words of the window to old, all at once: each change of old may
// copy thousands of runs.
func (s *Set) keep(words int) {
	var ids [width]uint32
	n := 0
	for i, left := range s.window[:words] {
		for ; left != 0; left &= left - 1 {
			ids[n] = s.from + uint32(i)*64 + uint32(bits.TrailingZeros64(left))
			n++
		}
	}
	s.old.Or(roaring.BitmapOf(ids[:n]...))
}

// Optimize has s take less memory, if it can.
func (s *Set) Optimize() { s.old.RunOptimize() }

// MarshalBinary implements encoding.BinaryMarshaler: a roaring bitmap in its portable
// form (https://github.com/RoaringBitmap/RoaringFormatSpec), the same however the set
// came about.
func (s *Set) MarshalBinary() ([]byte, error) {
	s.keep(len(s.window))
	s.Optimize()
	b, err := s.old.ToBytes()
	if err != nil {
		return nil, fmt.Errorf("write a set of ids: %w", err)
	}
	return b, nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (s *Set) UnmarshalBinary(b []byte) error {
	*s = Set{}
	if _, err := s.old.ReadFrom(bytes.NewReader(b)); err != nil {
		return fmt.Errorf("read a set of ids: %w", err)
	}
	if !s.old.IsEmpty() && s.old.Maximum() >= width {
		s.from = (s.old.Maximum() - width/2) &^ 63
	}
	it := s.old.Iterator()
	it.AdvanceIfNeeded(s.from)
	for it.HasNext() {
		word, bit := s.bit(it.Next())
		*word |= bit
	}
	return nil
}
