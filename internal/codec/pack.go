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

// addAll appends the lowest width bits of each number.
func (p *packer) addAll(xs []int64) {
	if p.width == 0 {
		return
	}
	mask := ^uint64(0) >> ((64 - p.width) & 63)
	dst, acc, fill, width := p.dst, p.acc, p.fill, p.width
	for _, v := range xs {
		x := uint64(v) & mask
		acc |= x << (fill & 63)
		if fill += width; fill >= 64 {
			dst = binary.LittleEndian.AppendUint64(dst, acc)
			fill -= 64
			acc = x >> 1 >> ((width - fill - 1) & 63)
		}
	}
	p.dst, p.acc, p.fill = dst, acc, fill
}

// end appends what is left, to a full byte, and returns dst.
func (p *packer) end() []byte {
	for n := int(p.fill); n > 0; n -= 8 {
		p.dst = append(p.dst, byte(p.acc))
		p.acc >>= 8
	}
	return p.dst
}

// unpack reads len(dst) numbers of width bits from src, which may go on behind
// them, and writes them as the bits of dst.
func unpack(dst []float64, src []byte, width uint) {
	if width == 0 {
		clear(dst)
		return
	}
	mask := ^uint64(0) >> ((64 - width) & 63)
	whole := 0 // how many can be read with the 8 bytes from their first one on
	if width <= 57 && len(src) >= 8 {
		whole = min(len(dst), ((len(src)-8)*8+7)/int(width)+1)
	}
	bit := uint(0)
	for i := range dst[:whole] {
		x := binary.LittleEndian.Uint64(src[bit>>3:]) >> (bit & 7)
		dst[i] = math.Float64frombits(x & mask)
		bit += width
	}
	for i := range dst[whole:] {
		dst[whole+i] = math.Float64frombits(bitsAt(src, bit) & mask)
		bit += width
	}
}

// unpackOne reads number i.
func unpackOne(src []byte, i int, width uint) uint64 {
	if width == 0 {
		return 0
	}
	return bitsAt(src, uint(i)*width) & (^uint64(0) >> ((64 - width) & 63))
}

// bitsAt returns 64 bits from bit on, of which those behind src are 0.
func bitsAt(src []byte, bit uint) uint64 {
	var b [9]byte
	copy(b[:], src[bit>>3:])
	return binary.LittleEndian.Uint64(b[:])>>(bit&7) | uint64(b[8])<<1<<(63-bit&7)
}
