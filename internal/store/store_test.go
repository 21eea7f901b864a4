package store_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"tallystick/internal/block"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

var gap = math.NaN()

func client(id string) selector.Path {
	return selector.Path{Cluster: "a", Node: "n", Component: selector.Part{Type: "client", ID: id}}
}

func id(tb testing.TB, table *metric.Table, name string) metric.ID {
	tb.Helper()
	id, ok := table.Lookup(name)
	if !ok {
		tb.Fatalf("no metric %q", name)
	}
	return id
}

func write(tb testing.TB, s *store.Store, at selector.Path, id metric.ID, pairs ...float64) {
	tb.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if _, err := s.Write(at, store.Point{Metric: id, Time: int64(pairs[i]), Value: pairs[i+1]}); err != nil {
			tb.Fatal(err)
		}
	}
}

func equal(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })
}

func TestReadRange(t *testing.T) {
	table := testTable(t)
	s, low := store.New(table, store.Config{}), id(t, table, "low") // step 10
	write(t, s, client("1"), low, -15, 1, 0, 2, 25, 3, 5120, 4)
	f := func(from, to, begin int64, want ...float64) {
		t.Helper()
		got, err := s.Read(client("1"), low, metric.AggNone, from, to)
		if err != nil || got.From != begin || got.Step != 10 || !equal(got.Values, want) {
			t.Errorf("[%d, %d): got %+v, %v, want %v from %d", from, to, got, err, want, begin)
		}
	}
	f(-20, 30, -20, 1, gap, 2, gap, 3)
	f(-1000, 1000, -20, 1, gap, 2, gap, 3)
	f(-11, 1000, -20, 1, gap, 2, gap, 3) // the slot [-20, -10) is touched
	f(-10, 1000, 0, 2, gap, 3)           // it is not
	f(-20, 21, -20, 1, gap, 2, gap, 3)
	f(-20, 20, -20, 1, gap, 2)
	f(29, 30, 20, 3)
	f(10, 20, 0)   // a gap inside
	f(30, 5000, 0) // a gap over the end of a block
	f(5120, 5121, 5120, 4)
	f(5130, math.MaxInt64, 0)
	f(math.MinInt64, -20, 0)
	f(math.MinInt64, -19, -20, 1)
	f(0, 0, 0)
	f(20, 10, 0)
	f(math.MinInt64, math.MinInt64, 0)
	f(math.MaxInt64, math.MinInt64, 0)
}

func TestReadAggregates(t *testing.T) {
	table := testTable(t)
	s, low := store.New(table, store.Config{}), id(t, table, "low")
	write(t, s, client("1"), low, 0, 1, 10, 5, 20, 3)
	write(t, s, client("2"), low, 10, 2)
	write(t, s, client("3"), low, 10, 8, 40, 9)
	f := func(agg metric.Aggregation, want ...float64) {
		t.Helper()
		for _, at := range []selector.Path{{}, {Cluster: "a"}, {Cluster: "a", Node: "n"}} {
			got, err := s.Read(at, low, agg, 0, 100)
			if err != nil || got.From != 0 || !equal(got.Values, want) {
				t.Errorf("%v at %q: got %+v, %v, want %v", agg, at, got, err, want)
			}
		}
	}
	f(metric.AggSum, 1, 15, 3, gap, 9)
	f(metric.AggAvg, 1, 5, 3, gap, 9)
	f(metric.AggMin, 1, 2, 3, gap, 9)
	f(metric.AggMax, 1, 8, 3, gap, 9)

	// An own series hides what is below, also where it has gaps.
	node := selector.Path{Cluster: "a", Node: "n"}
	write(t, s, node, low, 20, -1)
	got, err := s.Read(node, low, metric.AggNone, 0, 100)
	if err != nil || got.From != 20 || !equal(got.Values, []float64{-1}) {
		t.Errorf("own series: got %+v, %v", got, err)
	}
	// And so at the level above it, beside another node's.
	write(t, s, selector.Path{Cluster: "a", Node: "m"}, low, 20, 4)
	got, err = s.Read(selector.Path{Cluster: "a"}, low, metric.AggSum, 0, 100)
	if err != nil || got.From != 20 || !equal(got.Values, []float64{3}) {
		t.Errorf("cluster: got %+v, %v", got, err)
	}
}

func TestReadWithoutAggregation(t *testing.T) {
	table := testTable(t)
	s, plain := store.New(table, store.Config{}), id(t, table, "plain")
	node := selector.Path{Cluster: "a", Node: "n"}
	write(t, s, client("1"), plain, 0, 1)
	if got, err := s.Read(node, plain, metric.AggNone, 0, 10); err != nil || len(got.Values) != 1 {
		t.Errorf("of one: got %+v, %v", got, err)
	}
	write(t, s, client("2"), plain, 1000, 1) // out of the range: what is an error does not hang on it
	if got, err := s.Read(node, plain, metric.AggNone, 0, 10); !errors.Is(err, store.ErrAmbiguous) {
		t.Errorf("of two: got %+v, %v", got, err)
	}
}

