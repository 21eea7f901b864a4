package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"tallystick/internal/block"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// An increment is what had changed since the one before.
type increment struct{ sums, others []store.BlockAt }

func cutIncrement(s *store.Store, saved bool) (inc increment) {
	c := s.Cut()
	defer c.Close(saved)
	for b := range c.Blocks(store.Part{}) {
		inc.others = append(inc.others, copyOf(b))
	}
	for b := range c.Blocks(store.Part{Sums: true}) {
		inc.sums = append(inc.sums, copyOf(b))
	}
	return inc
}

// TestIncrements saves what changed again and again, fills a new store with it,
// newest first, and writes to that while it is filled: it has what a map has to
// which all the same was written.
func TestIncrements(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			table := testTable(t)
			p := &property{
				t: t, r: rand.New(rand.NewPCG(seed, 2)), paths: testPaths(),
				store: store.New(table, store.Config{}),
				model: &model{table: table, samples: map[sampleKey]float64{}},
				now:   1_700_000_000,
			}
			var all []increment
			for range 30 {
				for range p.r.IntN(20) {
					p.write()
				}
				saved := p.r.IntN(4) > 0
				if inc := cutIncrement(p.store, saved); saved {
					all = append(all, inc)
				}
			}
			all = append(all, cutIncrement(p.store, true))
			p.store = store.New(table, store.Config{})
			p.fill(all)
			for range 100 {
				p.read()
			}
			p.tree()
		})
	}
}

// fill does what a restore does: first what adds up, then, while others write, the
// rest.
func (p *property) fill(all []increment) {
	put := func(b *store.BlockAt) {
		if err := p.store.Fill(b); err != nil {
			p.t.Fatal(err)
		}
	}
	for _, inc := range slices.Backward(all) {
		for i := range inc.sums {
			put(&inc.sums[i])
		}
	}
	for _, inc := range slices.Backward(all) {
		for i := range inc.others {
			put(&inc.others[i])
			if p.r.IntN(10) == 0 {
				p.write()
			}
		}
	}
}

// TestChangedOnly: what was not written to since it was saved, or has just been
// filled in, is in no increment; what a Cut that was not saved had is in the next.
func TestChangedOnly(t *testing.T) {
	table := testTable(t)
	s := store.New(table, store.Config{})
	cpu, bytes := id(t, table, "cpu"), id(t, table, "bytes")
	write := func(node string, at int64) {
		t.Helper()
		for _, m := range []metric.ID{cpu, bytes} {
			if _, err := s.Write(selector.Path{Cluster: "a", Node: node}, store.Point{Metric: m, Time: at, Value: 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	f := func(what string, saved bool, want int) increment {
		t.Helper()
		inc := cutIncrement(s, saved)
		if len(inc.sums) != want || len(inc.others) != want {
			t.Errorf("%s: got %d and %d blocks, want %d of each", what, len(inc.sums), len(inc.others), want)
		}
		return inc
	}
	write("x", 0)
	write("y", 0)
	f("all is new", false, 2)
	f("nothing was saved", true, 2)
	f("all was", true, 0)
	write("x", 60*block.Slots)
	write("y", 60)
	last := f("a new one and an old one", true, 2)
	s = store.New(table, store.Config{})
	for _, b := range slices.Concat(last.sums, last.others) {
		if err := s.Fill(&b); err != nil {
			t.Fatal(err)
		}
	}
	f("filled", true, 0)
}

// TestRelieved: a count for a block that was freed because memory was short is
// refused, since in a checkpoint it would stand for the whole block; a sample of
// another kind is not, nor one for a block that has not ended.
func TestRelieved(t *testing.T) {
	table := testTable(t)
	s := store.New(table, store.Config{})
	at := selector.Path{Cluster: "a", Node: "x"}
	cpu, bytes := id(t, table, "cpu"), id(t, table, "bytes")
	write := func(m metric.ID, time int64) error {
		_, err := s.Write(at, store.Point{Metric: m, Time: time, Value: 1})
		return err
	}
	for _, m := range []metric.ID{cpu, bytes} {
		if err := write(m, 5); err != nil {
			t.Fatal(err)
		}
	}
	cutIncrement(s, true)
	if got := s.FreeSaved(at, 60*block.Slots); got.Blocks != 2 {
		t.Fatalf("freed %d blocks, want 2", got.Blocks)
	}
	if err := write(bytes, 6); !errors.Is(err, store.ErrRelieved) {
		t.Errorf("a late count: got %v, want ErrRelieved", err)
	}
	if err := errors.Join(write(cpu, 6), write(bytes, 60*block.Slots)); err != nil {
		t.Errorf("others: %v", err)
	}
}

// copyOf returns b with memory of its own.
func copyOf(b *store.BlockAt) store.BlockAt {
	c := *b
	c.Sealed = slices.Clone(b.Sealed)
	return c
}
