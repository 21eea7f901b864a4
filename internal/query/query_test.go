package query_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/metric"
	"tallystick/internal/query"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// A bed is a store with an engine over it.
type bed struct {
	tb     testing.TB
	table  *metric.Table
	store  *store.Store
	engine *query.Engine
}

func newBed(tb testing.TB, cfg query.Config) *bed {
	tb.Helper()
	table, err := metric.NewTable([]metric.Metric{
		{Name: "bytes", Step: 10, Fold: metric.Sum, Aggregation: metric.AggSum, Unit: "B"},
		{Name: "load", Step: 60, Fold: metric.Last, Aggregation: metric.AggAvg},
		{Name: "state", Step: 10},
	})
	if err != nil {
		tb.Fatal(err)
	}
	s := store.New(table, store.Config{})
	return &bed{tb: tb, table: table, store: s, engine: query.New(s, table, cfg)}
}

func path(s ...string) selector.Path {
	s = append(s, make([]string, 6-len(s))...)
	return selector.Path{
		Cluster: s[0], Node: s[1],
		Component: selector.Part{Type: s[2], ID: s[3]},
		Sub:       selector.Part{Type: s[4], ID: s[5]},
	}
}

func sel(s ...string) query.Selector {
	s = append(s, make([]string, 6-len(s))...)
	var n [6]query.Names
	for i, name := range s {
		if name != "" {
			n[i] = query.Names{name}
		}
	}
	return query.Selector{Cluster: n[0], Node: n[1], Type: n[2], TypeID: n[3], SType: n[4], STypeID: n[5]}
}

func (b *bed) write(at selector.Path, name string, pairs ...float64) {
	b.tb.Helper()
	id, _ := b.table.Lookup(name)
	for i := 0; i < len(pairs); i += 2 {
		if _, err := b.store.Write(at, store.Point{Metric: id, Time: int64(pairs[i]), Value: pairs[i+1]}); err != nil {
			b.tb.Fatal(err)
		}
	}
}

// fill writes 1, 2, 4, … to the clients of the nodes of two sites.
func (b *bed) fill() {
	b.tb.Helper()
	v := 1.0
	for _, node := range [][2]string{{"cern", "[::1]:1094"}, {"cern", "s1:1094"}, {"mit", "s1:1094"}} {
		for _, client := range []string{"c1", "c2", "d/1"} {
			at := path(node[0], node[1], "client", client)
			b.write(at, "bytes", 100, v, 120, 1000*v)
			b.write(at, "state", 100, v)
			v *= 2
		}
		b.write(path(node[0], node[1]), "load", 60, v)
	}
}

// found returns "level metric" for each series of the answer.
func (b *bed) found(r query.Request) []string {
	b.tb.Helper()
	r.To = 1000
	got, err := b.engine.Query(b.tb.Context(), r)
	if err != nil {
		b.tb.Fatal(err)
	}
	var out []string
	for _, s := range got {
		out = append(out, s.Level.String()+" "+s.Metric)
	}
	return out
}

func TestQuery(t *testing.T) {
	b := newBed(t, query.Config{})
	b.fill()
	got, err := b.engine.Query(t.Context(), query.Request{
		From: 0, To: 1000, Levels: []query.Selector{sel("mit"), sel("cern"), sel("cern")}, Metrics: []string{"load", "bytes", "load"},
	})
	if err != nil {
		t.Fatal(err)
	}
	gap := query.Value(math.NaN())
	want := []query.Series{
		{Level: path("cern"), Metric: "bytes", Unit: "B", Step: 10, From: 100, Values: query.Values{63, gap, 63000}},
		{Level: path("cern"), Metric: "load", Step: 60, From: 60, Values: query.Values{36}},
		{Level: path("mit"), Metric: "bytes", Unit: "B", Step: 10, From: 100, Values: query.Values{448, gap, 448000}},
		{Level: path("mit"), Metric: "load", Step: 60, From: 60, Values: query.Values{512}},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(sameValue)); diff != "" {
		t.Error(diff)
	}
}

func sameValue(a, b query.Value) bool {
	return math.Float64bits(float64(a)) == math.Float64bits(float64(b)) || math.IsNaN(float64(a)) && math.IsNaN(float64(b))
}

