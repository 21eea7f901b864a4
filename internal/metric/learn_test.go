package metric_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"tallystick/internal/metric"
)

func learning(t *testing.T, l metric.Learn) *metric.Table {
	t.Helper()
	table, err := metric.NewTable([]metric.Metric{{Name: "b", Step: 60}, {Name: "a", Step: 60}})
	if err != nil {
		t.Fatal(err)
	}
	if err := table.SetLearn(l); err != nil {
		t.Fatal(err)
	}
	return table
}

func TestLearn(t *testing.T) {
	table := learning(t, metric.Learn{Step: 10, Fold: metric.Max, Aggregation: metric.AggSum, Max: 2})
	f := func(name string, step int64, want metric.ID, wantErr error) {
		t.Helper()
		id, err := table.Again(name, step)
		if !errors.Is(err, wantErr) || err == nil && id != want {
			t.Errorf("%q: got %d, %v, want %d, %v", name, id, err, want, wantErr)
		}
		if got, ok := table.Lookup(name); ok != (wantErr == nil) || got != id {
			t.Errorf("lookup %q: got %d, %v", name, got, ok)
		}
		if got, ok := table.Find([]byte(name)); ok != (wantErr == nil) || got != id {
			t.Errorf("find %q: got %d, %v", name, got, ok)
		}
	}
	f("a", 30, 0, nil) // there, as it is
	f("", 0, 0, metric.ErrName)
	f("a\nb", 0, 0, metric.ErrName)
	f("\xff", 0, 0, metric.ErrName)
	f(strings.Repeat("x", metric.MaxName+1), 0, 0, metric.ErrName)
	f("new", 0, 2, nil)
	f("old", 300, 3, nil)
	f("new", 300, 2, nil)
	f("more", 0, 0, metric.ErrMany)
	want := []metric.Metric{
		{Name: "a", Step: 60},
		{Name: "b", Step: 60},
		{Name: "new", Step: 10, Fold: metric.Max, Aggregation: metric.AggSum},
		{Name: "old", Step: 300, Fold: metric.Max, Aggregation: metric.AggSum},
	}
	for id, m := range want {
		if got := table.At(metric.ID(id)); got != m {
			t.Errorf("row %d: got %+v, want %+v", id, got, m)
		}
	}
	if table.Len() != 4 || table.Learned() != 2 {
		t.Errorf("got %d rows, %d learned, want 4, 2", table.Len(), table.Learned())
	}
	table = learning(t, metric.Learn{})
	f("new", 0, 0, metric.ErrUnknown)
	if err := table.SetLearn(metric.Learn{Step: metric.MaxStep + 1, Max: 1}); err == nil {
		t.Error("a step beyond MaxStep is taken")
	}
	table = learning(t, metric.Learn{Step: 10, Max: 2})
	if _, err := table.Again("x", -1); err == nil || table.Learned() != 0 {
		t.Error("a step below 1 is taken")
	}
}

// Readers see the table as it is before or after a name is learned, and the same
// name has the same ID whoever learned it.
func TestLearnWhileReading(t *testing.T) {
	const names = 500
	table := learning(t, metric.Learn{Step: 10, Max: names})
	ids := make([][]metric.ID, 4)
	var group sync.WaitGroup
	for w := range ids {
		group.Go(func() {
			for n := range names {
				name := fmt.Sprint("m", n)
				id, err := table.Learn(name)
				if got := table.At(id).Name; err != nil || got != name || int(id) >= table.Len() {
					t.Errorf("%s: got %d, %q, %v", name, id, got, err)
				}
				ids[w] = append(ids[w], id)
			}
		})
	}
	group.Wait()
	for _, other := range ids[1:] {
		for n := range other {
			if other[n] != ids[0][n] {
				t.Fatalf("m%d has the IDs %d and %d", n, other[n], ids[0][n])
			}
		}
	}
	if table.Learned() != names {
		t.Errorf("learned %d, want %d", table.Learned(), names)
	}
}

func TestFindAllocs(t *testing.T) {
	long := strings.Repeat("x", 100)
	table := learning(t, metric.Learn{Step: 10, Max: 1})
	id, err := table.Learn(long)
	if err != nil {
		t.Fatal(err)
	}
	name := []byte(long)
	if n := testing.AllocsPerRun(100, func() {
		if got, ok := table.Find(name); !ok || got != id {
			t.Error("not found")
		}
	}); n > 0 {
		t.Errorf("Find allocates %v times", n)
	}
}
