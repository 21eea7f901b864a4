package codec

import "math/bits"

// A fit is how integers are packed: what is taken from each, and how many bits of
// the rest are kept. Of those that need more, the outliers, what is above stands
// elsewhere, high bits each.
type fit struct {
	base     int64
	width    uint
	outliers int
	high     uint
	lengths  bool // width is of their lengths, and each has as many bits as it needs
	tails    int  // bytes of them
	cost     int  // bits that this takes
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

// sampled is how many of the ints lookOf looks at.
const sampled = 32

// lookOf returns about how many bits all residuals of some of the ints have, for
// each order.
func lookOf(ints []int64) (bitsOf [maxOrder + 1]int) {
	var r [maxOrder + 1][sampled]int64
	n := min(len(ints)-maxOrder, sampled)
	if n < sampled/4 {
		return bitsOf // try all
	}
	for i := range n {
		x := ints[i*(len(ints)-maxOrder)/n:][:maxOrder+1]
		r[0][i], r[1][i], r[2][i] = x[2], x[2]-x[1], x[2]-2*x[1]+x[0]
	}
	for order := range r {
		some := r[order][:n]
		middle, lo, hi := median(some), int64(0), int64(0)
		for _, x := range some {
			x -= middle
			bitsOf[order] += bits.Len64(uint64(x ^ x>>63))
			lo, hi = min(lo, x), max(hi, x)
		}
		bitsOf[order] = min(bitsOf[order]+n*5/2, n*bits.Len64(uint64(hi-lo))) + order*n/8 // for its fields
	}
	return bitsOf
}

// fitOf returns the cheapest fit of r.
func fitOf(r []int64) fit {
	if len(r) == 0 {
		return fit{}
	}
	var c census
	c.take(r)
	all := c.all()
	best := all
	if few := c.few(r, all.cost); few.outliers > 0 && few.cost < best.cost {
		best = few
	}
	if uneven := bits.Len64(uint64(-c.lo)) + 3; int(all.width) > uneven && all.width <= maxLength {
		if own := lengthsFit(r, all); own.cost < best.cost {
			best = own
		}
	}
	return best
}

// plainFit returns the fit that has no outliers.
func plainFit(r []int64) fit {
	if len(r) == 0 {
		return fit{}
	}
	middle, lo, hi := r[0], int64(0), int64(0)
	for _, x := range r {
		lo, hi = min(lo, x-middle), max(hi, x-middle)
	}
	width := uint(bits.Len64(uint64(hi - lo)))
	return fit{base: middle + lo, width: width, cost: len(r) * int(width)}
}

// A census counts integers by their distance from one that is in the middle.
type census struct {
	n      int
	middle int64
	lo, hi int64 // distances of the least and the greatest
	// below[i] and above[i] are how many of less than 1<<i there are: of -1-distance,
	// and of distance.
	below, above [64]int
}

func (c *census) take(r []int64) {
	c.n, c.middle = len(r), median(r)
	// By the sign, and the bits of the distance. There are two, as one count cannot be
	// added to twice at once.
	var count [2][128]uint16
	middle, lo, hi := c.middle, int64(0), int64(0)
	for i, x := range r {
		d := x - middle
		sign := d >> 63
		count[i&1][(bits.Len64(uint64(d^sign))|int(sign&64))&127]++
		lo, hi = min(lo, d), max(hi, d)
	}
	below, above := 0, 0
	for i := range 64 {
		above += int(count[0][i] + count[1][i])
		below += int(count[0][64+i] + count[1][64+i])
		c.above[i], c.below[i] = above, below
	}
	c.lo, c.hi = lo, hi
}

// all returns the fit that has no outliers.
func (c *census) all() fit {
	width := uint(bits.Len64(uint64(c.hi - c.lo)))
	return fit{base: c.middle + c.lo, width: width, cost: c.n * int(width)}
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
	size := int64(1) << width
	lowest := c.hi
	for _, x := range r {
		if d := x - c.middle; d >= from && d < from+size {
			lowest = min(lowest, d)
		}
	}
	f := fit{base: c.middle + lowest, width: width}
	highest := uint64(0)
	for _, x := range r {
		if d := (x - f.base) >> width; d != 0 {
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
