package codec

import "math/bits"

// A fit is how integers are packed: what is taken from each, by how many bits the
// rest is shifted right, and how many bits of that are kept. Of those that need
// more, the outliers, the rest stands elsewhere, high bits each.
type fit struct {
	base     int64
	shift    uint
	width    uint
	outliers int
	high     uint
	cost     int // bits that this takes
}

// residuals writes to dst what is left of the ints when differences were taken
// order times.
func residuals(dst *[MaxSlots]int64, ints []int64, order int) []int64 {
	if len(ints) <= order {
		return dst[:0]
	}
	r := dst[:len(ints)-order]
	switch order {
	case 0:
		copy(r, ints)
	case 1:
		last := ints[0]
		for i, x := range ints[1:] {
			r[i] = x - last
			last = x
		}
	default:
		last, step := ints[1], ints[1]-ints[0]
		for i, x := range ints[2:] {
			r[i] = x - last - step
			last, step = x, x-last
		}
	}
	return r
}

// fitOf returns the cheapest fit of r.
func fitOf(r []int64) fit {
	if len(r) == 0 {
		return fit{}
	}
	var c census
	c.take(r)
	all := c.all()
	few := c.few(r, all.cost)
	if few.outliers == 0 || few.cost >= all.cost {
		return all
	}
	return few
}

// A census counts integers by their distance from one that is in the middle.
type census struct {
	n      int
	middle int64
	lo, hi int64 // distances of the least and the greatest
	shift  uint  // all distances are multiples of 1<<shift
	// below[i] and above[i] are how many of less than 1<<i there are: of -1-distance,
	// and of distance, after the shift.
	below, above [64]int
}

func (c *census) take(r []int64) {
	c.n, c.middle = len(r), median(r)
	var count [128]uint16 // by the sign, and the bits of the distance
	or := int64(0)
	for _, x := range r {
		d := x - c.middle
		sign := d >> 63
		count[(bits.Len64(uint64(d^sign))|int(sign&64))&127]++
		or |= d
		c.lo, c.hi = min(c.lo, d), max(c.hi, d)
	}
	if or == 0 {
		return
	}
	c.shift = uint(bits.TrailingZeros64(uint64(or)))
	c.lo, c.hi = c.lo>>c.shift, c.hi>>c.shift
	c.above[0], c.below[0] = int(count[0]), int(count[64+c.shift])
	for i := 1; i < 64; i++ {
		c.above[i], c.below[i] = c.above[i-1], c.below[i-1]
		if at := i + int(c.shift); at < 64 {
			c.above[i] += int(count[at])
			c.below[i] += int(count[64+at])
		}
	}
}

// all returns the fit that has no outliers.
func (c *census) all() fit {
	width := uint(bits.Len64(uint64(c.hi - c.lo)))
	return fit{base: c.middle + c.lo<<c.shift, shift: c.shift, width: width, cost: c.n * int(width)}
}

// few returns a fit that costs less because of outliers, if it finds one.
func (c *census) few(r []int64, limit int) fit {
	var width uint
	var from int64 // the first distance that is no outlier
	best := limit
	for w := min(63, bits.Len64(uint64(c.hi-c.lo))); w > 0; {
		w--
		start, out := c.window(uint(w))
		if out > c.n/2 {
			break
		}
		high := max(bits.Len64(uint64(c.hi)), bits.Len64(uint64(c.lo^c.lo>>63))) + 1 - w
		if cost := c.n*w + 24 + out*(int(widthOf(c.n))+high); cost < best {
			best, width, from = cost, uint(w), start
		}
	}
	if best == limit {
		return fit{}
	}
	return c.exactly(r, width, from)
}

// window returns where a window of 1<<width distances has the fewest outliers,
// or nearly so, and how many.
func (c *census) window(width uint) (start int64, out int) {
	out = c.n
	size := int64(1) << width
	for _, s := range [...]int64{c.lo, c.hi - size + 1, -size / 2, 0} {
		if s > 0 || s+size < 0 {
			continue
		}
		if o := c.n - c.inside(s, s+size); o < out {
			start, out = s, o
		}
	}
	return start, out
}

// inside returns at least how many distances are from s to before e.
func (c *census) inside(s, e int64) int {
	n := 0
	switch {
	case s <= c.lo:
		n += c.below[63]
	case s < 0:
		n += c.below[bits.Len64(uint64(-s))-1]
	}
	switch {
	case e > c.hi:
		n += c.above[63]
	case e > 0:
		n += c.above[bits.Len64(uint64(e))-1]
	}
	return n
}

// exactly returns what the window costs.
func (c *census) exactly(r []int64, width uint, from int64) fit {
	f := fit{base: 1<<63 - 1, shift: c.shift, width: width}
	size := int64(1) << width
	lowest := c.hi
	for _, x := range r {
		if d := (x - c.middle) >> c.shift; d >= from && d < from+size {
			lowest = min(lowest, d)
		}
	}
	f.base = c.middle + lowest<<c.shift
	highest := uint64(0)
	for _, x := range r {
		if d := (x - f.base) >> c.shift >> width; d != 0 {
			f.outliers++
			highest |= zigzag(d)
		}
	}
	f.high = uint(bits.Len64(highest))
	f.cost = c.n*int(width) + 24 + f.outliers*int(widthOf(c.n)+f.high)
	return f
}

// median returns one of r that is in the middle of some of them.
func median(r []int64) int64 {
	var some [9]int64
	n := min(len(r), len(some))
	for i := range n {
		x := r[i*len(r)/n]
		at := i
		for ; at > 0 && some[at-1] > x; at-- {
			some[at] = some[at-1]
		}
		some[at] = x
	}
	return some[n/2]
}

// zigzag returns small numbers for small ones of either sign.
func zigzag(x int64) uint64 { return uint64(x<<1 ^ x>>63) }

func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }
