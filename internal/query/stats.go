package query

import (
	"math"
	"strconv"

	"tallystick/internal/block"
)

// Stats are the statistics of samples. Sum is that of the sums of blocks of 512 slots, each in
// the order of its slots (block.TallyOf): the same to the bit, however they are kept.
type Stats struct {
	Count int     `json:"count"` // of samples; gaps are none
	Sum   float64 `json:"sum"`
	Avg   float64 `json:"avg"`
	Min   float64 `json:"min"`
	Max   float64 `json:"max"`
}

// StatsOf returns the statistics of the values that are no gaps (NaN), added up in their
// order. Of none, all but the Count are NaN.
func StatsOf(values []float64) Stats {
	var t block.Tally
	t.Add(values)
	return statsOf(t)
}

func statsOf(t block.Tally) Stats {
	if t.Count == 0 {
		nan := math.NaN()
		return Stats{Sum: nan, Avg: nan, Min: nan, Max: nan}
	}
	return Stats{Count: t.Count, Sum: t.Sum, Avg: t.Sum / float64(t.Count), Min: t.Min, Max: t.Max}
}

// AppendJSON adds s to b as an object.
func (s Stats) AppendJSON(b []byte) []byte {
	b = append(b, `{"count":`...)
	b = strconv.AppendInt(b, int64(s.Count), 10)
	b = Value(s.Sum).AppendJSON(append(b, `,"sum":`...))
	b = Value(s.Avg).AppendJSON(append(b, `,"avg":`...))
	b = Value(s.Min).AppendJSON(append(b, `,"min":`...))
	b = Value(s.Max).AppendJSON(append(b, `,"max":`...))
	return append(b, '}')
}

// MarshalJSON returns s in JSON, with null for what is no number.
func (s Stats) MarshalJSON() ([]byte, error) { return s.AppendJSON(nil), nil }
