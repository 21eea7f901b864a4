package store_test

import (
	"math"
	"strconv"
	"testing"

	"tallystick/internal/block"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

const blockTime = 10 * block.Slots // of the metrics with the step 10

// TestFreePerMetric gives each metric its own time, over more components than are
// looked at under one lock.
func TestFreePerMetric(t *testing.T) {
	table := testTable(t)
	s, low, plain := store.New(table, store.Config{}), id(t, table, "low"), id(t, table, "plain")
	node := selector.Path{Cluster: "a", Node: "n"}
	const components = 2500
	for i := range components {
		for b := range 4 {
			at := client(strconv.Itoa(i))
			write(t, s, at, low, float64(b*blockTime), 1)
			write(t, s, at, plain, float64(b*blockTime), 1)
		}
	}
	write(t, s, node, low, 0, 1)
	got := s.Free(node, func(id metric.ID) int64 {
		if id == low {
			return 3 * blockTime
		}
		return blockTime
	})
	if want := (store.Freed{Blocks: components*(3+1) + 1, Oldest: blockTime}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := s.Stats().Blocks; got != components*(1+3) {
		t.Errorf("%d blocks are left, want %d", got, components*4)
	}
	if got, want := s.Free(node, func(metric.ID) int64 { return math.MaxInt64 }), (store.Freed{Blocks: components * 4, Oldest: math.MaxInt64}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := s.Stats(); got.Levels != 0 || got.Series != 0 || got.Live != 0 {
		t.Errorf("Stats of an empty store: %+v", got)
	}
}

// TestFreeBelowANode frees a component, and a subcomponent, and prunes upwards.
func TestFreeBelowANode(t *testing.T) {
	table := testTable(t)
	s, low := store.New(table, store.Config{}), id(t, table, "low")
	at := client("1")
	at.Sub = selector.Part{Type: "file", ID: "/a"}
	write(t, s, at, low, 0, 1)
	write(t, s, client("2"), low, 0, 1)
	f := func(p selector.Path, freed, levels int) {
		t.Helper()
		if got := s.FreeBefore(p, blockTime); got != freed {
			t.Errorf("%s: freed %d, want %d", p, got, freed)
		}
		if got := s.Stats().Levels; got != levels {
			t.Errorf("%s: %d levels are left, want %d", p, got, levels)
		}
	}
	f(selector.Path{}, 0, 5)
	f(selector.Path{Cluster: "a"}, 0, 5)
	f(selector.Path{Cluster: "a", Node: "n", Sub: at.Sub}, 0, 5) // a hole
	f(selector.Path{Cluster: "a", Node: "other"}, 0, 5)
	f(client("3"), 0, 5)
	f(client("2"), 1, 4)
	f(at, 1, 0) // it was the last
	if got := s.Stats().Live; got != 0 {
		t.Errorf("%d bytes of nothing", got)
	}
}

// TestFreeSaved frees what a Cut has saved, and what has not changed since.
func TestFreeSaved(t *testing.T) {
	table := testTable(t)
	s, low := store.New(table, store.Config{}), id(t, table, "low")
	node, other := selector.Path{Cluster: "a", Node: "n"}, client("1")
	for b := range 4 {
		write(t, s, node, low, float64(b*blockTime), 1)
		write(t, s, other, low, float64(b*blockTime), 1)
	}
	f := func(before int64, want int) {
		t.Helper()
		ends := make(map[int64]int64)
		s.AddSaved(node, before, ends)
		var bytes int64
		for end, n := range ends {
			if end > before {
				t.Errorf("told of a block that ends at %d, after %d", end, before)
			}
			bytes += n
		}
		live := s.Stats().Live
		if got := s.FreeSaved(node, before).Blocks; got != want {
			t.Errorf("freed %d before %d, want %d", got, before, want)
		}
		if got := live - s.Stats().Live; want > 0 && (bytes == 0 || got > 2*bytes) || want == 0 && bytes != 0 {
			t.Errorf("%d bytes went, %d were told", got, bytes)
		}
	}
	f(4*blockTime, 0)
	s.Cut().Close(false)
	f(4*blockTime, 0)
	c := s.Cut()
	f(4*blockTime, 0)
	c.Close(true)
	write(t, s, node, low, 10, 1)         // changes the oldest block
	write(t, s, other, low, blockTime, 2) // and the next
	f(2*blockTime, 2)                     // of four
	f(4*blockTime, 4)
	if got := s.FreeBefore(node, 4*blockTime); got != 2 {
		t.Errorf("%d blocks had changed, want 2", got)
	}
}
