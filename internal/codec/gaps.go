package codec

import (
	"math"
	"math/bits"
)

// gap is the bits of math.NaN().
const gap = 0x7FF8000000000001

// The byte before gaps.
const (
	listedRuns    = 64 // at most, as they are
	mostRuns      = bitmapFollows - 1 - listedRuns
	bitmapFollows = 255
)

// A mask has a bit for each slot, 1 if there is a sample.
type mask [MaxSlots / 64]uint64

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
	for at := len(values); at > 0; {
		start := (at - 1) &^ 63
		word := values[start:at]
		switch bits := m[start/64]; bits {
		case 0:
			for i := range word {
				word[i] = nan
			}
		case ^uint64(0) >> (64 - len(word)):
			from -= len(word)
			copy(word, values[from:])
		default:
			for i := len(word) - 1; i >= 0; i-- {
				v := nan
				if bits>>i&1 == 1 {
					from--
					v = values[from]
				}
				word[i] = v
			}
		}
		at = start
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
	for i := from; i < to; i = i&^63 + 64 {
		word := ^uint64(0) << (i % 64)
		if end := to - i&^63; end < 64 {
			word &= 1<<end - 1
		}
		m[i/64] |= word
	}
}

// A list of runs begins with a run of gaps, and goes on with samples and gaps in
// turn. It has not the last one.
type runs struct {
	n      int
	length [mostRuns]uint16
}

// runs sets to the runs of a piece of so many slots. It returns false if they are too
// many.
func (m *mask) runs(slots int, to *runs) bool {
	for at, flip := 0, uint64(0); ; flip = ^flip {
		end := m.next(at, flip)
		if end < 0 || end >= slots {
			return true
		}
		if to.n == mostRuns {
			return false
		}
		to.length[to.n] = uint16(end - at)
		to.n++
		at = end
	}
}

// appendTo appends the gaps of a piece of so many slots, as runs or as bits.
func (m *mask) appendTo(dst []byte, slots int) []byte {
	var r runs
	if m.runs(slots, &r) {
		if b := r.appendTo(dst); len(b)-len(dst) <= 1+(slots+7)/8 {
			return b
		}
	}
	dst = append(dst, bitmapFollows)
	for i := range (slots + 7) / 8 {
		dst = append(dst, byte(m[i/8]>>(i%8*8)))
	}
	return dst
}

func (r *runs) appendTo(dst []byte) []byte {
	if r.n == 0 {
		return append(dst, 0)
	}
	dst = append(dst, byte(listedRuns+r.n))
	var all [2]uint16
	for i, n := range r.length[:r.n] {
		all[i%2] |= n - uint16(i%2)
	}
	width := [2]uint{uint(bits.Len16(all[0])), uint(bits.Len16(all[1]))}
	dst = append(dst, byte(width[0]|width[1]<<4))
	for of := range 2 {
		p := packer{dst: dst, width: width[of]}
		for i := of; i < r.n; i += 2 {
			p.add(uint64(r.length[i]) - uint64(of))
		}
		dst = p.end()
	}
	return dst
}

// errRuns is of runs that are longer than the piece.
const errRuns = "gaps of more slots than there are"

// gaps reads what appendTo wrote.
func (r *reader) gaps(slots int) (m mask) {
	n := int(r.byte())
	switch {
	case n == bitmapFollows:
		for i, b := range r.bytes((slots + 7) / 8) {
			m[i/8] |= uint64(b) << (i % 8 * 8)
		}
		if m.last() >= slots {
			r.fail(errRuns)
		}
	case n > listedRuns:
		r.packedRuns(&m, n-listedRuns, slots)
	default:
		at := 0
		for i := range n {
			at = r.run(&m, i, at, r.count(slots, errRuns), slots)
		}
		r.run(&m, n, at, slots-at, slots)
	}
	return m
}

// packedRuns reads n runs, which are packed.
func (r *reader) packedRuns(m *mask, n, slots int) {
	widths := uint(r.byte())
	width := [2]uint{widths & 15, widths >> 4}
	packed := [2][]byte{r.packed((n+1)/2, width[0]), nil}
	packed[1] = r.packed(n/2, width[1])
	if r.err != nil {
		return
	}
	at := 0
	for i := range n {
		of := i % 2
		at = r.run(m, i, at, int(unpackOne(packed[of], i/2, width[of]))+of, slots)
	}
	r.run(m, n, at, slots-at, slots)
}

// run adds run number i, of length slots from the slot at on, and returns where it
// ends.
func (r *reader) run(m *mask, i, at, length, slots int) int {
	if length > slots-at {
		r.fail(errRuns)
		return at
	}
	if i%2 == 1 {
		m.fill(at, at+length)
	}
	return at + length
}