// TestReadIsTheSame adds numbers whose sum hangs on the order.
func TestReadIsTheSame(t *testing.T) {
	table := testTable(t)
	b := id(t, table, "bytes")
	values := []float64{1e16, 1, -1e16, 3, 1e-3, 7e15, -7e15, 0.1}
	var first uint64
	for round := range 20 {
		s := store.New(table, store.Config{})
		for i := range values { // in another order each time
			i = (i*(2*round+1) + round) % len(values)
			write(t, s, client(string(rune('a'+i))), b, 5, values[i])
		}
		got, err := s.Read(selector.Path{Cluster: "a"}, b, metric.AggSum, 0, 10)
		if err != nil || len(got.Values) != 1 {
			t.Fatalf("got %+v, %v", got, err)
		}
		bits := math.Float64bits(got.Values[0])
		if round > 0 && bits != first {
			t.Fatalf("round %d: got %x, before %x", round, bits, first)
		}
		first = bits
	}
}

func TestReadOfNothing(t *testing.T) {
	table := testTable(t)
	s, low := store.New(table, store.Config{}), id(t, table, "low")
	write(t, s, client("1"), low, 0, 1)
	all := []selector.Path{
		{Cluster: "b"},
		{Cluster: "a", Node: "m"},
		{Node: "n"},
		{Cluster: "a", Component: client("1").Component},
		{Cluster: "a", Node: "n", Sub: client("1").Component}, // a hole must not find the component
		client("2"),
		{Cluster: "a", Node: "n", Component: client("1").Component, Sub: selector.Part{Type: "x", ID: "y"}},
	}
	for _, at := range all {
		if got, err := s.Read(at, low, metric.AggSum, 0, 10); err != nil || got.Values != nil {
			t.Errorf("%+v: got %+v, %v", at, got, err)
		}
		if got := s.Span(at, low, 0, 10); got != (store.Span{}) {
			t.Errorf("Span of %+v: got %+v", at, got)
		}
		if got := s.Metrics(at); len(got) > 0 {
			t.Errorf("Metrics of %+v: got %v", at, got)
		}
		if got := s.FreeBefore(at, math.MaxInt64); got != 0 {
			t.Errorf("FreeBefore of %+v freed %d", at, got)
		}
	}
	if _, err := s.Read(client("1"), 99, metric.AggSum, 0, 10); !errors.Is(err, store.ErrMetric) {
		t.Errorf("metric 99: got error %v", err)
	}
	if got := s.Span(client("1"), 99, 0, 10); got != (store.Span{}) {
		t.Errorf("Span of metric 99: got %+v", got)
	}
}

