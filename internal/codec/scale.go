package codec

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// A scale is what the integers of samples are multiples of.
type scale struct {
	digits   int  // a sample is integer / 10^digits; or scaleBits
	shift    uint // after the integer was shifted left by so much
	signLast bool // of bits: the lowest bit of the integer is the sign, and not shifted
	raw      bool // of bits: those of a negative one are not turned over
}

// slack is how many units in the last place a sample may be off a decimal number
// and is still written as that number and the difference.
const slack = 500

// nearDigits is with how many digits at most: with more, many doubles of full
// precision are that near by chance.
const nearDigits = 9

// decimals are samples as decimal numbers.
type decimals struct {
	ints [MaxSlots]int64 // sample × 10^digits
	ulps [MaxSlots]int64 // what is to be added to the bits of ints / 10^digits
	odds [MaxSlots]uint16
}

// take sets d to the samples, with the fewest digits that do for all but a few odd
// samples, whose positions it returns. ulps are at most slack. It gives up if the
// odd ones are many, or all.
func (d *decimals) take(samples []float64, slack int64) (digits int, odds []uint16, ok bool) {
	odds = d.odds[:0]
	for i := range 4 {
		if n := digitsOf(samples[i*len(samples)/4], digits, slack); n <= maxDigits {
			digits = n
		}
	}
	for i := 0; ; {
		i += d.run(samples[i:], i, digits, slack)
		if i == len(samples) {
			d.fillFirst(len(odds))
			return digits, odds, len(odds) < len(samples)
		}
		more := digitsOf(samples[i], digits+1, slack)
		if more <= maxDigits && oddCost(len(odds)+1, len(samples)) > (more-digits)*len(samples)*10/3 {
			digits, i, odds = more, 0, odds[:0]
			continue
		}
		if more > maxDigits && len(odds) >= 4+i/16 {
			return 0, nil, false
		}
		odds = append(odds, uint16(i))
		d.ints[i], d.ulps[i] = d.ints[max(i-1, 0)], d.ulps[max(i-1, 0)] // costs least
		i++
	}
}

// oddCost returns how many bits it takes to write the odd ones of n samples.
func oddCost(odds, n int) int {
	if odds == 0 {
		return 0
	}
	return 16 + odds*(64+int(widthOf(n)))
}

// fillFirst gives odd samples before all others what the first of these has.
func (d *decimals) fillFirst(odds int) {
	first := 0
	for first < odds && int(d.odds[first]) == first {
		first++
	}
	for i := range first {
		d.ints[i], d.ulps[i] = d.ints[first], d.ulps[first]
	}
}

// run takes samples from position at on, up to the first for which digits do not
// do, and returns how many it took.
func (d *decimals) run(samples []float64, at, digits int, slack int64) int {
	ints := d.ints[at:][:len(samples)]
	if digits == 0 && slack == 0 {
		for i, v := range samples {
			x := int64(v)
			if math.Float64bits(float64(x)) != math.Float64bits(v) {
				return i
			}
			ints[i] = x
		}
		return len(samples)
	}
	ulps := d.ulps[at:][:len(samples)]
	power := pow10(digits)
	for i, v := range samples {
		x, off := decimal(v, power)
		if uint64(off+slack) > uint64(2*slack) {
			return i
		}
		ints[i], ulps[i] = x, off
	}
	return len(samples)
}

// decimal returns the integer next to v × power, and how many units in the last
// place v is off from it / power.
func decimal(v, power float64) (x, off int64) {
	x = round(v * power)
	return x, int64(math.Float64bits(v)) - int64(math.Float64bits(float64(x)/power))
}

// digitsOf returns the fewest digits, at least from, that do for v; more than
// maxDigits if none do.
func digitsOf(v float64, from int, slack int64) int {
	power := pow10(from)
	most := maxDigits
	if slack > 0 {
		most = nearDigits
	}
	for digits := from; digits <= most; digits++ {
		if _, off := decimal(v, power); uint64(off+slack) <= uint64(2*slack) {
			return digits
		}
		power *= 10
	}
	return maxDigits + 1
}

// round returns the nearest integer. Beyond ±2^51 it returns anything.
func round(v float64) int64 {
	const magic = 1<<52 + 1<<51 // the last bit of it and of all doubles near it is worth 1
	return int64(math.Float64bits(v+magic)) - int64(0x4338<<48)
}

// pow10 returns 10^n, which is exact up to n = 22.
func pow10(n int) float64 {
	power := 1.0
	for range n {
		power *= 10
	}
	return power
}

// shiftOut shifts out the bits that are 0 in all of ints, and returns how many.
func shiftOut(ints []int64) uint {
	or := int64(0)
	for _, x := range ints {
		or |= x
	}
	if or&1 == 1 || or == 0 {
		return 0
	}
	shift := uint(bits.TrailingZeros64(uint64(or)))
	for i := range ints {
		ints[i] >>= shift
	}
	return shift
}

