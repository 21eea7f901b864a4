package store_test

import (
	"fmt"
	"math"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// TestPruneKeepsConcurrentWrites frees the last block of a level or of a node
// while others write to it: what they were told is written must be found.
func TestPruneKeepsConcurrentWrites(t *testing.T) {
	table := testTable(t)
	s, b := store.New(table, store.Config{}), id(t, table, "bytes")
	const writers = 3
	for round := range 2000 {
		at := selector.Path{Cluster: "a", Node: fmt.Sprint("n", round)}
		if round%2 == 1 {
			at = client(strconv.Itoa(round))
		}
		write(t, s, at, b, 0, 1)
		var wg sync.WaitGroup
		var ready atomic.Int32
		start := func() { // all at once, as far as can be
			for ready.Add(1); ready.Load() <= writers; {
				runtime.Gosched()
			}
		}
		for w := range writers {
			wg.Go(func() {
				start()
				if _, err := s.Write(at, store.Point{Metric: b, Time: 10_000 + int64(w), Value: 1}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Go(func() {
			start()
			s.FreeBefore(selector.Path{Cluster: at.Cluster, Node: at.Node}, 5000)
		})
		wg.Wait()
		got, err := s.Read(at, b, metric.AggSum, 5000, 20_000)
		if err != nil || !equal(got.Values, []float64{1, 1, 1}) {
			t.Fatalf("round %d: got %v, %v", round, got.Values, err)
		}
	}
}

// TestAtOnce does everything at once and then counts.
func TestAtOnce(t *testing.T) {
	table := testTable(t)
	s, b := store.New(table, store.Config{}), id(t, table, "bytes")
	const writers, samples, kept = 4, 3000, 2000
	var writing, wg sync.WaitGroup
	done := make(chan struct{})
	for w := range writers {
		writing.Go(func() {
			for i := range int64(samples) {
				at := client(strconv.FormatInt(i%3, 10))
				at.Node = fmt.Sprint("n", (i/3+int64(w))%5)
				if _, err := s.Write(at, store.Point{Metric: b, Time: i, Value: 1}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	until := func(do func()) {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					do()
				}
			}
		})
	}
	until(func() {
		for _, n := range s.Nodes() {
			s.FreeBefore(n, kept)
		}
	})
	until(func() {
		s.Read(selector.Path{Cluster: "a"}, b, metric.AggAvg, math.MinInt64, math.MaxInt64)
		s.Stats()
	})
	until(func() {
		next := store.New(table, store.Config{})
		for block := range s.Blocks() {
			if err := next.Restore(block); err != nil {
				t.Error(err)
			}
		}
	})
	until(func() { s.Walk(func(p selector.Path) bool { s.Metrics(p); return true }) })
	writing.Wait()
	close(done)
	wg.Wait()

	got, err := s.Read(selector.Path{}, b, metric.AggSum, kept, samples)
	if err != nil || len(got.Values) != samples-kept {
		t.Fatalf("got %d values, %v, want %d", len(got.Values), err, samples-kept)
	}
	for i, v := range got.Values {
		if v != writers {
			t.Fatalf("slot %d: got %v, want %d", i, v, writers)
		}
	}
}
