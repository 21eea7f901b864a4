package store_test

import (
	"errors"
	"testing"

	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// A learned metric is learned again from the blocks that have it, with the step
// that they were written by; a table that does not learn refuses them.
func TestRestoreLearned(t *testing.T) {
	table := func(l metric.Learn) *metric.Table {
		t.Helper()
		table, err := metric.NewTable([]metric.Metric{{Name: "m", Step: 60}})
		if err == nil {
			err = table.SetLearn(l)
		}
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	before := table(metric.Learn{Step: 10, Fold: metric.Sum, Max: 10})
	s := store.New(before, store.Config{})
	at := selector.Path{Cluster: "c", Node: "n"}
	for _, name := range []string{"z", "a"} {
		id, err := before.Learn(name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, s, at, id, 100, 1, 110, 2)
	}
	write(t, s, at, id(t, before, "m"), 60, 3)
	if ids := s.Metrics(at); len(ids) != 3 || before.At(ids[0]).Name != "a" || before.At(ids[1]).Name != "m" || before.At(ids[2]).Name != "z" {
		t.Errorf("got %v, want a, m, z", ids)
	}
	after := table(metric.Learn{Step: 30, Fold: metric.Max, Max: 10})
	next, deaf := store.New(after, store.Config{}), store.New(table(metric.Learn{}), store.Config{})
	for b := range s.Blocks() {
		if err := next.Restore(b); err != nil {
			t.Error(err)
		}
		if err := deaf.Restore(b); errors.Is(err, store.ErrMismatch) == (b.Metric == "m") {
			t.Errorf("%s without learning: got %v", b.Metric, err)
		}
	}
	for _, name := range []string{"a", "z"} {
		m := after.At(id(t, after, name))
		if want := (metric.Metric{Name: name, Step: 10, Fold: metric.Max}); m != want {
			t.Errorf("got %+v, want %+v", m, want)
		}
		got, err := next.Read(at, id(t, after, name), metric.AggNone, 100, 120)
		if err != nil || len(got.Values) != 2 || got.Values[0] != 1 || got.Values[1] != 2 {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}
