package query

import (
	"fmt"
	"math"
)

// A Resampling says what the samples in a slot of a coarser step become. A slot
// without any is a gap, whatever the resampling, and a gap never takes the place
// of a sample.
type Resampling uint8

// The resamplings.
const (
	// LTTB takes the sample of each slot that changes the look of the line most:
	// largest triangle three buckets (Sveinn Steinarsson, Downsampling Time Series
	// for Visual Representation, 2013). The buckets are the slots, and those without
	// samples are passed over. The first slot gives its first sample, and the last
	// its last.
	LTTB Resampling = iota
	ResampleMean
	ResampleMin
	ResampleMax
	ResampleSum  // for counts of events
	ResampleNone // keeps the metric's own step
)

func resamplingNames() []string { return []string{"lttb", "mean", "min", "max", "sum", "none"} }

// String returns the name that requests use.
func (r Resampling) String() string {
	if names := resamplingNames(); int(r) < len(names) {
		return names[r]
	}
	return fmt.Sprintf("resampling(%d)", r)
}

// MarshalText writes the name that requests use.
func (r Resampling) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a name; none at all is LTTB.
func (r *Resampling) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*r = LTTB
		return nil
	}
	for i, name := range resamplingNames() {
		if string(b) == name {
			*r = Resampling(i) //nolint:gosec // there are six
			return nil
		}
	}
	return fmt.Errorf("resampling %q is unknown", b)
}

// Resample returns the values of consecutive slots, the first of which is from,
// at a step that is factor times as long, and the first slot of that step. These
// slots are aligned to the epoch too: of a range that begins or ends in one of
// them, it has what is in the range. A factor below 2 changes nothing.
func Resample(values []float64, from, factor int64, how Resampling) (out []float64, first int64) {
	if factor < 2 || how == ResampleNone || len(values) == 0 {
		return values, from
	}
	g := newGrid(len(values), from, factor)
	if how == LTTB {
		return lttb(values, g), g.first
	}
	out = make([]float64, g.n)
	for i := range out {
		lo, hi := g.bucket(i)
		out[i] = fold(values[lo:hi], how)
	}
	return out, g.first
}

func fold(values []float64, how Resampling) float64 {
	s := StatsOf(values)
	switch how {
	case ResampleMin:
		return s.Min
	case ResampleMax:
		return s.Max
	case ResampleSum:
		return s.Sum
	}
	return s.Avg
}

// A grid lays slots of a coarser step over values.
type grid struct {
	first  int64 // coarse slot
	n      int   // how many there are
	lead   int64 // fine slots of the first that are before the values
	factor int64
	values int
}

func newGrid(values int, from, factor int64) grid {
	factor = min(factor, 1<<62) // no slot is farther from the epoch, and no sum below overflows
	first, lead := from/factor, from%factor
	if lead < 0 {
		first, lead = first-1, lead+factor
	}
	n := (lead+int64(values)-1)/factor + 1
	return grid{first: first, n: int(n), lead: lead, factor: factor, values: values}
}

// bucket returns the values [lo, hi) that the coarse slot i has.
func (g grid) bucket(i int) (lo, hi int) {
	begin := int64(i)*g.factor - g.lead
	return int(max(begin, 0)), int(min(begin+g.factor, int64(g.values)))
}

// next returns the first coarse slot from i on that has a sample.
func (g grid) next(values []float64, i int) (int, bool) {
	if i >= g.n {
		return 0, false
	}
	lo, _ := g.bucket(i)
	for ; lo < len(values); lo++ {
		if !math.IsNaN(values[lo]) {
			return int((int64(lo) + g.lead) / g.factor), true
		}
	}
	return 0, false
}

func lttb(values []float64, g grid) []float64 {
	out := make([]float64, g.n)
	for i := range out {
		out[i] = math.NaN()
	}
	i, ok := g.next(values, 0)
	if !ok {
		return out
	}
	at, _ := ends(values, g, i)
	out[i] = values[at]
	for i, ok = g.next(values, i+1); ok; {
		next, more := g.next(values, i+1)
		if !more {
			_, at = ends(values, g, i)
		} else {
			at = farthest(values, g, i, point{float64(at), values[at]}, middle(values, g, next))
		}
		out[i] = values[at]
		i, ok = next, more
	}
	return out
}

// ends returns the first and the last sample of the coarse slot i, which has one.
func ends(values []float64, g grid, i int) (first, last int) {
	lo, hi := g.bucket(i)
	for math.IsNaN(values[lo]) {
		lo++
	}
	for math.IsNaN(values[hi-1]) {
		hi--
	}
	return lo, hi - 1
}

type point struct{ x, y float64 }

// middle returns the mean of the samples of the coarse slot i.
func middle(values []float64, g grid, i int) point {
	var p point
	n := 0.0
	lo, hi := g.bucket(i)
	for at := lo; at < hi; at++ {
		if v := values[at]; !math.IsNaN(v) {
			p.x, p.y, n = p.x+float64(at), p.y+v, n+1
		}
	}
	return point{p.x / n, p.y / n}
}

// farthest returns the sample of the coarse slot i that spans the largest
// triangle with a and c; among equals the first.
func farthest(values []float64, g grid, i int, a, c point) int {
	lo, hi := g.bucket(i)
	best, most := -1, math.Inf(-1)
	for at := lo; at < hi; at++ {
		v := values[at]
		if math.IsNaN(v) {
			continue
		}
		area := math.Abs((a.x-c.x)*(v-a.y) - (a.x-float64(at))*(c.y-a.y))
		if best < 0 || area > most {
			best, most = at, area
		}
	}
	return best
}