func TestReadOfTooMuch(t *testing.T) {
	table := testTable(t)
	s, b := store.New(table, store.Config{}), id(t, table, "bytes")
	write(t, s, client("1"), b, 0, 1, store.MaxTime, 2, -store.MaxTime, 3)
	if got, err := s.Read(client("1"), b, metric.AggSum, math.MinInt64, math.MaxInt64); !errors.Is(err, store.ErrTooMuch) {
		t.Errorf("got %d values, %v", len(got.Values), err)
	}
	want := store.Span{From: -store.MaxTime, To: store.MaxTime + 1, Series: 1}
	if got := s.Span(client("1"), b, math.MinInt64, math.MaxInt64); got != want {
		t.Errorf("Span: got %+v, want %+v", got, want)
	}
	if got, err := s.Read(client("1"), b, metric.AggSum, 1, math.MaxInt64); err != nil || got.From != store.MaxTime {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWriteRefuses(t *testing.T) {
	table := testTable(t)
	s, b := store.New(table, store.Config{}), id(t, table, "bytes")
	f := func(at selector.Path, wantErr error, text string, want int, pts ...store.Point) {
		t.Helper()
		n, err := s.Write(at, pts...)
		if err == nil || wantErr != nil && !errors.Is(err, wantErr) || !strings.Contains(err.Error(), text) || n != want {
			t.Errorf("got %d, %v, want %d, %v with %q", n, err, want, wantErr, text)
		}
	}
	good := store.Point{Metric: b, Time: 1, Value: 1}
	f(selector.Path{}, nil, "cluster is empty", 0)
	f(selector.Path{}, nil, "cluster is empty", 0, good)
	f(selector.Path{Cluster: "a"}, nil, "node is empty", 0, good)
	f(client(""), nil, "type-id is empty", 0, good)
	f(client("1"), store.ErrMetric, "write metric 5 to a/n/client=1", 0, store.Point{Metric: metric.ID(table.Len())})
	f(client("1"), store.ErrNotFinite, "write bytes to a/n/client=1 at 7", 0, store.Point{Metric: b, Time: 7, Value: gap})
	f(client("1"), store.ErrNotFinite, "", 0, store.Point{Metric: b, Value: math.Inf(-1)})
	f(client("1"), store.ErrTime, "", 0, store.Point{Metric: b, Time: store.MaxTime + 1})
	f(client("1"), store.ErrTime, "", 0, store.Point{Metric: b, Time: math.MinInt64})
	if got := s.Stats(); got != (store.Stats{}) {
		t.Errorf("refused writes left %+v", got)
	}
	f(client("1"), store.ErrNotFinite, "", 2, good, good, store.Point{Metric: b, Time: 1, Value: gap}, good)
	f(client("1"), store.ErrNotFinite, "sum of the slot", 1, // math.MaxFloat64 twice
		store.Point{Metric: b, Time: 9, Value: math.MaxFloat64}, store.Point{Metric: b, Time: 9, Value: math.MaxFloat64})
	// A hole must not find the component, now that it is there.
	f(selector.Path{Cluster: "a", Node: "n", Sub: client("1").Component}, nil, "without a type", 0, good)
	got, err := s.Read(client("1"), b, metric.AggSum, 0, 10)
	if want := []float64{2, gap, gap, gap, gap, gap, gap, gap, math.MaxFloat64}; err != nil || !equal(got.Values, want) {
		t.Errorf("got %v, %v, want %v", got.Values, err, want)
	}
}

// TestWriteKeepsNoStrings writes with names that lie in a buffer of the caller.
func TestWriteKeepsNoStrings(t *testing.T) {
	s := store.New(testTable(t), store.Config{})
	buf := []byte("abcdef")
	name := func(i int) string { return unsafe.String(&buf[i], 1) }
	at := selector.Path{
		Cluster: name(0), Node: name(1),
		Component: selector.Part{Type: name(2), ID: name(3)},
		Sub:       selector.Part{Type: name(4), ID: name(5)},
	}
	write(t, s, at, 0, 0, 1)
	copy(buf, "xxxxxx")
	levels := s.Levels(func(selector.Path) bool { return true })
	if got, want := levels[len(levels)-1].String(), "a/b/c=d/e=f"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLate(t *testing.T) {
	table := testTable(t)
	s, b := store.New(table, store.Config{}), id(t, table, "bytes") // blocks of 512 s
	f := func(time float64, want int64) {
		t.Helper()
		write(t, s, client("1"), b, time, 1)
		if got := s.Stats().Late; got != want {
			t.Errorf("after %v: %d late, want %d", time, got, want)
		}
	}
	f(5000, 0)
	f(4999, 0) // in the same block
	f(6000, 0)
	f(5000, 1)  // in one before
	f(100, 2)   // in a new one before
	f(5600, 3)  // in a new one between
	f(5600, 4)  // twice
	f(60000, 4) // far after
	f(6000, 5)
	if got := s.Stats().Blocks; got != 5 {
		t.Errorf("%d blocks, want 5", got)
	}
}

func TestFreeBefore(t *testing.T) {
	table := testTable(t)
	b := id(t, table, "bytes")
	node := selector.Path{Cluster: "a", Node: "n"}
	f := func(before int64, freed int, left ...float64) {
		t.Helper()
		s := store.New(table, store.Config{})
		write(t, s, client("1"), b, -1, 1, 0, 2, 511, 3, 512, 4, 5120, 5)
		if got := s.FreeBefore(node, before); got != freed {
			t.Errorf("before %d: freed %d, want %d", before, got, freed)
		}
		got, err := s.Read(client("1"), b, metric.AggSum, -10_000, 10_000)
		values := slices.DeleteFunc(got.Values, math.IsNaN)
		if err != nil || !equal(values, left) {
			t.Errorf("before %d: left %v, %v, want %v", before, values, err, left)
		}
		if got := s.Stats().Freed; got != int64(freed) {
			t.Errorf("before %d: Stats say %d, want %d", before, got, freed)
		}
	}
	f(math.MinInt64, 0, 1, 2, 3, 4, 5)
	f(-1, 0, 1, 2, 3, 4, 5)
	f(0, 1, 2, 3, 4, 5)
	f(511, 1, 2, 3, 4, 5) // one second too young
	f(512, 2, 4, 5)       // just old enough
	f(1023, 2, 4, 5)
	f(1024, 3, 5)
	f(5120, 3, 5)
	f(5631, 3, 5)
	f(5632, 4)
	f(math.MaxInt64, 4)
}

func TestPrune(t *testing.T) {
	table := testTable(t)
	s, b := store.New(table, store.Config{}), id(t, table, "bytes")
	old, young, sub := client("old"), client("young"), client("old")
	sub.Sub = selector.Part{Type: "file", ID: "/x"}
	write(t, s, old, b, 0, 1)
	write(t, s, sub, b, 0, 1)
	write(t, s, young, b, 5000, 1)
	node := selector.Path{Cluster: "a", Node: "n"}
	if got := s.FreeBefore(node, 4000); got != 2 {
		t.Errorf("freed %d, want 2", got)
	}
	all := func(selector.Path) bool { return true }
	want := []selector.Path{{Cluster: "a"}, node, young}
	if got := s.Levels(all); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	s.FreeBefore(node, 6000)
	if got := s.Levels(all); len(got) != 0 {
		t.Errorf("got %v, want none", got)
	}
}

func TestWalk(t *testing.T) {
	table := testTable(t)
	s := store.New(table, store.Config{})
	for _, p := range testPaths() {
		write(t, s, p, 0, 0, 1)
	}
	f := func(down func(selector.Path) bool, want ...string) {
		t.Helper()
		var got []string
		s.Walk(func(p selector.Path) bool {
			got = append(got, p.String())
			s.Metrics(p) // no lock is held
			return down(p)
		})
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(func(selector.Path) bool { return false }, "a", "b")
	f(func(p selector.Path) bool { return p.Cluster == "b" && p.Node == "" }, "a", "b", "b/n1", "b/n2")
	f(func(p selector.Path) bool {
		return p.Cluster == "b" && p.Node != "n1" && p.Component.ID != "0"
	}, "a", "b", "b/n1", "b/n2", "b/n2/client=0", "b/n2/client=1", "b/n2/client=1/file=/1")
}

func TestRestoreRefuses(t *testing.T) {
	s := store.New(testTable(t), store.Config{})
	f := func(want error, change func(*store.BlockAt)) {
		t.Helper()
		b := store.BlockAt{Path: client("1"), Metric: "low", Step: 10, Index: 3}
		change(&b)
		err := s.Restore(&b)
		if err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	f(store.ErrMismatch, func(b *store.BlockAt) { b.Metric = "other" })
	f(store.ErrMismatch, func(b *store.BlockAt) { b.Step = 11 })
	f(store.ErrTime, func(b *store.BlockAt) { b.Index = math.MaxInt64 })
	f(store.ErrTime, func(b *store.BlockAt) { b.Index = math.MinInt64 })
	f(store.ErrNotFinite, func(b *store.BlockAt) { b.Values[9] = math.Inf(1) })
	f(nil, func(b *store.BlockAt) { b.Path.Node = "" })
	f(nil, func(b *store.BlockAt) {
		b.Path.Cluster = ""
		(*block.Block)(&b.Values).Clear()
	})
	if got := s.Stats(); got != (store.Stats{}) {
		t.Errorf("refused blocks left %+v", got)
	}
	empty := store.BlockAt{Path: client("1"), Metric: "low", Step: 10}
	(*block.Block)(&empty.Values).Clear()
	if err := s.Restore(&empty); err != nil || s.Stats() != (store.Stats{}) {
		t.Errorf("a block of gaps: got %v, %+v", err, s.Stats())
	}
}

// Ensure several levels are read as one, with how many had a sample in each slot,
// and that one series alone has no such counts.
func TestReadAll(t *testing.T) {
	table := testTable(t)
	s, low := store.New(table, store.Config{}), id(t, table, "low")
	write(t, s, client("1"), low, 10, 1, 30, 7)
	write(t, s, client("2"), low, 10, 3)
	write(t, s, client("3"), low, 20, 100, 50, 100)
	f := func(counts []uint32, values []float64, set ...selector.Path) {
		t.Helper()
		got, err := s.ReadAll(set, low, metric.AggAvg, 0, 100)
		if err != nil || !slices.Equal(got.Counts, counts) || !equal(got.Values, values) {
			t.Errorf("%v: got %+v, %v, want %v, counts %v", set, got, err, values, counts)
		}
		span := s.SpanAll(set, low, 0, 100)
		if n := (span.To - span.From) / 10; n != int64(len(values)) || span.From != got.From && n > 0 {
			t.Errorf("%v: got %+v, want %v", set, span, got)
		}
	}
	f([]uint32{2, 0, 1}, []float64{2, gap, 7}, client("1"), client("2"))
	f([]uint32{1, 1, 0, 0, 1}, []float64{3, 100, gap, gap, 100}, client("2"), client("3"))
	f([]uint32{2, 1, 1, 0, 1}, []float64{2, 100, 7, gap, 100}, selector.Path{Cluster: "a"})
	f(nil, []float64{1, gap, 7}, client("1"), client("4"))
	f(nil, nil, client("4"))
	f(nil, nil)
}
