package codec

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// gap is the bits of math.NaN().
const gap = 0x7FF8000000000001

// bitmapFollows is in the place of the number of runs.
const bitmapFollows = 255

// A mask has a bit for each slot, 1 if there is a sample.
type mask [MaxSlots / 64]uint64

// hasGaps reports whether some value is not a number.
func hasGaps(values []float64) bool {
	nans := 0
	for _, v := range values {
		if v != v {
			nans++
		}
	}
	return nans > 0
}

func maskOf(values []float64) (m mask) {
	for i, v := range values {
		if math.Float64bits(v) != gap {
			m[i/64] |= 1 << (i % 64)
		}
	}
	return m
}

// compact writes those of the values that are samples to dst.
func (m *mask) compact(dst *[MaxSlots]float64, values []float64) []float64 {
	n := 0
	for i, v := range values {
		dst[n] = v
		n += int(m[i/64] >> (i % 64) & 1)
	}
	return dst[:n]
}

// expand moves the samples that values begins with to their slots, and makes the
// others gaps.
func (m *mask) expand(values []float64) {
	nan, from := math.NaN(), m.count()
	for i := len(values) - 1; i >= 0; i-- {
		if m[i/64]>>(i%64)&1 == 0 {
			values[i] = nan
			continue
		}
		from--
		values[i] = values[from]
	}
}

func (m *mask) count() int {
	n := 0
	for _, word := range m {
		n += bits.OnesCount64(word)
	}
	return n
}

// first returns the slot of the first sample, -1 if there is none.
func (m *mask) first() int { return m.next(0, 0) }

// last returns the slot of the last sample, -1 if there is none.
func (m *mask) last() int {
	for i := len(m) - 1; i >= 0; i-- {
		if m[i] != 0 {
			return i*64 + bits.Len64(m[i]) - 1
		}
	}
	return -1
}

// next returns the first slot at or after from whose bit is not that of flip, -1
// if there is none.
func (m *mask) next(from int, flip uint64) int {
	for i := from / 64; i < len(m); i++ {
		word := m[i] ^ flip
		if i == from/64 {
			word &= ^uint64(0) << (from % 64)
		}
		if word != 0 {
			return i*64 + bits.TrailingZeros64(word)
		}
	}
	return -1
}

// fill sets the bits from the slot from to before to.
func (m *mask) fill(from, to int) {
	for i := from; i < to; i++ {
		m[i/64] |= 1 << (i % 64)
	}
}

// appendTo appends the gaps of a piece of so many slots, as runs or as bits.
func (m *mask) appendTo(dst []byte, slots int) []byte {
	start, bitmap := len(dst), (slots+7)/8
	dst = append(dst, 0)
	runs, at, flip := 0, 0, uint64(0)
	for {
		end := m.next(at, flip)
		if end < 0 || end >= slots {
			dst[start] = byte(runs)
			return dst
		}
		dst = binary.AppendUvarint(dst, uint64(end-at))
		if runs++; len(dst)-start > bitmap {
			break
		}
		at, flip = end, ^flip
	}
	dst = append(dst[:start], bitmapFollows)
	for i := range bitmap {
		dst = append(dst, byte(m[i/8]>>(i%8*8)))
	}
	return dst
}

// gaps reads what appendTo wrote.
func (r *reader) gaps(slots int) (m mask) {
	n := int(r.byte())
	if n == bitmapFollows {
		for i, b := range r.bytes((slots + 7) / 8) {
			m[i/8] |= uint64(b) << (i % 8 * 8)
		}
		if last := m.last(); last >= slots {
			r.fail("gaps of more slots than there are")
		}
		return m
	}
	at := 0
	for i := range n {
		run := r.uvarint()
		if run > uint64(slots-at) {
			r.fail("gaps of more slots than there are")
			return m
		}
		if i%2 == 1 {
			m.fill(at, at+int(run))
		}
		at += int(run)
	}
	if n%2 == 1 {
		m.fill(at, slots)
	}
	return m
}
