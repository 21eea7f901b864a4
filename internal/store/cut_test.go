package store_test

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"sync"
	"testing"

	"tallystick/internal/block"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// blocks yields all blocks of a Cut.
func blocks(c *store.Cut) iter.Seq[*store.BlockAt] {
	return func(yield func(*store.BlockAt) bool) {
		for _, sums := range []bool{false, true} {
			for b := range c.Blocks(store.Part{Sums: sums, All: true}) {
				if !yield(b) {
					return
				}
			}
		}
	}
}

// dump is all blocks of a Cut, as a new store has them.
func dump(t *testing.T, table *metric.Table, c *store.Cut) *store.Store {
	t.Helper()
	s := store.New(table, store.Config{})
	for b := range blocks(c) {
		if err := s.Restore(b); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// TestCut writes counts while a Cut is read, before and behind the place where it
// is, also late and to new series, and finds in it what was there when it was made.
func TestCut(t *testing.T) {
	table := testTable(t)
	s, b := store.New(table, store.Config{}), id(t, table, "bytes")
	r := rand.New(rand.NewPCG(1, 1))
	paths := testPaths()
	some := func() (selector.Path, store.Point) {
		return paths[r.IntN(len(paths))], store.Point{Metric: b, Time: r.Int64N(5 * block.Slots), Value: 1}
	}
	for round := range 20 {
		for range 300 {
			at, p := some()
			if _, err := s.Write(at, p); err != nil {
				t.Fatal(err)
			}
		}
		want, err := s.Read(selector.Path{}, b, metric.AggSum, 0, 5*block.Slots)
		if err != nil {
			t.Fatal(err)
		}
		bytes := s.Stats().Bytes
		c := s.Cut()
		cut := store.New(table, store.Config{})
		for bl := range blocks(c) {
			if err := cut.Restore(bl); err != nil {
				t.Fatal(err)
			}
			for range r.IntN(20) {
				at, p := some()
				at.Node += []string{"", "", "x"}[r.IntN(3)]
				if _, err := s.Write(at, p); err != nil {
					t.Fatal(err)
				}
			}
		}
		got, err := cut.Read(selector.Path{}, b, metric.AggSum, 0, 5*block.Slots)
		if err != nil || !equal(got.Values, want.Values) {
			t.Fatalf("round %d: got %v, %v, want %v", round, got.Values, err, want.Values)
		}
		c.Close(true)
		for _, n := range s.Nodes() { // and the memory of the Cut is given back
			if n.Node[len(n.Node)-1] == 'x' {
				s.FreeBefore(n, 5*block.Slots)
			}
		}
		if got := s.Stats().Bytes; got > bytes+10*block.SlabBytes {
			t.Errorf("%d bytes became %d", bytes, got)
		}
	}
	for _, n := range s.Nodes() {
		s.FreeBefore(n, store.MaxTime)
	}
	if got := s.Stats().Bytes; got%block.SlabBytes != 0 {
		t.Errorf("%d bytes of nothing", got)
	}
}

// TestCutOfWritersAtOnce makes Cuts while others count the same thing in two
// series, both under one lock of theirs: a Cut made with the lock held has both
// alike, whenever it is read.
func TestCutOfWritersAtOnce(t *testing.T) {
	table := testTable(t)
	s, b := store.New(table, store.Config{}), id(t, table, "bytes")
	var gate sync.RWMutex
	var wg sync.WaitGroup
	done := make(chan struct{})
	for w := range 3 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(7, uint64(w)))
			for {
				select {
				case <-done:
					return
				default:
				}
				i, at := r.IntN(40), r.Int64N(2*block.Slots)
				gate.RLock()
				for _, c := range []string{"a", "b"} {
					p := selector.Path{Cluster: c, Node: fmt.Sprint("n", i)}
					if _, err := s.Write(p, store.Point{Metric: b, Time: at, Value: 1}); err != nil {
						t.Error(err)
					}
				}
				gate.RUnlock()
			}
		})
	}
	for range 50 {
		gate.Lock()
		c := s.Cut()
		gate.Unlock()
		cut := dump(t, table, c)
		c.Close(false)
		x, errX := cut.Read(selector.Path{Cluster: "a"}, b, metric.AggSum, 0, 2*block.Slots)
		y, errY := cut.Read(selector.Path{Cluster: "b"}, b, metric.AggSum, 0, 2*block.Slots)
		if errX != nil || errY != nil || !equal(x.Values, y.Values) {
			t.Fatalf("got %v and %v (%v, %v)", x.Values, y.Values, errX, errY)
		}
	}
	close(done)
	wg.Wait()
}

// TestCutNobodyRead gives the memory back of what it kept and nobody came by for, as where
// a checkpoint fails; and the next one is not of then.
func TestCutNobodyRead(t *testing.T) {
	table := testTable(t)
	s, b := store.New(table, store.Config{}), id(t, table, "bytes")
	for i := range 50 {
		write(t, s, nodeAt(i), b, 1, 1)
	}
	bytes := s.Stats().Bytes
	c := s.Cut()
	for i := range 50 {
		write(t, s, nodeAt(i), b, 1, 1)
	}
	if s.Stats().Bytes == bytes {
		t.Errorf("%d bytes, and as many while what changes is kept", bytes)
	}
	c.Close(false)
	if got := s.Stats().Bytes; got != bytes {
		t.Errorf("%d bytes became %d", bytes, got)
	}
	c = s.Cut()
	defer c.Close(true)
	for bl := range c.Blocks(store.Part{Sums: true}) {
		if got := bl.Values[1]; got != 2 {
			t.Errorf("%s: got %v in the next Cut, want 2", bl.Path, got)
		}
	}
}