// toBits writes the bits of the samples to ints, and shifts out those that are 0 in
// all of them.
func toBits(ints []int64, samples []float64) scale {
	s, or, and := scale{digits: scaleBits}, uint64(0), ^uint64(0)
	for i, v := range samples {
		x := math.Float64bits(v)
		or |= x
		and &= x
		ints[i] = int64(x)
	}
	s.raw, s.signLast = or>>63 != 0, (or^and)>>63 != 0
	if or<<1 != 0 {
		s.shift = uint(bits.TrailingZeros64(or))
	}
	if s.signLast {
		for i, x := range ints {
			ints[i] = int64(uint64(x)<<1>>1>>s.shift<<1 | uint64(x)>>63)
		}
	} else if s.shift > 0 {
		for i, x := range ints {
			ints[i] = int64(uint64(x) >> s.shift)
		}
	}
	return s
}

// value returns the sample that is x on the scale.
func (s scale) value(x int64) float64 {
	v := [1]float64{asFloat(x)}
	s.values(v[:], 0)
	return v[0]
}

// values turns integers, less base, whose bits are in xs, into the samples that
// they are on the scale.
func (s scale) values(xs []float64, base int64) {
	switch {
	case s.digits == scaleBits:
		or := int64(0)
		for i, v := range xs {
			x := base + asInt(v)
			or |= x
			xs[i] = asFloat(x)
		}
		s.turn(xs, or < 0)
	case s.digits == 0 && s.shift == 0:
		for i, v := range xs {
			xs[i] = float64(base + asInt(v))
		}
	default:
		unit := s.perUnit()
		for i, v := range xs {
			xs[i] = float64(base+asInt(v)) / unit
		}
	}
}

// sums turns steps between integers, less base, into the samples that these are on
// the scale. The integer before the first step is x.
func (s scale) sums(xs []float64, x, base int64) {
	switch {
	case s.digits == scaleBits:
		or := int64(0)
		for i, v := range xs {
			x += base + asInt(v)
			or |= x
			xs[i] = asFloat(x)
		}
		s.turn(xs, or < 0)
	case s.digits == 0 && s.shift == 0:
		for i, v := range xs {
			x += base + asInt(v)
			xs[i] = float64(x)
		}
	default:
		unit := s.perUnit()
		for i, v := range xs {
			x += base + asInt(v)
			xs[i] = float64(x) / unit
		}
	}
}

// perUnit returns the integer that is 1 on the scale, which need not be whole: a
// double is divided by it as it is by 10^digits after a shift.
func (s scale) perUnit() float64 { return pow10(s.digits) / float64(uint64(1)<<s.shift) }

// turn makes samples of their bits. It is told if there may be negative integers.
func (s scale) turn(xs []float64, negative bool) {
	switch {
	case s.signLast:
		for i, v := range xs {
			x := math.Float64bits(v)
			xs[i] = math.Float64frombits(x>>1<<(s.shift&63) | x<<63)
		}
	case s.shift > 0:
		for i, v := range xs {
			xs[i] = math.Float64frombits(math.Float64bits(v) << (s.shift & 63))
		}
	case negative && !s.raw:
		for i, v := range xs {
			xs[i] = asFloat(turnedOver(asInt(v)))
		}
	}
}

// turnedOver turns over all bits of a negative integer but its sign.
func turnedOver(x int64) int64 { return x ^ int64(uint64(x>>63)>>1) }

// int returns the integer that v is on the scale, if it has one.
func (s scale) int(v float64) int64 {
	switch {
	case s.digits == scaleBits && s.signLast:
		return int64(math.Float64bits(v)<<1>>1>>s.shift<<1 | math.Float64bits(v)>>63)
	case s.digits == scaleBits:
		return int64(math.Float64bits(v) >> s.shift)
	case s.digits == 0:
		return int64(v) >> s.shift
	}
	return round(v*pow10(s.digits)) >> s.shift
}

// has reports whether v is an integer on the scale.
func (s scale) has(v float64) bool {
	return math.Float64bits(s.value(s.int(v))) == math.Float64bits(v)
}

// shiftByte returns the byte of shift, 0 if none is needed.
func (s scale) shiftByte() byte {
	switch {
	case s.signLast:
		return byte(s.shift) | shiftIntegers | shiftSignLast
	case s.shift > 0 || s.raw:
		return byte(s.shift) | shiftIntegers
	}
	return 0
}

// appendInt appends an integer of the scale: those that are bits are no small
// numbers.
func (s scale) appendInt(dst []byte, x int64) []byte {
	if s.digits == scaleBits {
		return binary.LittleEndian.AppendUint64(dst, uint64(x))
	}
	return binary.AppendVarint(dst, x)
}
