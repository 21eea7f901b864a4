package metric_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"tallystick/internal/metric"
)

func TestNewTable(t *testing.T) {
	table, err := metric.NewTable([]metric.Metric{
		{Name: "b", Step: 60},
		{Name: "a", Step: metric.MaxStep, Fold: metric.Max, Aggregation: metric.AggMax, Unit: "B"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if table.Len() != 2 {
		t.Errorf("Len: got %d, want 2", table.Len())
	}
	for i, name := range []string{"a", "b"} {
		id, ok := table.Lookup(name)
		if !ok || int(id) != i || table.At(id).Name != name {
			t.Errorf("Lookup(%q): got %d, %v", name, id, ok)
		}
	}
	if _, ok := table.Lookup("c"); ok {
		t.Error(`Lookup("c"): got one`)
	}
}

func TestNewTableRefuses(t *testing.T) {
	f := func(want string, ms ...metric.Metric) {
		t.Helper()
		_, err := metric.NewTable(ms)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q in it", err, want)
		}
	}
	f("no name", metric.Metric{Step: 1})
	f(`"a" is defined twice`, metric.Metric{Name: "a", Step: 1}, metric.Metric{Name: "b", Step: 1}, metric.Metric{Name: "a", Step: 2})
	f(`"a": step 0 s`, metric.Metric{Name: "a"})
	f(`"a": step -1 s`, metric.Metric{Name: "a", Step: -1})
	f("is more than", metric.Metric{Name: "a", Step: metric.MaxStep + 1})
	f("unknown fold(4)", metric.Metric{Name: "a", Step: 1, Fold: metric.Max + 1})
	f("unknown aggregation(5)", metric.Metric{Name: "a", Step: 1, Aggregation: metric.AggMax + 1})
}

func TestTransfers(t *testing.T) {
	table, err := metric.NewTable(metric.Transfers(60))
	if err != nil {
		t.Fatal(err)
	}
	for id := range metric.ID(table.Len()) {
		m := table.At(id)
		if m.Step != 60 || m.Fold != metric.Sum || m.Aggregation != metric.AggSum {
			t.Errorf("%+v is not a count of events", m)
		}
		other := strings.Replace(m.Name, "xrd_", "client_", 1)
		if _, ok := table.Lookup(other); !ok {
			t.Errorf("%s has no %s to be compared with", m.Name, other)
		}
	}
}

// Every name stands once among all that are built in, and for one kind of number.
func TestReports(t *testing.T) {
	if _, err := metric.NewTable(metric.XRootD(60)); err != nil {
		t.Fatal(err)
	}
	folds := map[string]metric.Fold{}
	for _, m := range metric.Reports(60) {
		folds[m.Name] = m.Fold
	}
	for _, f := range metric.Fields() {
		if got := folds[f.Name] == metric.Last; got != f.Now || f.Parts <= 0 {
			t.Errorf("%+v: folds by last is %v", f, got)
		}
	}
	if folds["xrd_link_out"] != metric.Sum || folds["xrd_link_num"] != metric.Last {
		t.Errorf("got folds %v and %v of link/out and link/num, want sum and last", folds["xrd_link_out"], folds["xrd_link_num"])
	}
}

func TestSlot(t *testing.T) {
	f := func(step, time, want int64) {
		t.Helper()
		if got := (metric.Metric{Step: step}).Slot(time); got != want {
			t.Errorf("slot of %d by %d: got %d, want %d", time, step, got, want)
		}
	}
	f(60, 0, 0)
	f(60, 59, 0)
	f(60, 60, 1)
	f(60, -1, -1)
	f(60, -60, -1)
	f(60, -61, -2)
	f(1, math.MinInt64, math.MinInt64)
	f(1, math.MaxInt64, math.MaxInt64)
}

func TestApply(t *testing.T) {
	gap := math.NaN()
	f := func(fold metric.Fold, old, v, want float64) {
		t.Helper()
		if got := fold.Apply(old, v); got != want {
			t.Errorf("%v of %v and %v: got %v, want %v", fold, old, v, got, want)
		}
	}
	f(metric.Last, 5, 2, 2)
	f(metric.Sum, 5, 2, 7)
	f(metric.Min, 5, 2, 2)
	f(metric.Min, 2, 5, 2)
	f(metric.Max, 5, 2, 5)
	f(metric.Max, 2, 5, 5)
	for fold := metric.Last; fold <= metric.Max; fold++ {
		f(fold, gap, -3, -3)
	}
}

func TestText(t *testing.T) {
	for fold, name := range []string{"last", "sum", "min", "max"} {
		var got metric.Fold
		text, _ := metric.Fold(fold).MarshalText()
		if err := got.UnmarshalText([]byte(name)); err != nil || int(got) != fold || string(text) != name {
			t.Errorf("fold %q: got %v, %q, %v", name, got, text, err)
		}
	}
	for agg, name := range []string{"none", "sum", "avg", "min", "max"} {
		var got metric.Aggregation
		text, _ := metric.Aggregation(agg).MarshalText()
		if err := got.UnmarshalText([]byte(name)); err != nil || int(got) != agg || string(text) != name {
			t.Errorf("aggregation %q: got %v, %q, %v", name, got, text, err)
		}
	}
	a := metric.AggMax
	if err := a.UnmarshalText(nil); err != nil || a != metric.AggNone {
		t.Errorf("empty aggregation: got %v, %v, want none", a, err)
	}
	if err := a.UnmarshalText([]byte("mean")); err == nil {
		t.Error("aggregation \"mean\" was taken")
	}
	var fold metric.Fold
	for _, name := range []string{"", "mean"} {
		if err := fold.UnmarshalText([]byte(name)); err == nil {
			t.Errorf("fold %q was taken", name)
		}
	}
}

func TestTableKeepsNothing(t *testing.T) {
	ms := []metric.Metric{{Name: "b", Step: 1}, {Name: "a", Step: 1}}
	old := slices.Clone(ms)
	table, err := metric.NewTable(ms)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ms, old) {
		t.Errorf("the argument became %v", ms)
	}
	ms[0].Name = "c"
	if got := table.At(1).Name; got != "b" {
		t.Errorf("the table changed with its argument: %q", got)
	}
}
