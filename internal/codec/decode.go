package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Decode writes the values of the piece that data begins with to dst, and returns
// how many they are, and what is behind the piece. It is an error if dst is too
// short, MaxSlots being always enough, or if the bytes are no piece; dst may be
// written to all the same. Not every damage is noticed: whoever keeps bytes on a
// disk has a checksum for them.
func Decode(dst []float64, data []byte) (n int, rest []byte, err error) {
	var p piece
	r := reader{data: data}
	r.piece(&p)
	if r.err != nil {
		return 0, nil, r.err
	}
	if p.slots > len(dst) {
		return 0, nil, fmt.Errorf("codec: %d slots, and room for %d", p.slots, len(dst))
	}
	if err := p.decode(dst[:p.slots]); err != nil {
		return 0, nil, err
	}
	return p.slots, r.data, nil
}

// A piece is what is read of one. Its slices are of the bytes that it is read
// from.
type piece struct {
	slots, samples int
	mask           mask // if there are gaps
	gaps           bool
	scale, form    int
	extras         byte
	width, shift   uint
	first          int64
	step, base     int64
	sum            float64
	below, above   uint64 // of first, to the least and the greatest sample

	outliers             int
	high                 uint
	positions, highs     []byte
	packed               []byte // and all that is behind, which is quicker to read
	odds                 int
	oddPositions, odds64 []byte
}

// A reader takes fields from data. After an error all are 0.
type reader struct {
	data []byte
	err  error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = errors.New("codec: " + what)
	}
	r.data = nil
}

func (r *reader) bytes(n int) []byte {
	if n > len(r.data) {
		r.fail("the piece is cut short")
		return nil
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) word() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	x, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.fail("a number is cut short, or too large")
		return 0
	}
	r.data = r.data[n:]
	return x
}

func (r *reader) varint() int64 { return unzigzag(r.uvarint()) }

func (r *reader) anchor(scale int) int64 {
	if scale == scaleBits {
		return int64(r.word())
	}
	return r.varint()
}

// atMost reads a byte, and fails if it is more than limit.
func (r *reader) atMost(limit int, what string) uint {
	n := uint(r.byte())
	if n > uint(limit) {
		r.fail(what)
		return 0
	}
	return n
}

// count reads a number, and fails if it is more than limit.
func (r *reader) count(limit int, what string) int {
	n := r.uvarint()
	if n > uint64(limit) {
		r.fail(what)
		return 0
	}
	return int(n)
}

// piece reads all fields of a piece.
func (r *reader) piece(p *piece) {
	kind := r.byte()
	p.scale, p.form = int(kind&scaleMask), int(kind>>formShift&formMask)
	if p.scale > maxDigits && p.scale != scaleBits {
		r.fail(fmt.Sprintf("kind %#x is of a later version", kind))
	}
	p.slots = r.count(MaxSlots-1, "too many slots") + 1
	p.samples = p.slots
	if kind&kindGaps != 0 {
		p.gaps, p.mask = true, r.gaps(p.slots)
		p.samples = p.mask.count()
	}
	if p.samples == 0 {
		return
	}
	if p.form == formSame {
		p.first = r.anchor(p.scale)
		return
	}
	p.width = r.atMost(64, "too many bits")
	if kind&kindExtras != 0 {
		p.extras = byte(r.atMost(extraAll, "extras of a later version"))
	}
	p.first = r.anchor(p.scale)
	r.residuals(p)
}

// residuals reads the fields of a piece whose samples are not all the same.
func (r *reader) residuals(p *piece) {
	order := p.form - formValue
	if order == 2 {
		p.step = r.varint()
	}
	if order > 0 {
		p.base = r.varint()
	}
	if p.extras&extraShift != 0 {
		p.shift = r.atMost(63, "shift by too many bits")
	}
	if p.extras&extraSummary != 0 {
		p.sum = math.Float64frombits(r.word())
		p.below, p.above = r.uvarint(), r.uvarint()
	}
	n := max(0, p.samples-order)
	if p.extras&extraOutliers != 0 {
		p.outliers = r.count(n, "too many outliers")
		p.high = r.atMost(64, "too many bits")
		p.positions = r.bytes(packedBytes(p.outliers, widthOf(n)))
		p.highs = r.bytes(packedBytes(p.outliers, p.high))
	}
	p.packed = r.data
	r.bytes(packedBytes(n, p.width))
	if p.extras&extraOdds != 0 {
		p.odds = r.count(p.samples, "too many odd samples")
		p.oddPositions = r.bytes(packedBytes(p.odds, widthOf(p.samples)))
		p.odds64 = r.bytes(8 * p.odds)
	}
}

var errPosition = errors.New("codec: a position behind the end")

// decode writes the values, of which there are p.slots.
func (p *piece) decode(values []float64) error {
	samples := values[:p.samples]
	switch {
	case p.samples == 0:
	case p.form == formSame:
		v := fromInt(p.first, p.scale)
		for i := range samples {
			samples[i] = v
		}
	default:
		if err := p.integers(samples); err != nil {
			return err
		}
		fromInts(samples, p.scale)
		if err := p.putOdds(samples); err != nil {
			return err
		}
	}
	if p.gaps {
		p.mask.expand(values)
	}
	return nil
}

// integers writes the integers of the samples, as bits.
func (p *piece) integers(ints []float64) error {
	order := p.form - formValue
	packed := ints[min(order, len(ints)):]
	unpack(packed, p.packed, p.width)
	if err := p.addOutliers(packed); err != nil {
		return err
	}
	switch order {
	case 0:
		for i, v := range ints {
			ints[i] = asFloat(p.first + asInt(v)<<p.shift)
		}
	case 1:
		x := p.first
		ints[0] = asFloat(x)
		for i, v := range packed {
			x += p.base + asInt(v)<<p.shift
			packed[i] = asFloat(x)
		}
	default:
		x, step := p.first, p.step
		ints[0] = asFloat(x)
		if len(ints) > 1 {
			x += step
			ints[1] = asFloat(x)
		}
		for i, v := range packed {
			step += p.base + asInt(v)<<p.shift
			x += step
			packed[i] = asFloat(x)
		}
	}
	return nil
}

// addOutliers adds to the packed numbers what stands elsewhere.
func (p *piece) addOutliers(packed []float64) error {
	for i := range p.outliers {
		at := unpackOne(p.positions, i, widthOf(len(packed)))
		if at >= uint64(len(packed)) {
			return errPosition
		}
		packed[at] = asFloat(asInt(packed[at]) + unzigzag(unpackOne(p.highs, i, p.high))<<p.width)
	}
	return nil
}

// putOdds writes the samples that are on no scale.
func (p *piece) putOdds(samples []float64) error {
	for i := range p.odds {
		at := unpackOne(p.oddPositions, i, widthOf(len(samples)))
		if at >= uint64(len(samples)) {
			return errPosition
		}
		samples[at] = math.Float64frombits(binary.LittleEndian.Uint64(p.odds64[8*i:]))
	}
	return nil
}

func asInt(v float64) int64 { return int64(math.Float64bits(v)) }

func asFloat(x int64) float64 { return math.Float64frombits(uint64(x)) }
