package store_test

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"testing"

	"tallystick/internal/block"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// TestFull fills a store to its cap in several ways, and finds it at most full,
// unchanged by what it refused, and of use again after something was freed.
func TestFull(t *testing.T) {
	paths := map[string]func(i int) selector.Path{
		"nodes":      func(i int) selector.Path { return selector.Path{Cluster: "a", Node: fmt.Sprint("n", i)} },
		"clusters":   func(i int) selector.Path { return selector.Path{Cluster: fmt.Sprint("c", i), Node: "n"} },
		"components": func(i int) selector.Path { return client(strconv.Itoa(i)) },
		"blocks":     func(int) selector.Path { return client("1") },
	}
	for name, path := range paths {
		t.Run(name, func(t *testing.T) {
			table := testTable(t)
			b := id(t, table, "bytes")
			const limit = 3*block.SlabBytes + block.SlabBytes/2
			s := store.New(table, store.Config{MaxBytes: limit})
			i := 0
			point := func() store.Point { return store.Point{Metric: b, Time: int64(i) * block.Slots, Value: 1} }
			for ; ; i++ {
				if _, err := s.Write(path(i), point()); err != nil {
					if !errors.Is(err, store.ErrFull) {
						t.Fatal(err)
					}
					break
				}
			}
			full := s.Stats()
			if perSlab := block.SlabBytes / block.SpanBytes; full.Blocks > 3*perSlab || full.Bytes > limit || full.Bytes < limit-2*block.SlabBytes {
				t.Errorf("full with %+v", full)
			}
			for range 100 { // new ones are refused without a trace, and old ones taken
				i++
				if n, err := s.Write(path(i), point()); n != 0 || !errors.Is(err, store.ErrFull) {
					t.Fatalf("got %d, %v, want ErrFull", n, err)
				}
				if _, err := s.Write(path(0), store.Point{Metric: b, Time: 1, Value: 1}); err != nil {
					t.Fatal(err)
				}
			}
			if got := s.Stats(); got.Levels != full.Levels || got.Series != full.Series || got.Bytes != full.Bytes {
				t.Errorf("refused writes made %+v of %+v", got, full)
			}
			freed := 0
			for _, n := range s.Nodes() {
				freed += s.FreeBefore(n, 10*block.Slots)
			}
			for j := range freed {
				i++
				if _, err := s.Write(path(i), point()); err != nil {
					t.Fatalf("write %d of %d after freeing: %v", j, freed, err)
				}
			}
			more := 0 // what was refused last may have been larger
			for err := error(nil); err == nil; more++ {
				i++
				_, err = s.Write(path(i), point())
			}
			if freed != 10 || more > 100 {
				t.Errorf("freed %d, want 10, and after them there was room for %d", freed, more-1)
			}
		})
	}
}

// TestFullInTree meets the cap where there are blocks left, but no memory for
// the levels above them.
func TestFullInTree(t *testing.T) {
	table := testTable(t)
	b := id(t, table, "bytes")
	for limit := int64(block.SlabBytes); limit < block.SlabBytes+4000; limit += 8 {
		s := store.New(table, store.Config{MaxBytes: limit})
		for i := range 12 {
			p := client(fmt.Sprint("component", i%4))
			p.Node = fmt.Sprint("node", i%2)
			p.Sub = selector.Part{Type: "sub", ID: strconv.Itoa(i)}
			before := s.Stats()
			n, err := s.Write(p, store.Point{Metric: b, Value: 1})
			after := s.Stats()
			if after.Bytes > limit {
				t.Fatalf("limit %d: %d bytes", limit, after.Bytes)
			}
			if err == nil {
				continue
			}
			after.Bytes, before.Bytes = after.Bytes%block.SlabBytes, before.Bytes%block.SlabBytes // the pool may have grown
			after.Slabs = before.Slabs
			if after.Refused <= before.Refused {
				t.Fatalf("limit %d: %d refusals after %d", limit, after.Refused, before.Refused)
			}
			after.Refused = before.Refused
			if n != 0 || !errors.Is(err, store.ErrFull) || after != before {
				t.Fatalf("limit %d: got %d, %v, made %+v of %+v", limit, n, err, after, before)
			}
		}
	}
}

// settled returns the state of memory when what sync.Pools have is collected too, which
// takes two rounds.
func settled() (m runtime.MemStats) {
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m
}

// TestBytes compares what the store says it holds with what the heap grew by.
func TestBytes(t *testing.T) {
	table := testTable(t)
	f := func(name string, fill func(s *store.Store)) {
		t.Helper()
		s := store.New(table, store.Config{})
		before := settled()
		fill(s)
		after := settled()
		got, want := float64(s.Stats().Bytes), float64(after.HeapAlloc-before.HeapAlloc)
		if math.Abs(got-want) > 0.05*want {
			t.Errorf("%s: the store says %.0f bytes, the heap %.0f", name, got, want)
		}
		runtime.KeepAlive(s)
	}
	put := func(s *store.Store, at selector.Path, time int64, ids int) {
		t.Helper()
		for m := range ids {
			if _, err := s.Write(at, store.Point{Metric: metric.ID(m), Time: time, Value: 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	f("nodes", func(s *store.Store) {
		for i := range 3000 {
			put(s, selector.Path{Cluster: "a", Node: fmt.Sprint("node", i)}, 0, 1)
		}
	})
	f("components", func(s *store.Store) {
		for i := range 3000 {
			put(s, client(fmt.Sprint("client", i)), 0, 5)
		}
	})
	f("blocks", func(s *store.Store) {
		for i := range 3000 {
			put(s, client("1"), int64(i)*60*block.Slots, 1)
		}
	})
}

// TestSeriesIsSmall has one sample in each of many series, as a cluster has after
// its first step, and looks at what the heap grew by.
func TestSeriesIsSmall(t *testing.T) {
	table := testTable(t)
	s := store.New(table, store.Config{})
	const nodes, threads, most = 500, 39, 300 // bytes of a series, all included
	before := settled()
	pts := make([]store.Point, 5)
	for n := range nodes {
		for i := range threads + 1 {
			at := selector.Path{Cluster: "cluster", Node: "node" + strconv.Itoa(n)}
			if i > 0 {
				at.Component = selector.Part{Type: "hwthread", ID: strconv.Itoa(i)}
			}
			if _, err := s.Write(at, points(pts, 1_700_000_000)...); err != nil {
				t.Fatal(err)
			}
		}
	}
	after := settled()
	series := s.Stats().Series
	if got := float64(after.HeapAlloc-before.HeapAlloc) / float64(series); series != nodes*(threads+1)*5 || got > most {
		t.Errorf("%d series take %.0f bytes each, want at most %d", series, got, most)
	}
	runtime.KeepAlive(s)
}
