package query

import (
	"math"
	"strconv"
)

// Stats are the statistics of samples.
type Stats struct {
	Count int     `json:"count"` // of samples; gaps are none
	Sum   float64 `json:"sum"`
	Avg   float64 `json:"avg"`
	Min   float64 `json:"min"`
	Max   float64 `json:"max"`
}

// StatsOf returns the statistics of the values that are no gaps (NaN). Of none,
// all but the Count are NaN.
func StatsOf(values []float64) Stats {
	s := Stats{Min: math.Inf(1), Max: math.Inf(-1)}
	for _, v := range values {
		if math.IsNaN(v) {
			continue
		}
		s.Count++
		s.Sum += v
		s.Min, s.Max = min(s.Min, v), max(s.Max, v)
	}
	if s.Count == 0 {
		nan := math.NaN()
		return Stats{Sum: nan, Avg: nan, Min: nan, Max: nan}
	}
	s.Avg = s.Sum / float64(s.Count)
	return s
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
