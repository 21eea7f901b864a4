package store

import (
	"fmt"
	"iter"
	"math"

	"tallystick/internal/metric"
	"tallystick/internal/selector"
)

// A Series is the samples of one metric in consecutive slots.
type Series struct {
	From   int64     // time of Values[0] in Unix seconds, a multiple of Step
	Step   int64     // seconds
	Values []float64 // NaN is a gap; the first and the last are none
	Counts []uint32  // of the series that have a sample in the slot; nil if there is one series only
}

// A Span is how much a Read would find.
type Span struct {
	From, To int64 // Unix seconds, multiples of the metric's step: [From, To)
	Series   int   // that the level's samples are made of, whenever they were
}

// Read returns the samples of a metric at a level in [from, to), in every slot
// that the range touches, from the first to the last slot that has one: a level
// that is not there, or has none, gives no Values. At the path that is empty
// it reads the root.
//
// The level's own series is the answer. If it has none, the nearest levels below
// that have one are aggregated by agg, slot by slot over those that have a
// sample in the slot, in the order of their paths, so that equal data gives
// equal bits. Several of them with AggNone is ErrAmbiguous. More than
// MaxValues values is ErrTooMuch.
func (s *Store) Read(at selector.Path, id metric.ID, agg metric.Aggregation, from, to int64) (Series, error) {
	return s.ReadAll([]selector.Path{at}, id, agg, from, to)
}

// ReadAll reads several levels as Read would a level that has nothing but these
// below it: all the series that their samples are made of become one.
func (s *Store) ReadAll(set []selector.Path, id metric.ID, agg metric.Aggregation, from, to int64) (Series, error) {
	return s.ReadFit(set, id, agg, from, to, func(Span) error { return nil })
}

// ReadFit is ReadAll for a caller that limits its answers: fits is told how much there will
// be, if there is anything, before there is memory for it, and may refuse it with an error,
// which is returned. Nothing written between can make it more.
func (s *Store) ReadFit(set []selector.Path, id metric.ID, agg metric.Aggregation, from, to int64, fits func(Span) error) (Series, error) {
	if int(id) >= s.table.Len() {
		return Series{}, fmt.Errorf("metric %d: %w", id, ErrMetric)
	}
	out := Series{Step: s.table.At(id).Step}
	first, last, n := s.extent(set, id, from, to)
	if n > 1 && agg == metric.AggNone {
		return out, ErrAmbiguous
	}
	if first > last {
		return out, nil
	}
	if err := fits(Span{From: first * out.Step, To: (last + 1) * out.Step, Series: n}); err != nil {
		return out, err
	}
	if last-first >= MaxValues {
		return out, fmt.Errorf("%w: %d, at most %d", ErrTooMuch, last-first+1, MaxValues)
	}
	d := s.reader()
	defer s.readers.Put(d)
	a := newAggregate(d, agg, first, last+1)
	for _, at := range set {
		s.each(at, id, a.add)
	}
	if a.series > 1 && agg == metric.AggNone { // another has just come
		return out, ErrAmbiguous
	}
	lead, values := trim(a.values())
	if a.counts != nil {
		out.Counts = a.counts[lead : lead+len(values)]
	}
	out.Values = values
	out.From = (first + int64(lead)) * out.Step
	return out, nil
}

// Span returns the range that Read of the same arguments would return, and how
// many series it would read. A caller that limits its answers asks first, and
// then reads the range of the Span: nothing written between can make it longer.
func (s *Store) Span(at selector.Path, id metric.ID, from, to int64) Span {
	return s.SpanAll([]selector.Path{at}, id, from, to)
}

// SpanAll is Span for ReadAll.
func (s *Store) SpanAll(set []selector.Path, id metric.ID, from, to int64) Span {
	if int(id) >= s.table.Len() {
		return Span{}
	}
	first, last, n := s.extent(set, id, from, to)
	if first > last {
		return Span{Series: n}
	}
	step := s.table.At(id).Step
	return Span{From: first * step, To: (last + 1) * step, Series: n}
}

// extent returns the first and the last slot with a sample, first > last if
// there is none, and how many series there are, with or without samples in the
// range.
func (s *Store) extent(set []selector.Path, id metric.ID, from, to int64) (first, last int64, n int) {
	first, last = math.MaxInt64, math.MinInt64
	lo, hi := slots(s.table.At(id), from, to)
	d := s.reader()
	defer s.readers.Put(d)
	for _, at := range set {
		s.each(at, id, func(r *series) {
			n++
			if f, l, ok := d.extent(r, lo, hi); ok {
				first, last = min(first, f), max(last, l)
			}
		})
	}
	return first, last, n
}

// slots returns the slots [lo, hi) that the seconds [from, to) touch.
func slots(m metric.Metric, from, to int64) (lo, hi int64) {
	if from >= to {
		return 0, 0
	}
	return m.Slot(max(from, -2*MaxTime)), m.Slot(min(to, 2*MaxTime)-1) + 1
}

// each calls do with the series that make the metric at the level, in the order
// of their paths, each with its node locked for reading.
func (s *Store) each(at selector.Path, id metric.ID, do func(*series)) {
	for n, at := range s.below(at) {
		n.each(at, id, do)
	}
}

// below returns the node that the path is at or below with the path, or the
// nodes that are below it each with its own. A path with a hole has none.
func (s *Store) below(at selector.Path) iter.Seq2[*node, selector.Path] {
	return func(yield func(*node, selector.Path) bool) {
		if at.Node != "" {
			if n := s.nodes.get(at); n != nil {
				yield(n, at)
			}
			return
		}
		if at != (selector.Path{Cluster: at.Cluster}) {
			return
		}
		for _, n := range s.nodes.list(at.Cluster) {
			if !yield(n, n.path) {
				return
			}
		}
	}
}

func (n *node) each(at selector.Path, id metric.ID, do func(*series)) {
	own := func(l *level) bool {
		i, ok := l.get(id)
		if ok {
			do(&l.series[i])
		}
		return !ok
	}
	n.strides(at, own, func(c *level) { c.each(id, do) })
}

// trim returns values without the gaps at both ends, and how many were in front.
func trim(values []float64) (lead int, kept []float64) {
	for len(values) > 0 && math.IsNaN(values[0]) {
		lead, values = lead+1, values[1:]
	}
	for len(values) > 0 && math.IsNaN(values[len(values)-1]) {
		values = values[:len(values)-1]
	}
	return lead, values
}
