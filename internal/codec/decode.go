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
	scale          scale
	form           int
	extras         byte
	width          uint
	shift          uint // of the packed numbers
	first          int64
	step, base     int64
	sum            float64
	below, above   uint64 // of first, to the least and the greatest sample

	outliers             int
	high                 uint
	positions, highs     []byte
	packed               []byte // and all that is behind, which is quicker to read
	tails                []byte // below the highest bits, if what is packed is lengths
	ulpBase              int64
	ulpWidth             uint
	ulps                 []byte
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

// packed takes n numbers of so many bits. It returns all that is behind them, too:
// they are quicker to read then.
func (r *reader) packed(n int, width uint) []byte {
	b := r.data
	r.bytes(packedBytes(n, width))
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

// int reads what appendInt wrote.
func (r *reader) int(s scale) int64 {
	if s.digits == scaleBits {
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
	p.scale.digits, p.form = int(kind&scaleMask), int(kind>>formShift&formMask)
	if p.scale.digits > maxDigits && p.scale.digits != scaleBits {
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
		p.first = r.int(p.scale)
		return
	}
	p.width = r.atMost(64, "too many bits")
	if kind&kindExtras != 0 {
		p.extras = byte(r.atMost(extraAll, "extras of a later version"))
	}
	p.first = r.int(p.scale)
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
		r.shift(p)
	}
	if p.extras&extraSummary != 0 {
		p.sum = math.Float64frombits(r.word())
		p.below, p.above = r.uvarint(), r.uvarint()
	}
	n := max(0, p.samples-order)
	if p.extras&extraOutliers != 0 {
		p.outliers = r.count(n, "too many outliers")
		p.high = r.atMost(64, "too many bits")
		p.positions = r.packed(p.outliers, widthOf(n))
		p.highs = r.packed(p.outliers, p.high)
	}
	p.packed = r.packed(n, p.width)
	if p.extras&extraLengths != 0 {
		p.tails = r.bytes(r.count(n*maxLength/8+1, "too many bytes"))
	}
	if p.extras&extraUlps != 0 {
		p.ulpBase = r.varint()
		p.ulpWidth = r.atMost(64, "too many bits")
		p.ulps = r.packed(p.samples, p.ulpWidth)
	}
	if p.extras&extraOdds != 0 {
		p.odds = r.count(p.samples, "too many odd samples")
		p.oddPositions = r.packed(p.odds, widthOf(p.samples))
		p.odds64 = r.bytes(8 * p.odds)
	}
}

func (r *reader) shift(p *piece) {
	b := r.byte()
	if b&shiftIntegers == 0 {
		p.shift = uint(b & shiftMask)
		if b&shiftSignLast != 0 {
			r.fail("a shift of a later version")
		}
		return
	}
	p.scale.raw, p.scale.shift, p.scale.signLast = true, uint(b&shiftMask), b&shiftSignLast != 0
}

var (
	errPosition = errors.New("codec: a position behind the end")
	errLengths  = errors.New("codec: lengths that do not fit")
)

// decode writes the values, of which there are p.slots.
func (p *piece) decode(values []float64) error {
	samples := values[:p.samples]
	switch {
	case p.samples == 0:
	case p.form == formSame:
		v := p.scale.value(p.first)
		for i := range samples {
			samples[i] = v
		}
	default:
		if err := p.unfold(samples); err != nil {
			return err
		}
		p.addUlps(samples)
		if err := p.putOdds(samples); err != nil {
			return err
		}
	}
	if p.gaps {
		p.mask.expand(values)
	}
	return nil
}

// unfold writes the samples but for those that are not on the scale.
func (p *piece) unfold(samples []float64) error {
	order := p.form - formValue
	packed := samples[min(order, len(samples)):]
	unpack(packed, p.packed, p.width)
	if p.extras&extraLengths != 0 && !addTails(packed, p.tails) {
		return errLengths
	}
	if err := p.addOutliers(packed); err != nil {
		return err
	}
	if p.shift > 0 {
		for i, v := range packed {
			packed[i] = asFloat(asInt(v) << (p.shift & 63))
		}
	}
	if order == 0 {
		p.scale.values(packed, p.first)
		return nil
	}
	last, base := p.first, p.base
	samples[0] = p.scale.value(last)
	if order == 2 && len(samples) > 1 {
		last += p.step
		samples[1] = p.scale.value(last)
		step := p.step
		for i, v := range packed {
			step += base + asInt(v)
			packed[i] = asFloat(step)
		}
		base = 0
	}
	p.scale.sums(packed, last, base)
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

// addUlps adds what the samples are off.
func (p *piece) addUlps(samples []float64) {
	if p.extras&extraUlps == 0 {
		return
	}
	var ulps [MaxSlots]float64
	unpack(ulps[:len(samples)], p.ulps, p.ulpWidth)
	for i, v := range samples {
		samples[i] = asFloat(asInt(v) + p.ulpBase + asInt(ulps[i]))
	}
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
