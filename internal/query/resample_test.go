package query_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tallystick/internal/query"
)

var nan = math.NaN()

func equal(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(a, b float64) bool { return a == b || a != a && b != b })
}

func TestResample(t *testing.T) {
	f := func(how query.Resampling, from, factor int64, values []float64, first int64, want ...float64) {
		t.Helper()
		got, at := query.Resample(values, from, factor, how)
		if !equal(got, want) || at != first {
			t.Errorf("%v of %v from %d by %d: got %v from %d, want %v from %d", how, values, from, factor, got, at, want, first)
		}
	}
	six := []float64{1, 2, 3, 4, 5, 6}
	f(query.ResampleMean, 0, 3, six, 0, 2, 5)
	f(query.ResampleMean, 1, 3, six, 0, 1.5, 4, 6) // [1 2] [3 4 5] [6]
	f(query.ResampleMean, -1, 3, six, -1, 1, 3, 5.5)
	f(query.ResampleMean, -3, 3, six, -1, 2, 5)
	f(query.ResampleMin, 1, 3, six, 0, 1, 3, 6)
	f(query.ResampleMax, 1, 3, six, 0, 2, 5, 6)
	f(query.ResampleSum, 1, 3, six, 0, 3, 12, 6)
	f(query.ResampleMean, 2, 100, six, 0, 3.5)
	f(query.ResampleNone, 7, 3, six, 7, six...)
	f(query.LTTB, 7, 1, six, 7, six...)
	f(query.LTTB, 7, 0, six, 7, six...)
	f(query.LTTB, 7, 3, nil, 7)

	f(query.ResampleSum, -3, math.MaxInt64, six, -1, 6, 15)
	f(query.LTTB, -3, math.MaxInt64, six, -1, 1, 6)

	gaps := []float64{nan, nan, nan, 4, nan, 8, nan, nan, nan, nan}
	f(query.ResampleMean, 0, 3, gaps, 0, nan, 6, nan, nan)
	f(query.ResampleSum, 0, 3, gaps, 0, nan, 12, nan, nan)
	f(query.ResampleMin, 0, 3, gaps, 0, nan, 4, nan, nan)
	f(query.LTTB, 0, 3, gaps, 0, nan, 4, nan, nan)
	f(query.LTTB, 0, 2, gaps, 0, nan, 4, 8, nan, nan)
	f(query.LTTB, 0, 3, []float64{nan, nan, nan}, 0, nan)

	// A peak is kept, at its slot; a gap beside it takes nothing.
	f(query.LTTB, 0, 3, []float64{0, 0, 0, 0, 9, nan, nan, nan, nan, 0, -7, 0, 0, 0, 1}, 0, 0, 9, nan, -7, 1)
	// Among equals the first.
	f(query.LTTB, 0, 2, []float64{5, 5, 5, 5, 5, 5}, 0, 5, 5, 5)
	f(query.LTTB, 0, 2, []float64{1, math.Inf(1), math.Inf(1), 5, 5, 6}, 0, 1, math.Inf(1), 6)
}

// A naive resampling puts the samples into their slots first.
func naive(values []float64, from, factor int64, how query.Resampling) (out []float64, first int64) {
	slot := func(i int) int64 { return int64(math.Floor(float64(from+int64(i)) / float64(factor))) }
	first = slot(0)
	buckets := make([][]int, slot(len(values)-1)-first+1)
	for i, v := range values {
		if v == v {
			buckets[slot(i)-first] = append(buckets[slot(i)-first], i)
		}
	}
	out = slices.Repeat([]float64{nan}, len(buckets))
	var full []int // buckets with samples
	for b, is := range buckets {
		if len(is) == 0 {
			continue
		}
		full = append(full, b)
		var vs []float64
		sum := 0.0
		for _, i := range is {
			vs = append(vs, values[i])
			sum += values[i]
		}
		switch how {
		case query.ResampleMean:
			out[b] = sum / float64(len(vs))
		case query.ResampleMin:
			out[b] = slices.Min(vs)
		case query.ResampleMax:
			out[b] = slices.Max(vs)
		case query.ResampleSum:
			out[b] = sum
		}
	}
	if how == query.LTTB {
		naiveLTTB(values, buckets, full, out)
	}
	return out, first
}