func TestSelectors(t *testing.T) {
	b := newBed(t, query.Config{})
	b.fill()
	f := func(levels []query.Selector, want ...string) {
		t.Helper()
		if got := b.found(query.Request{Levels: levels, Metrics: []string{"bytes"}}); !slices.Equal(got, want) {
			t.Errorf("%+v: got %q, want %q", levels, got, want)
		}
	}
	one := func(s ...string) []query.Selector { return []query.Selector{sel(s...)} }
	f(one("*"), "cern bytes", "mit bytes")
	f(one("[a-c]*"), "cern bytes")
	f(one("nowhere"))
	f(one("cern", "nowhere"))
	f(one("cern", "*"), "cern/[::1]:1094 bytes", "cern/s1:1094 bytes")
	f(one("*", "s?:*"), "cern/s1:1094 bytes", "mit/s1:1094 bytes")
	f(one("cern", "[::1]:1094"), "cern/[::1]:1094 bytes") // a name, though it is a pattern too
	f(one("c*", "[::1]:1094"), "cern/[::1]:1094 bytes")
	f(one("cern", `\[::1\]:1094`), "cern/[::1]:1094 bytes")
	f(one("mit", "*", "client", "c?"), "mit/s1:1094/client=c1 bytes", "mit/s1:1094/client=c2 bytes")
	f(one("mit", "*", "client", "d*"), "mit/s1:1094/client=d/1 bytes") // over a slash
	f(one("mit", "*", "client", "d/?"), "mit/s1:1094/client=d/1 bytes")
	f(one("mit", "s1:1094", "*", "c1"), "mit/s1:1094/client=c1 bytes")
	f(one("mit", "s1:1094", "client", "c1"), "mit/s1:1094/client=c1 bytes")
	f(one("mit", "*", "client", "*", "*", "*"))
	f([]query.Selector{sel("mit", "*"), sel("mit", "s1:1094"), sel("*")},
		"cern bytes", "mit bytes", "mit/s1:1094 bytes") // each once
}

