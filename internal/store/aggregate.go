package store

import (
	"math"

	"tallystick/internal/block"
	"tallystick/internal/metric"
)

// An aggregate makes one series of several.
type aggregate struct {
	reader   *reader
	agg      metric.Aggregation
	from, to int64 // slots
	series   int   // added
	out      []float64
	counts   []uint32 // of samples in each slot; nil for less than two series
}

func newAggregate(d *reader, agg metric.Aggregation, from, to int64) *aggregate {
	a := &aggregate{reader: d, agg: agg, from: from, to: to, out: d.store.blank(int(to - from))}
	for i := range a.out {
		a.out[i] = math.NaN()
	}
	return a
}

// blank returns memory for the values of an answer.
func (s *Store) blank(n int) []float64 {
	if n > block.Slots {
		return make([]float64, n)
	}
	room, ok := s.rooms.Get().(*block.Block)
	if !ok {
		room = new(block.Block)
	}
	return room[:n]
}

// Reuse has the memory of values that ReadAll returned for later answers. Nobody must use
// them any more. Not to call it is no mistake.
func (s *Store) Reuse(values []float64) {
	if cap(values) == block.Slots { // all of it: they begin where it begins
		s.rooms.Put((*block.Block)(values[:block.Slots]))
	}
}

func (a *aggregate) add(r *series) {
	if a.series++; a.series == 2 {
		a.counts = make([]uint32, len(a.out))
		count(a.counts, a.out)
	}
	a.reader.each(r, a.from, a.to, func(slot int64, values []float64) {
		at := slot - a.from
		a.merge(a.out[at:at+int64(len(values))], values)
		if a.counts != nil {
			count(a.counts[at:], values)
		}
	})
}

func (a *aggregate) merge(dst, src []float64) {
	for i, v := range src {
		switch {
		case math.IsNaN(v):
		case math.IsNaN(dst[i]):
			dst[i] = v
		case a.agg == metric.AggMin:
			dst[i] = min(dst[i], v)
		case a.agg == metric.AggMax:
			dst[i] = max(dst[i], v)
		default:
			dst[i] += v
		}
	}
}

func count(counts []uint32, values []float64) {
	for i, v := range values {
		if !math.IsNaN(v) {
			counts[i]++
		}
	}
}

func (a *aggregate) values() []float64 {
	if a.agg != metric.AggAvg {
		return a.out
	}
	for i, n := range a.counts {
		if n > 1 {
			a.out[i] /= float64(n)
		}
	}
	return a.out
}