func naiveLTTB(values []float64, buckets [][]int, full []int, out []float64) {
	last := 0
	for k, b := range full {
		is := buckets[b]
		pick := is[0]
		switch {
		case k == 0:
		case k == len(full)-1:
			pick = is[len(is)-1]
		default:
			var cx, cy float64
			next := buckets[full[k+1]]
			for _, i := range next {
				cx, cy = cx+float64(i), cy+values[i]
			}
			cx, cy = cx/float64(len(next)), cy/float64(len(next))
			ax, ay := float64(last), values[last]
			slices.SortStableFunc(is, func(i, j int) int {
				area := func(n int) float64 { return math.Abs((ax-cx)*(values[n]-ay) - (ax-float64(n))*(cy-ay)) }
				return -compareFloat(area(i), area(j))
			})
			pick = is[0]
		}
		last = pick
		out[b] = values[pick]
	}
}

func compareFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// withGaps returns n values of small integers, so that sums are exact, in runs
// with gaps between.
func withGaps(r *rand.Rand, n int) []float64 {
	out := make([]float64, n)
	gap := false
	for i := range out {
		if r.IntN(4) == 0 {
			gap = !gap
		}
		if out[i] = float64(r.IntN(20) - 10); gap {
			out[i] = nan
		}
	}
	return out
}

// Ensure every resampling gives what a naive one does, and no gap where there is
// a sample in the slot.
func TestResampleRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		values := withGaps(r, 1+r.IntN(60))
		from, factor := int64(r.IntN(100)-50), int64(2+r.IntN(12))
		for how := range query.ResampleNone {
			got, first := query.Resample(values, from, factor, how)
			want, wantFirst := naive(values, from, factor, how)
			if first != wantFirst || !equal(got, want) {
				t.Fatalf("%v of %v from %d by %d: got %v from %d, want %v from %d",
					how, values, from, factor, got, first, want, wantFirst)
			}
		}
	}
}

func TestStatsOf(t *testing.T) {
	f := func(want string, values ...float64) {
		t.Helper()
		if got := string(query.StatsOf(values).AppendJSON(nil)); got != want {
			t.Errorf("%v: got %s, want %s", values, got, want)
		}
	}
	f(`{"count":0,"sum":null,"avg":null,"min":null,"max":null}`)
	f(`{"count":0,"sum":null,"avg":null,"min":null,"max":null}`, nan, nan)
	f(`{"count":3,"sum":6,"avg":2,"min":-1,"max":5}`, nan, -1, 2, nan, 5)
	f(`{"count":1,"sum":-3,"avg":-3,"min":-3,"max":-3}`, -3)
}

func TestResamplingText(t *testing.T) {
	for how := query.LTTB; how <= query.ResampleNone; how++ {
		var got query.Resampling
		text, _ := how.MarshalText()
		if err := got.UnmarshalText(text); err != nil || got != how || string(text) != how.String() {
			t.Errorf("%d: got %v, %q, %v", how, got, text, err)
		}
	}
	got := query.ResampleMax
	if err := got.UnmarshalText(nil); err != nil || got != query.LTTB {
		t.Errorf("nothing: got %v, %v, want lttb", got, err)
	}
	if err := got.UnmarshalText([]byte("median")); err == nil {
		t.Error("median was taken")
	}
	if got, want := query.Resampling(9).String(), "resampling(9)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Ensure resampling allocates its result only.
func TestResampleAllocates(t *testing.T) {
	values := withGaps(rand.New(rand.NewPCG(1, 2)), 10_000)
	for how := range query.ResampleNone {
		if n := testing.AllocsPerRun(10, func() { query.Resample(values, 7, 60, how) }); n != 1 {
			t.Errorf("%v allocates %v times, want 1", how, n)
		}
	}
}

func BenchmarkResample(b *testing.B) {
	values := withGaps(rand.New(rand.NewPCG(1, 2)), 10_000)
	for _, how := range []query.Resampling{query.LTTB, query.ResampleMean} {
		b.Run(fmt.Sprint(how), func(b *testing.B) {
			b.SetBytes(int64(8 * len(values)))
			b.ReportAllocs()
			for b.Loop() {
				query.Resample(values, 7, 60, how)
			}
		})
	}
}
