package codec

import "math"

// toDecimals writes samples × 10^digits to e.decimals, with the fewest digits
// that give back the bits of all samples but a few odd ones, whose positions it
// returns. It gives up if these are many, or all.
func (e *Encoder) toDecimals(samples []float64) (digits int, odds []uint16, ok bool) {
	odds = e.odds[:0]
	for i := 0; ; {
		i += scale(e.decimals[i:len(samples)], samples[i:], digits)
		if i == len(samples) {
			e.fillFirst(odds)
			return digits, odds, len(odds) < len(samples)
		}
		if more := digitsOf(samples[i], digits+1); more <= maxDigits {
			digits, i, odds = more, 0, odds[:0]
			continue
		}
		if len(odds) >= 4+i/16 {
			return 0, nil, false
		}
		odds = append(odds, uint16(i))
		e.decimals[i] = e.decimals[max(i-1, 0)] // costs least
		i++
	}
}

// fillFirst gives odd samples before all others the integer of the first that is
// not odd.
func (e *Encoder) fillFirst(odds []uint16) {
	first := 0
	for first < len(odds) && int(odds[first]) == first {
		first++
	}
	for i := range first {
		e.decimals[i] = e.decimals[first]
	}
}

// scale writes samples × 10^digits to ints, up to the first sample that this does
// not give back, and returns how many it wrote.
func scale(ints []int64, samples []float64, digits int) int {
	ints = ints[:len(samples)]
	if digits == 0 {
		for i, v := range samples {
			x := int64(v)
			if math.Float64bits(float64(x)) != math.Float64bits(v) {
				return i
			}
			ints[i] = x
		}
		return len(samples)
	}
	power := pow10(digits)
	for i, v := range samples {
		x := round(v * power)
		if math.Float64bits(float64(x)/power) != math.Float64bits(v) {
			return i
		}
		ints[i] = x
	}
	return len(samples)
}

// digitsOf returns with how many digits, at least from, v is an integer; more than
// maxDigits if with none.
func digitsOf(v float64, from int) int {
	power := pow10(from)
	for digits := from; digits <= maxDigits; digits++ {
		if math.Float64bits(float64(round(v*power))/power) == math.Float64bits(v) {
			return digits
		}
		power *= 10
	}
	return maxDigits + 1
}

// round returns the nearest integer. Beyond ±2^51 it returns anything.
func round(v float64) int64 {
	const magic = 1<<52 + 1<<51 // its last bit is worth 1, and so it is of all doubles near it
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

// toBits writes the bits of the samples to ints.
func toBits(ints []int64, samples []float64) {
	for i, v := range samples {
		ints[i] = toInt(v)
	}
}

// toInt returns an integer that is in the order of integers what v is in that of
// doubles; -0 is before 0.
func toInt(v float64) int64 {
	x := int64(math.Float64bits(v))
	return x ^ int64(uint64(x>>63)>>1)
}

// fromInt returns the sample that is x on the scale.
func fromInt(x int64, scale int) float64 {
	if scale == scaleBits {
		return math.Float64frombits(uint64(x ^ int64(uint64(x>>63)>>1)))
	}
	return float64(x) / pow10(scale)
}

// fromInts turns the integers that are in values into the samples that they are on
// the scale.
func fromInts(values []float64, scale int) {
	switch scale {
	case scaleBits:
		for i, v := range values {
			x := int64(math.Float64bits(v))
			values[i] = math.Float64frombits(uint64(x ^ int64(uint64(x>>63)>>1)))
		}
	case 0:
		for i, v := range values {
			values[i] = float64(int64(math.Float64bits(v)))
		}
	default:
		power := pow10(scale)
		for i, v := range values {
			values[i] = float64(int64(math.Float64bits(v))) / power
		}
	}
}
