package store_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"tallystick/internal/block"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// TestSummary writes samples whose sum depends on the order of its terms, some of them late,
// so that blocks are sealed in pieces, become one, are taken apart and come from elsewhere;
// the summary of any range must be that of its values, to the bit.
func TestSummary(t *testing.T) {
	table := testTable(t)
	step := table.At(0).Step
	set := []selector.Path{nodeAt(0)}
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 7))
		s, now := store.New(table, store.Config{}), 10_000*int64(seed%3)-10_000 // also around the epoch
		oneIn := int64(1 + seed%3)
		for i := range 3000 {
			now += step * (1 + r.Int64N(oneIn))
			at := now
			if r.IntN(200) == 0 {
				at -= r.Int64N(step * 2 * block.Slots)
			}
			write(t, s, nodeAt(0), 0, float64(at), r.NormFloat64()*math.Pow(10, float64(r.IntN(9))))
			switch r.IntN(400) {
			case 0:
				s.Settle(nodeAt(0))
			case 1:
				next := store.New(table, store.Config{})
				for b := range s.Blocks() {
					if err := next.Restore(b); err != nil {
						t.Fatal(err)
					}
				}
				s = next
			}
			if i%10 > 0 {
				continue
			}
			from, to := now-r.Int64N(step*3*block.Slots), now-r.Int64N(step*2*block.Slots)
			if i%20 == 0 {
				from, to = math.MinInt64, math.MaxInt64
			}
			checkSummary(t, s, set, from, to)
		}
	}
}

func checkSummary(t *testing.T, s *store.Store, set []selector.Path, from, to int64) {
	t.Helper()
	got := s.SummaryAll(set, 0, from, to)
	read, err := s.ReadAll(set, 0, metric.AggNone, from, to)
	if err != nil {
		t.Fatal(err)
	}
	want := store.Summary{Span: s.SpanAll(set, 0, from, to)}
	if len(read.Values) > 0 {
		want.Tally = block.TallyOf(metric.Metric{Step: read.Step}.Slot(read.From), read.Values)
	}
	if got != want {
		t.Errorf("[%d, %d): got %+v, want %+v", from, to, got, want)
	}
}

// Several series have a span, and nothing else.
func TestSummaryOfSeveral(t *testing.T) {
	s := store.New(testTable(t), store.Config{})
	set := []selector.Path{nodeAt(0), nodeAt(1), nodeAt(2)}
	for i, at := range set[:2] {
		write(t, s, at, 0, float64(i), 1)
	}
	want := store.Summary{Span: store.Span{From: 0, To: 2, Series: 2}}
	if got := s.SummaryAll(set, 0, 0, 1000); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := s.SummaryAll(set[2:], 0, 0, 1000); got != (store.Summary{}) {
		t.Errorf("of nothing: got %+v", got)
	}
	if got := s.SummaryAll(set, math.MaxUint16, 0, 1000); got != (store.Summary{}) {
		t.Errorf("of no metric: got %+v", got)
	}
}

// BenchmarkSummary is of one metric of 1,000 nodes: of hours that are not over, and of some
// whose blocks are whole.
func BenchmarkSummary(b *testing.B) {
	nodes := make([]selector.Path, 1000)
	for n := range nodes {
		nodes[n] = selector.Path{Cluster: "a", Node: fmt.Sprint("n", n)}
	}
	for _, slots := range []int{360, 4*block.Slots + 1} {
		s := store.New(testTable(b), store.Config{})
		r := rand.New(rand.NewPCG(1, 1))
		for n := range nodes {
			x := 1e6
			for i := range slots {
				x += math.Round(r.NormFloat64() * 100)
				write(b, s, nodes[n], 0, float64(i), x/10)
			}
		}
		b.Run(fmt.Sprintf("slots=%d", slots), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for n := range nodes {
					if got := s.SummaryAll(nodes[n:n+1], 0, 0, 1<<30); got.Count != slots {
						b.Fatal(got)
					}
				}
			}
		})
	}
}
