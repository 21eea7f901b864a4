package archive

import (
	"iter"
	"math"

	"tallystick/internal/block"
	"tallystick/internal/store"
)

// joined makes series of blocks that come ordered: those of one metric at one level, one
// after the other, become one as far as maxValues lets them. Only the slots that begin in
// [from, to) are taken, and none before the first value and behind the last. A series is
// good until the next one.
func joined(blocks iter.Seq2[*store.BlockAt, error], unit func(metric string) string, from, to int64) iter.Seq2[*Series, error] {
	return func(yield func(*Series, error) bool) {
		var s Series
		for b, err := range blocks {
			if err != nil {
				yield(nil, err)
				return
			}
			if b.Step <= 0 {
				continue // its values are of no time; only damage can have done that
			}
			first, last := span(b, from, to)
			for first < last { // the block may be in several pieces
				start := (b.Index*block.Slots + int64(first)) * b.Step
				if len(s.Values) > 0 && (!s.goesOn(b, start) || len(s.Values) == maxValues) {
					if !yield(&s, nil) {
						return
					}
					s.Values = s.Values[:0]
				}
				if len(s.Values) == 0 {
					s = Series{b.Path, b.Metric, unit(b.Metric), b.Step, start, s.Values}
				}
				for ; s.next() < start; s.Values = append(s.Values, math.NaN()) {
				}
				n := min(last-first, maxValues-len(s.Values))
				s.Values = append(s.Values, b.Values[first:first+n]...)
				first += n
			}
		}
		if len(s.Values) > 0 {
			yield(&s, nil)
		}
	}
}

// next returns the Unix second that the value behind the last one is of.
func (s *Series) next() int64 { return s.Start + int64(len(s.Values))*s.Step }

// goesOn reports whether values of b from the Unix second start on can be those of s:
// with a gap before them, if that is short enough to be written down.
func (s *Series) goesOn(b *store.BlockAt, start int64) bool {
	return s.Path == b.Path && s.Metric == b.Metric && s.Step == b.Step &&
		start >= s.next() && start < s.Start+maxValues*s.Step && (start-s.next())/s.Step < block.Slots
}

// span returns the slots [first, last) of b that begin in [from, to), without the gaps
// before and behind the values.
func span(b *store.BlockAt, from, to int64) (first, last int) {
	base := b.Index * block.Slots
	first = int(min(max(ceil(from, b.Step)-base, 0), block.Slots))
	last = int(min(max(ceil(to, b.Step)-base, 0), block.Slots))
	for first < last && math.IsNaN(b.Values[first]) {
		first++
	}
	for first < last && math.IsNaN(b.Values[last-1]) {
		last--
	}
	return first, last
}

// ceil returns the first slot that begins at or after the Unix second.
func ceil(sec, step int64) int64 {
	slot := sec / step
	if sec%step > 0 { // Go's division rounds to zero
		slot++
	}
	return slot
}
