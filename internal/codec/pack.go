package codec

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// widthOf returns how many bits a position among n has.
func widthOf(n int) uint { return uint(bits.Len(uint(max(n-1, 0)))) }

// packedBytes returns how many bytes n numbers of so many bits take.
func packedBytes(n int, width uint) int { return (n*int(width) + 7) / 8 }

// A packer appends numbers of width bits to dst, the lowest bit first.
type packer struct {
	dst   []byte
	width uint
	acc   uint64
	fill  uint // bits in acc, less than 64
}

// add appends a number of at most width bits.
func (p *packer) add(x uint64) {
	p.acc |= x << (p.fill & 63)
	p.fill += p.width
	if p.fill < 64 {
		return
	}
	p.dst = binary.LittleEndian.AppendUint64(p.dst, p.acc)
	p.fill -= 64
	p.acc = x >> 1 >> ((p.width - p.fill - 1) & 63) // not >> 64
}

// end appends what is left, to a full byte, and returns dst.
func (p *packer) end() []byte {
	for n := int(p.fill); n > 0; n -= 8 {
		p.dst = append(p.dst, byte(p.acc))
		p.acc >>= 8
	}
	return p.dst
}

// appendPacked appends the lowest width bits of each number.
func appendPacked(dst []byte, xs []int64, width uint) []byte {
	if width == 0 {
		return dst
	}
	mask := ^uint64(0) >> ((64 - width) & 63)
	acc, fill := uint64(0), uint(0)
	for _, v := range xs {
		x := uint64(v) & mask
		acc |= x << (fill & 63)
		if fill += width; fill >= 64 {
			dst = binary.LittleEndian.AppendUint64(dst, acc)
			fill -= 64
			acc = x >> 1 >> ((width - fill - 1) & 63) // not >> 64
		}
	}
	p := packer{dst: dst, acc: acc, fill: fill}
	return p.end()
}

// readable is how many bytes are read at once, from the first one of a number on.
const readable = 9

// unpack reads len(dst) numbers of width bits from src, which may go on behind
// them, and writes them as the bits of dst.
func unpack(dst []float64, src []byte, width uint) {
	if width == 0 {
		clear(dst)
		return
	}
	whole := 0
	if len(src) >= readable {
		whole = min(len(dst), ((len(src)-readable)*8+7)/int(width)+1)
		unpackFrom(dst[:whole], src, 0, width)
	}
	if whole < len(dst) {
		bit := uint(whole) * width
		var last [2 * readable]byte
		copy(last[:], src[bit>>3:])
		unpackFrom(dst[whole:], last[:], bit&7, width)
	}
}

// unpackFrom is unpack from a bit on, without an end.
func unpackFrom(dst []float64, src []byte, bit, width uint) {
	mask := ^uint64(0) >> ((64 - width) & 63)
	switch {
	case width <= 14: // four in one word, wherever it begins
		one, two, three := width&63, 2*width&63, 3*width&63
		for ; len(dst) >= 4; dst = dst[4:] {
			x := binary.LittleEndian.Uint64(src[bit>>3:]) >> (bit & 7)
			dst[0], dst[1] = math.Float64frombits(x&mask), math.Float64frombits(x>>one&mask)
			dst[2], dst[3] = math.Float64frombits(x>>two&mask), math.Float64frombits(x>>three&mask)
			bit += 4 * width
		}
	case width <= 28: // two
		one := width & 63
		for ; len(dst) >= 2; dst = dst[2:] {
			x := binary.LittleEndian.Uint64(src[bit>>3:]) >> (bit & 7)
			dst[0], dst[1] = math.Float64frombits(x&mask), math.Float64frombits(x>>one&mask)
			bit += 2 * width
		}
	case width > 57: // one in nine bytes
		for i := range dst {
			dst[i] = math.Float64frombits(wordAt(src, bit) & mask)
			bit += width
		}
		return
	}
	for i := range dst {
		dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(src[bit>>3:]) >> (bit & 7) & mask)
		bit += width
	}
}

// unpackOne reads number i of src, which may go on behind it.
func unpackOne(src []byte, i int, width uint) uint64 {
	if width == 0 {
		return 0
	}
	bit := uint(i) * width
	mask := ^uint64(0) >> ((64 - width) & 63)
	if src = src[bit>>3:]; len(src) >= readable {
		return wordAt(src, bit&7) & mask
	}
	var last [readable]byte
	copy(last[:], src)
	return wordAt(last[:], bit&7) & mask
}

// wordAt returns 64 bits from bit on, of readable bytes.
func wordAt(src []byte, bit uint) uint64 {
	b := src[bit>>3:][:readable]
	return binary.LittleEndian.Uint64(b)>>(bit&7) | uint64(b[8])<<1<<(63-bit&7)
}
