package codec

import "math"

// A Summary tells of the samples of a piece.
type Summary struct {
	Slots int // of the piece
	Count int // of samples, which are all values but NaN
	First int // slot of the first sample, -1 if there is none
	Last  int // slot of the last sample, -1 if there is none

	// Sum is of the samples, added in their order to 0; Min and Max are as of the
	// functions of that name. They are 0 if there is no sample.
	Sum, Min, Max float64
}

// Stats returns what there is to tell of the piece that data begins with, and what
// is behind it. Pieces of many samples are not decoded for it. Errors are as of
// Decode.
func Stats(data []byte) (s Summary, rest []byte, err error) {
	var p piece
	r := reader{data: data}
	r.piece(&p)
	if r.err != nil {
		return Summary{}, nil, r.err
	}
	if s, ok := p.summary(); ok {
		return s, r.data, nil
	}
	var space [MaxSlots]float64
	values := space[:p.slots]
	if err := p.decode(values); err != nil {
		return Summary{}, nil, err
	}
	return summarize(values), r.data, nil
}

// summary returns the summary that is in the piece, or plain from it.
func (p *piece) summary() (Summary, bool) {
	s := Summary{Slots: p.slots, Count: p.samples, Last: p.slots - 1}
	if p.gaps {
		s.First, s.Last = p.mask.first(), p.mask.last()
	}
	switch {
	case p.samples == 0:
		return s, true
	case p.form == formSame:
		v := p.scale.value(p.first)
		s.Sum, s.Min, s.Max = times(v, p.samples), v, v
		return s, v == v
	case p.extras&extraSummary != 0:
		s.Sum, s.Min, s.Max = p.sum, p.scale.value(p.first-int64(p.below)), p.scale.value(p.first+int64(p.above))
		return s, true
	}
	return s, false
}

// times adds v n times to 0.
func times(v float64, n int) float64 {
	if product := v * float64(n); v == math.Trunc(v) && math.Abs(product) < 1<<53 {
		return 0 + product // whole numbers, none of which is rounded
	}
	sum := 0.0
	for range n {
		sum += v
	}
	return sum
}

func summarize(values []float64) Summary {
	s := Summary{Slots: len(values), First: -1, Last: -1}
	for i, v := range values {
		if v != v {
			continue
		}
		if s.Count++; s.Count == 1 {
			s.First, s.Min, s.Max = i, v, v
		}
		s.Last = i
		s.Sum += v
		if v < s.Min || v == 0 {
			s.Min = min(s.Min, v) // -0 is less than 0
		}
		if v > s.Max || v == 0 {
			s.Max = max(s.Max, v)
		}
	}
	return s
}
