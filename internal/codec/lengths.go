package codec

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// maxLength is how many bits a number has at most that has a length of its own: what
// is below the highest one is read at once, from any bit of a byte on.
const maxLength = 57

// tailOf returns how many bits of x are below the highest one.
func tailOf(x int64) uint { return uint(max(1, bits.Len64(uint64(x))) - 1) }

// lengthsFit returns the fit of r whose numbers each have as many bits as they need,
// above the least one as all has it.
func lengthsFit(r []int64, all fit) fit {
	tails := uint(0)
	for _, x := range r {
		tails += tailOf(x - all.base)
	}
	f := fit{base: all.base, width: uint(bits.Len(all.width)), lengths: true, tails: int(tails+7) / 8}
	f.cost = len(r)*int(f.width) + 24 + 8*f.tails
	return f
}

// appendLengths appends how many bits each number has.
func appendLengths(dst []byte, xs []int64, width uint) []byte {
	p := packer{dst: dst, width: width}
	for _, x := range xs {
		p.add(uint64(bits.Len64(uint64(x))))
	}
	return p.end()
}

// appendTails appends, of each number, what is below the highest bit.
func appendTails(dst []byte, xs []int64, size int) []byte {
	p := packer{dst: binary.AppendUvarint(dst, uint64(size))}
	for _, x := range xs {
		if p.width = tailOf(x); p.width > 0 {
			p.add(uint64(x) &^ (1 << p.width))
		}
	}
	return p.end()
}

// addTails makes numbers of their lengths. It returns false if src is not as long as
// they say.
func addTails(xs []float64, src []byte) bool {
	bit := uint(0)
	for i, v := range xs {
		length := math.Float64bits(v)
		if length < 2 {
			continue // the length is the number
		}
		tail := uint(length-1) & 63
		high := uint64(1) << tail
		xs[i] = math.Float64frombits(shortWordAt(src, bit)&(high-1) | high)
		bit += tail
	}
	return packedBytes(1, bit) == len(src)
}

// shortWordAt returns at least maxLength bits from bit on. Behind the end are zeros.
func shortWordAt(src []byte, bit uint) uint64 {
	at := min(int(bit>>3), len(src))
	if src = src[at:]; len(src) >= 8 {
		return binary.LittleEndian.Uint64(src) >> (bit & 7)
	}
	var last [8]byte
	copy(last[:], src)
	return binary.LittleEndian.Uint64(last[:]) >> (bit & 7)
}
