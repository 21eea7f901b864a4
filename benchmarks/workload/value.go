package workload

import (
	"math"
	"strconv"
)

// A kind is how the values of a metric go.
type kind byte

const (
	gauge    kind = iota // goes up and down and is noisy, rounded
	counter              // grows by whole numbers
	constant             // a whole number that stays
	ratio                // of two whole numbers, with all digits
	count                // whole numbers, small and large ones alike
	anything             // any double, of about a hundred magnitudes
)

// A number is a decimal, mantissa / 10^digits, or if digits is -1 a float64.
type number struct {
	mantissa int64
	digits   int
	value    float64
}

// full is a number with all its digits.
func full(v float64) number { return number{digits: -1, value: v} }

func whole(n uint64) number { return number{mantissa: int64(n)} } //nolint:gosec // all are less than 2^53

// float returns the number that is nearest, as a parser does: below 2^53 both are
// exact, and a division rounds once.
func (n number) float() float64 {
	if n.digits < 0 {
		return n.value
	}
	return float64(n.mantissa) / pow10(n.digits)
}

func pow10(n int) (p float64) {
	for p = 1; n > 0; n-- {
		p *= 10
	}
	return p
}

// append appends the number with all its digits.
func (n number) append(dst []byte) []byte {
	if n.digits < 0 {
		return strconv.AppendFloat(dst, n.value, 'g', -1, 64)
	}
	unit := int64(pow10(n.digits))
	dst = strconv.AppendInt(dst, n.mantissa/unit, 10)
	if n.digits == 0 {
		return dst
	}
	at := len(dst)
	dst = strconv.AppendInt(dst, unit+n.mantissa%unit, 10) // with a 1 before it, so that zeros are kept
	dst[at] = '.'
	return dst
}

// noise is a random number for a slot of a series, and with -1 and less for other uses:
// splitmix64's finalizer (Steele, Lea, Flood, OOPSLA 2014).
func (w *Workload) noise(series, slot int) uint64 {
	return mix(mix(w.Seed^uint64(series)*0x9e3779b97f4a7c15) + uint64(slot)*0xd1342543de82ef95) //nolint:gosec // it wraps
}

func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// unit makes a number in [0, 1) of random bits.
func unit(r uint64) float64 { return float64(r>>11) / (1 << 53) }

// own is the slot whose noise is a series' own.
const own = math.MinInt32

// number returns the value of a sample.
func (c *column) number(w *Workload, r Ref) number {
	mine, noise := w.noise(r.Series, own), w.noise(r.Series, r.Slot)
	switch c.kind {
	case gauge:
		middle := 1000 + unit(mine)*float64(99_000)
		wave := math.Sin(2*math.Pi*(unit(mine<<32)+float64(r.Slot)/90)) / 5
		jitter := (unit(noise) + unit(noise<<32) - 1) / 20
		return number{mantissa: int64(middle * (1 + wave + jitter)), digits: c.digits}
	case counter:
		rate := 1000 + mine%1_000_000
		return whole(mine>>32 + uint64(r.Slot)*rate + noise%rate) //nolint:gosec // slots are not negative
	case constant:
		return whole(mine % 1_000_000)
	case ratio:
		of := 1 + mine>>44 + noise>>52
		return full(float64(noise%of) / float64(of))
	case count:
		return whole(noise >> 8 % (1 << (noise % 24)))
	}
	v := math.Ldexp(1+unit(noise), int(mix(noise)%128)-64)
	if noise&1 == 0 {
		v = -v
	}
	return full(v)
}