func TestAllMetrics(t *testing.T) {
	b := newBed(t, query.Config{})
	b.fill()
	got := b.found(query.Request{Levels: []query.Selector{sel("mit"), sel("mit", "s1:1094", "client", "c1")}})
	want := []string{"mit bytes", "mit load", "mit/s1:1094/client=c1 bytes", "mit/s1:1094/client=c1 state"}
	if !slices.Equal(got, want) { // without the state of mit, which has no aggregation
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAggregation(t *testing.T) {
	b := newBed(t, query.Config{})
	b.fill()
	f := func(agg metric.Aggregation, want float64) {
		t.Helper()
		got, err := b.engine.Query(t.Context(), query.Request{
			From: 100, To: 110, Levels: []query.Selector{sel("mit")}, Metrics: []string{"state"}, Aggregation: &agg,
		})
		if err != nil || len(got) != 1 || got[0].Values[0] != query.Value(want) {
			t.Errorf("%v: got %+v, %v, want %v", agg, got, err, want)
		}
	}
	f(metric.AggSum, 448)
	f(metric.AggAvg, 448.0/3)
	f(metric.AggMin, 64)
	f(metric.AggMax, 256)
}

func TestRequestErrors(t *testing.T) {
	b := newBed(t, query.Config{})
	b.fill()
	none, unknown := metric.AggNone, metric.Aggregation(77)
	good := query.Request{To: 1, Levels: []query.Selector{sel("mit")}, Metrics: []string{"bytes"}}
	f := func(want string, change func(r *query.Request)) {
		t.Helper()
		r := good
		change(&r)
		_, err := b.engine.Query(t.Context(), r)
		var re *query.RequestError
		if !errors.As(err, &re) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	level := func(s ...string) func(r *query.Request) {
		return func(r *query.Request) { r.Levels = []query.Selector{sel("mit"), sel(s...)} }
	}
	f("to: 5 is not after from, 5", func(r *query.Request) { r.From, r.To = 5, 5 })
	f("to: -1 is not after from, 0", func(r *query.Request) { r.To = -1 })
	f("levels: is empty", func(r *query.Request) { r.Levels = nil })
	f("levels[1].cluster: is empty", level())
	f("levels[1].cluster: is empty", level("", "n"))
	f("levels[1].type: is given without node", level("a", "", "t", "i"))
	f("levels[1].type_id: is empty, but type is not", level("a", "n", "t"))
	f("levels[1].type_id: is given without type", level("a", "n", "", "i"))
	f("levels[1].stype: is given without type", level("a", "n", "", "", "s", "i"))
	f("levels[1].stype_id: is empty, but stype is not", level("a", "n", "t", "i", "s"))
	f("levels[1].node: is a bad pattern", level("a", "[x", "t", "i"))
	f("levels[1].type_id: is a bad pattern", level("a", "*", "t", `x\`))
	f(`metrics[1]: "nothing" is unknown`, func(r *query.Request) { r.Metrics = []string{"bytes", "nothing"} })
	f("aggregation: is unknown", func(r *query.Request) { r.Aggregation = &unknown })
	f("aggregation: state at mit is made of several levels and has no aggregation of its own", func(r *query.Request) {
		r.Levels, r.Metrics = []query.Selector{sel("*"), sel("mit")}, []string{"state"}
	})
	f("aggregation: bytes at mit is made of several levels and has no aggregation of its own", func(r *query.Request) {
		r.Aggregation = &none
	})
	if got := b.found(query.Request{Levels: []query.Selector{sel("*"), sel("mit", "*")}, Metrics: []string{"state"}}); got != nil {
		t.Errorf("by patterns: got %q, want nothing", got)
	}
}

func TestTooMuch(t *testing.T) {
	const limit = 10_000
	b := newBed(t, query.Config{MaxValues: limit})
	b.write(path("a", "n"), "bytes", 0, 1, 10*(limit-100), 1)
	f := func(from, to int64, want error, levels ...query.Selector) {
		t.Helper()
		_, err := b.engine.Query(t.Context(), query.Request{From: from, To: to, Levels: levels})
		if !errors.Is(err, want) {
			t.Errorf("[%d, %d): got %v, want %v", from, to, err, want)
		}
	}
	f(math.MinInt64, math.MaxInt64, nil, sel("a")) // what is held counts, not what is asked for
	f(0, math.MaxInt64, query.ErrTooMuch, sel("a"), sel("a", "n"))
	f(0, 10*limit/3, nil, sel("a"), sel("a", "n"))
	b.write(path("a", "n"), "bytes", 10*(limit+100), 1)
	f(0, math.MaxInt64, query.ErrTooMuch, sel("a"))
	f(0, 10*limit, nil, sel("a"))
	for i := range limit / 20 { // many series of one value
		b.write(path("b", fmt.Sprint("n", i)), "bytes", 0, 1)
	}
	f(0, 1000, query.ErrTooMuch, sel("b", "*"))
	f(0, 1000, nil, sel("b", "n1*"))
}

func TestHonoursContext(t *testing.T) {
	b := newBed(t, query.Config{})
	b.fill()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, s := range []query.Selector{sel("cern"), sel("*"), sel("nowhere")} {
		got, err := b.engine.Query(ctx, query.Request{To: 1, Levels: []query.Selector{s}})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%+v: got %v, %v", s, got, err)
		}
	}
}

// TestDeterministic asks again and again, and of a store filled in another order.
func TestDeterministic(t *testing.T) {
	ask := func(b *bed) string {
		var out []byte
		for _, s := range [][]query.Selector{{sel("*"), sel("*", "*")}, {sel("*", "*", "*", "*")}} {
			got, err := b.engine.Query(t.Context(), query.Request{From: 0, To: 100_000, Levels: s})
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, text...)
		}
		return string(out)
	}
	var want string
	for round, factor := range []int{1, 3, 7, 9, 99} { // none shares a factor with 100: each order is another
		b := newBed(t, query.Config{})
		for i := range 100 {
			i = (i*factor + 7*round) % 100
			at := path(fmt.Sprint("c", i%2), fmt.Sprint("n", i%7), "client", strconv.Itoa(i))
			b.write(at, "bytes", 50, 1/float64(i+3), float64(i*70), math.Pi)
		}
		got := ask(b)
		if round == 0 {
			want = got
		}
		if got != want || ask(b) != want {
			t.Fatalf("round %d: another answer", round)
		}
	}
}
