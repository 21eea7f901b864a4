package store_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// Ensure what is held is told level by level, a block from its first to its last
// sample, and from the node on that is asked for.
func TestHeld(t *testing.T) {
	table, err := metric.NewTable([]metric.Metric{{Name: "a", Step: 10}, {Name: "b", Step: 1}})
	if err != nil {
		t.Fatal(err)
	}
	s := store.New(table, store.Config{})
	n1 := selector.Path{Cluster: "c", Node: "n1"}
	core := selector.Path{Cluster: "c", Node: "n1", Component: selector.Part{Type: "core", ID: "0"}}
	n2 := selector.Path{Cluster: "c", Node: "n2"}
	for _, p := range []selector.Path{n1, core, n2} {
		if _, err := s.Write(p, store.Point{Metric: 0, Time: 25, Value: 1}, store.Point{Metric: 0, Time: 5_139, Value: 1},
			store.Point{Metric: 0, Time: 5_120, Value: 1}); err != nil {
			t.Fatal(err)
		}
	}
	f := func(at, from selector.Path, want ...selector.Path) {
		t.Helper()
		var got []selector.Path
		for h := range s.Held(at, from) {
			got = append(got, h.Path)
			if diff := cmp.Diff([]store.Extent{{20, 30}, {5_120, 5_140}}, h.Blocks); diff != "" || h.Metric != 0 {
				t.Errorf("%s: metric %d, blocks (-want):\n%s", h.Path, h.Metric, diff)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s from %s (-want):\n%s", at, from, diff)
		}
	}
	f(selector.Path{}, selector.Path{}, n1, core, n2)
	f(selector.Path{Cluster: "c"}, n2, n2)
	f(n1, selector.Path{}, n1, core)
	f(core, selector.Path{}, core)
	f(selector.Path{Cluster: "d"}, selector.Path{})
	for range s.Held(selector.Path{}, selector.Path{}) {
		break
	}
}

// Ensure the metrics of a level come by name, also those that were learned.
func TestHeldLearned(t *testing.T) {
	table, err := metric.NewTable([]metric.Metric{{Name: "m", Step: 10}})
	if err == nil {
		err = table.SetLearn(metric.Learn{Step: 10, Max: 10})
	}
	if err != nil {
		t.Fatal(err)
	}
	s := store.New(table, store.Config{})
	for _, name := range []string{"z", "a", "m"} {
		id, err := table.Learn(name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, s, selector.Path{Cluster: "c", Node: "n"}, id, 100, 1)
	}
	var got []string
	for h := range s.Held(selector.Path{}, selector.Path{}) {
		got = append(got, table.At(h.Metric).Name)
	}
	if want := []string{"a", "m", "z"}; !slices.Equal(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}
