package block

import "math"

// A Tally is what samples are together. The zero Tally is of none.
type Tally struct {
	Count         int
	Sum, Min, Max float64
}

// Add adds the samples of one block that are behind those that t has. The sum is taken in
// their order, so that it is the same however many Adds there are.
func (t *Tally) Add(values []float64) {
	sum, n := t.Sum, 0
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if v != v {
			continue
		}
		n++
		sum += v
		if v < lo {
			lo = v
		}
		if v > hi {
			hi = v
		}
	}
	if n == 0 {
		return
	}
	if lo == 0 || hi == 0 {
		lo, hi = bounds(values)
	}
	t.join(Tally{n, sum, lo, hi})
	t.Sum = sum
}

// bounds returns the least and the greatest of values, of which -0 is less than 0.
func bounds(values []float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if v == v {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	return lo, hi
}

// Join adds the samples of a later block. The sum is that of the sums of blocks, from the
// first on: whoever has these need not have the samples.
func (t *Tally) Join(later Tally) {
	if later.Count == 0 {
		return
	}
	t.join(later)
	t.Sum += later.Sum
}

func (t *Tally) join(later Tally) {
	if t.Count == 0 {
		t.Min, t.Max = later.Min, later.Max
	}
	t.Count += later.Count
	t.Min, t.Max = min(t.Min, later.Min), max(t.Max, later.Max)
}

// TallyOf returns the Tally of values, the first of which is that of the slot from: of all
// blocks that they lie in, joined.
func TallyOf(from int64, values []float64) (all Tally) {
	_, at := Split(from)
	for len(values) > 0 {
		n := min(Slots-at, len(values))
		var t Tally
		t.Add(values[:n])
		all.Join(t)
		values, at = values[n:], 0
	}
	return all
}
