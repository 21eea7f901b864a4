package store_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// TestManyComponents has more components below one node than are looked at under
// one lock, and writes to the node while it is walked through in each way.
func TestManyComponents(t *testing.T) {
	table := testTable(t)
	s, b := store.New(table, store.Config{}), id(t, table, "bytes")
	const components = 3000
	at := func(i int) selector.Path { return client(fmt.Sprintf("%05d", i)) }
	for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(components) {
		write(t, s, at(i), b, 0, 1)
	}
	node := selector.Path{Cluster: "a", Node: "n"}
	got, err := s.Read(node, b, metric.AggSum, 0, 1)
	if err != nil || len(got.Values) != 1 || got.Values[0] != components {
		t.Errorf("Read: got %v, %v, want %d", got.Values, err, components)
	}
	if got := s.Metrics(node); len(got) != 1 || got[0] != b {
		t.Errorf("Metrics: got %v, want only bytes", got)
	}
	walks := map[string]func(visit func(selector.Path)){
		"Walk": func(visit func(selector.Path)) {
			s.Walk(func(p selector.Path) bool { visit(p); return true })
		},
		"Blocks": func(visit func(selector.Path)) {
			for bl := range s.Blocks() {
				visit(bl.Path)
			}
		},
		"Held": func(visit func(selector.Path)) {
			for h := range s.Held(node, selector.Path{}) {
				visit(h.Path)
			}
		},
	}
	for name, walk := range walks {
		t.Run(name, func(t *testing.T) {
			next, last := 0, selector.Path{}
			walk(func(p selector.Path) {
				if p.Compare(last) <= 0 {
					t.Fatalf("%s comes after %s", p, last)
				}
				if last = p; next < components && p == at(next) {
					next++
				}
				write(t, s, at(next), b, 1, 1)                   // would wait for ever if it were locked
				write(t, s, client(p.Component.ID+"x"), b, 1, 1) // just behind
			})
			if next != components {
				t.Errorf("%d components, want %d at least", next, components)
			}
		})
		for i := range components { // what was added
			s.FreeBefore(client(at(i).Component.ID+"x"), store.MaxTime)
		}
	}
}
