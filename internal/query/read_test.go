package query_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/metric"
	"tallystick/internal/query"
	"tallystick/internal/selector"
)

func client(id string) selector.Path { return path("a", "n", "client", id) }

// Ensure one reader gives what a set asks for: of one level, of one that is made
// of others, of several, at a longer step, with statistics of the shorter.
func TestRead(t *testing.T) {
	b := newBed(t, query.Config{})
	b.write(client("1"), "bytes", 100, 1, 110, 2, 140, 3)
	b.write(client("2"), "bytes", 110, 10, 120, 20)
	b.write(client("3"), "bytes", 110, 100)
	f := func(s query.Set, want query.Series) {
		t.Helper()
		s.Metric, s.To = "bytes", 1000
		got, err := b.engine.Reader().Read(s)
		want.Metric, want.Unit = "bytes", "B"
		if diff := cmp.Diff(want, got, cmp.Comparer(sameValue)); err != nil || diff != "" {
			t.Errorf("%+v: %v, %s", s, err, diff)
		}
	}
	gap, avg := query.Value(math.NaN()), metric.AggAvg
	one, two := []selector.Path{client("1")}, []selector.Path{client("1"), client("2")}
	f(query.Set{Levels: one, Counts: true}, query.Series{Step: 10, From: 100, Values: query.Values{1, 2, gap, gap, 3}})
	f(query.Set{Levels: two}, query.Series{Step: 10, From: 100, Values: query.Values{1, 12, 20, gap, 3}})
	f(query.Set{Levels: two, Aggregation: &avg, Counts: true}, query.Series{
		Step: 10, From: 100, Values: query.Values{1, 6, 20, gap, 3}, Counts: []uint32{1, 2, 1, 0, 1},
	})
	f(query.Set{Levels: []selector.Path{path("a")}, Counts: true, Resolution: 30, Resampling: query.ResampleMax}, query.Series{
		Step: 30, From: 90, Values: query.Values{112, 20}, Counts: []uint32{1, 1},
	})
	f(query.Set{Levels: two, Stats: true, Resolution: 60, Resampling: query.ResampleMean}, query.Series{
		Step: 60, From: 60, Values: query.Values{6.5, 11.5}, Stats: &query.Stats{Count: 4, Sum: 36, Avg: 9, Min: 1, Max: 20},
	})
	f(query.Set{Levels: two, Stats: true, NoValues: true, Resolution: 60}, query.Series{
		Step: 10, From: 100, Stats: &query.Stats{Count: 4, Sum: 36, Avg: 9, Min: 1, Max: 20},
	})
	f(query.Set{Levels: one, Resolution: 7}, query.Series{Step: 10, From: 100, Values: query.Values{1, 2, gap, gap, 3}})
	f(query.Set{Levels: one, Resolution: 20, Resampling: query.ResampleNone}, query.Series{
		Step: 10, From: 100, Values: query.Values{1, 2, gap, gap, 3},
	})
	f(query.Set{Levels: []selector.Path{client("4")}, Stats: true}, query.Series{Step: 10})
	f(query.Set{Stats: true}, query.Series{Step: 10})
}

func TestReadErrors(t *testing.T) {
	b := newBed(t, query.Config{MaxValues: 100})
	b.write(client("1"), "state", 100, 1, 600, 2)
	b.write(client("2"), "state", 100, 1)
	r := b.engine.Reader()
	f := func(s query.Set, want error) {
		t.Helper()
		s.To = 1000
		if _, err := r.Read(s); !errors.Is(err, want) {
			t.Errorf("%+v: got %v, want %v", s, err, want)
		}
	}
	one := []selector.Path{client("1")}
	f(query.Set{Metric: "none", Levels: one}, query.ErrMetric)
	f(query.Set{Metric: "state", Levels: []selector.Path{path("a")}}, query.ErrAmbiguous)
	f(query.Set{Metric: "state", Levels: []selector.Path{client("1"), client("2")}}, query.ErrAmbiguous)
	f(query.Set{Metric: "state", Levels: one}, nil)
	f(query.Set{Metric: "state", Levels: one}, query.ErrTooMuch) // 51 + 32 of 100 are gone
	r = b.engine.Reader()
	for range 3 { // statistics only are less, and so are longer steps
		f(query.Set{Metric: "state", Levels: slices.Clone(one), NoValues: true, Stats: true}, nil)
	}
	b.write(client("1"), "state", 1900, 1) // more than 100 values to read, however few are given
	if _, err := r.Read(query.Set{Metric: "state", Levels: one, To: 2000, Resolution: 600}); !errors.Is(err, query.ErrTooMuch) {
		t.Errorf("a coarse view of much: got %v, want %v", err, query.ErrTooMuch)
	}
	_, err := r.Read(query.Set{Metric: "state", Levels: one, Resolution: 25, To: 1000})
	var coarse *query.ResolutionError
	if !errors.As(err, &coarse) || *coarse != (query.ResolutionError{Metric: "state", Resolution: 25, Step: 10}) {
		t.Errorf("got %v, want a ResolutionError of 25 and 10", err)
	}
}

// Ensure metrics that were learned stand in the order of their names, as the
// others do.
func TestLearnedMetrics(t *testing.T) {
	b := newBed(t, query.Config{})
	if err := b.table.SetLearn(metric.Learn{Step: 10, Max: 5}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"zeal", "apple", "cork"} {
		if _, err := b.table.Learn(name); err != nil {
			t.Fatal(err)
		}
	}
	b.write(client("1"), "zeal", 100, 1)
	b.write(client("2"), "apple", 100, 1)
	b.write(client("2"), "load", 100, 1)
	group := sel("a", "n", "client", "1-2")
	group.Group = true
	f := func(names ...string) {
		t.Helper()
		want := []string{"a/n apple", "a/n load", "a/n zeal"}
		for _, s := range []query.Selector{sel("a", "n"), group} {
			if got := b.found(query.Request{Metrics: names, Levels: []query.Selector{s}}); !slices.Equal(got, want) {
				t.Errorf("%q of %+v: got %q, want %q", names, s, got, want)
			}
		}
	}
	f()
	f("zeal", "load", "apple", "cork")
	all, err := b.engine.Metrics(t.Context(), selector.Path{}, true)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range all {
		got = append(got, m.Name+strings.Join(m.Clusters, ","))
	}
	if want := []string{"applea", "bytes", "cork", "loada", "state", "zeala"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
