package query_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	gopath "path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/metric"
	"tallystick/internal/query"
	"tallystick/internal/selector"
)

func TestNamesJSON(t *testing.T) {
	f := func(text string, want query.Names) {
		t.Helper()
		got := query.Names{"old"}
		if err := json.Unmarshal([]byte(text), &got); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v, want %q", text, got, err, want)
		}
	}
	f(`"a"`, query.Names{"a"})
	f(`""`, nil)
	f(`[]`, query.Names{})
	f(`["a","0-31"]`, query.Names{"a", "0-31"})
	for _, bad := range []string{`7`, `{}`, `[7]`, `true`} {
		if err := json.Unmarshal([]byte(bad), new(query.Names)); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
	for want, n := range map[string]query.Names{`"a"`: {"a"}, `["a","b"]`: {"a", "b"}} {
		if got, err := json.Marshal(n); err != nil || string(got) != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
}

// threads gives a node hwthreads with a sample each, their place in ids.
func (b *bed) threads(node string, ids ...string) {
	b.tb.Helper()
	for i, id := range ids {
		b.write(path("a", node, "hwthread", id), "bytes", 100, float64(i))
		b.write(path("a", node, "hwthread", id), "state", 100, float64(i))
	}
}

func TestListsAndRanges(t *testing.T) {
	b := newBed(t, query.Config{})
	b.threads("n1", "0", "1", "2", "10", "01", "x", "1-2")
	b.threads("n2", "1")
	f := func(s query.Selector, want ...string) {
		t.Helper()
		got := b.found(query.Request{Levels: []query.Selector{s}, Metrics: []string{"bytes"}})
		for i := range got {
			got[i] = strings.TrimSuffix(strings.TrimPrefix(got[i], "a/"), " bytes")
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: got %q, want %q", s, got, want)
		}
	}
	threads := func(node string, ids ...string) query.Selector {
		return query.Selector{Cluster: query.Names{"a"}, Node: query.Names{node}, Type: query.Names{"hwthread"}, TypeID: ids}
	}
	f(threads("n1", "2", "0", "2", "77"), "n1/hwthread=0", "n1/hwthread=2")
	f(threads("n1", "1-10"), "n1/hwthread=1", "n1/hwthread=10", "n1/hwthread=2")
	f(threads("n1", "1-2"), "n1/hwthread=1", "n1/hwthread=1-2", "n1/hwthread=2") // and the name itself
	f(threads("n1", "2-1"))
	f(threads("n1", "00-1"))
	f(threads("n?", "0-1", "x"), "n1/hwthread=0", "n1/hwthread=1", "n1/hwthread=x", "n2/hwthread=1")
	f(threads("n1", "2-18446744073709551615"), "n1/hwthread=10", "n1/hwthread=2")
	f(threads("n1", "0-1000000000000", "0?"), "n1/hwthread=0", "n1/hwthread=01", "n1/hwthread=1", "n1/hwthread=10", "n1/hwthread=2")
	f(query.Selector{Cluster: query.Names{"b", "a"}, Node: query.Names{"n3", "n2", "n1"}}, "n1", "n2")
}

// Ensure a group is one series of all that its selector takes, under the nearest
// level above them, and that its counts are told.
func TestGroup(t *testing.T) {
	b := newBed(t, query.Config{})
	b.threads("n1", "0", "1", "2", "3")
	b.threads("n2", "0")
	f := func(r query.Request, want ...string) {
		t.Helper()
		r.To, r.Counts = 1000, true
		series, err := b.engine.Query(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range series {
			group := -1
			if s.Group != nil {
				group = *s.Group
			}
			got = append(got, fmt.Sprint(s.Level, " ", s.Metric, " ", group, " ", s.Values, s.Counts))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%+v: %s", r, diff)
		}
	}
	group := func(node, id string) query.Selector {
		s := sel("a", node, "hwthread", id)
		s.Group = true
		return s
	}
	bytes := []string{"bytes"}
	f(query.Request{Metrics: bytes, Levels: []query.Selector{group("n1", "1-3")}}, "a/n1 bytes 0 [6] [3]")
	f(query.Request{Metrics: bytes, Levels: []query.Selector{group("n1", "3")}}, "a/n1/hwthread=3 bytes 0 [3] []")
	f(query.Request{Metrics: bytes, Levels: []query.Selector{sel("a", "n1"), group("n1", "0-1"), group("*", "*")}},
		"a bytes 2 [6] [5]", "a/n1 bytes -1 [6] [4]", "a/n1 bytes 1 [1] [2]")
	f(query.Request{Levels: []query.Selector{group("n1", "*")}}, "a/n1 bytes 0 [6] [4]") // state has no aggregation
	f(query.Request{Metrics: bytes, Levels: []query.Selector{group("n7", "*")}})
	_, err := b.engine.Query(t.Context(), query.Request{To: 1, Metrics: []string{"state"}, Levels: []query.Selector{
		{Cluster: query.Names{"a"}, Node: query.Names{"n1"}, Type: query.Names{"hwthread"}, TypeID: query.Names{"0", "1"}, Group: true},
	}})
	if want := (query.RequestError{}); !errors.As(err, new(*query.RequestError)) {
		t.Errorf("state of two: got %v, want %T", err, want)
	}
}

// Ensure several ranges are as many questions.
func TestRanges(t *testing.T) {
	b := newBed(t, query.Config{})
	b.write(path("a", "n"), "bytes", 100, 1, 200, 2, 300, 3)
	ranges := []query.Range{{300, 400}, {0, 250}, {110, 190}, {200, 201}}
	got, err := b.engine.Query(t.Context(), query.Request{Ranges: ranges, Stats: true, Levels: []query.Selector{sel("a"), sel("a", "n")}})
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, s := range got {
		text = append(text, fmt.Sprint(s.Level, " ", s.Range, " ", s.From, " ", len(s.Values), " ", s.Stats.Sum))
	}
	want := []string{"a 0 300 1 3", "a 1 100 11 3", "a 3 200 1 2", "a/n 0 300 1 3", "a/n 1 100 11 3", "a/n 3 200 1 2"}
	if diff := cmp.Diff(want, text); diff != "" {
		t.Error(diff)
	}
	f := func(r query.Request, field string) {
		t.Helper()
		r.Levels = []query.Selector{sel("a")}
		var wrong *query.RequestError
		if _, err := b.engine.Query(t.Context(), r); !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%+v: got %v, want an error of %s", r, err, field)
		}
	}
	f(query.Request{From: 1, To: 2, Ranges: ranges}, "ranges")
	f(query.Request{Ranges: []query.Range{{1, 2}, {2, 2}}}, "ranges[1].to")
	f(query.Request{}, "to")
	no := false
	f(query.Request{To: 1, Data: &no}, "data")
	f(query.Request{To: 1, Resolution: -1}, "resolution")
	f(query.Request{To: 1, Resampling: 77}, "resampling")
	f(query.Request{To: 1000, Resolution: 25}, "resolution")
	unknown := metric.AggMax + 1
	f(query.Request{To: 1, Aggregation: &unknown}, "aggregation")
}

// Ensure a request cannot make the tree be searched, or levels be tried, without
// a bound.
func TestSelectorBounds(t *testing.T) {
	b := newBed(t, query.Config{})
	b.threads("n1", "7")
	long := make(query.Names, 1001)
	for i := range long {
		long[i] = "*" + strconv.Itoa(i)
	}
	var wrong *query.RequestError
	_, err := b.engine.Query(t.Context(), query.Request{To: 1, Levels: []query.Selector{{Cluster: long}}})
	if !errors.As(err, &wrong) || wrong.Field != "levels" {
		t.Errorf("got %v, want an error of levels", err)
	}
	s := sel("a", "*", "hwthread", "0-4000")
	s.Node = query.Names{"0-4000"}
	many := slices.Repeat([]query.Selector{s}, 400)
	n := testing.AllocsPerRun(1, func() {
		if _, err := b.engine.Query(t.Context(), query.Request{To: 1000, Levels: many}); err != nil {
			t.Error(err)
		}
	})
	if n > 100_000 {
		t.Errorf("allocates %v times, want no more than for its selectors", n)
	}
}

// FuzzSelector holds that whatever a selector is, it finds what it would by
// looking at each level, one by one.
func FuzzSelector(f *testing.F) {
	f.Add("a", "n1", "hwthread", "0-31")
	f.Add("*", "n?,[::1]:1", "hw*,core", "1-2,x")
	f.Add("a,b", "n1,n2", "", "")
	f.Add("a", "[", "", "")
	f.Add("a", "0-9999999", "hwthread", "3-18446744073709551615")
	f.Add("a", "n1", "hwthread", `\1,d/?`)
	b := newBed(f, query.Config{})
	b.threads("n1", "0", "1", "2", "10", "01", "x", "1-2", "d/1")
	b.threads("[::1]:1", "1", "18446744073709551615")
	b.threads("7", "7")
	b.write(path("b", "n1", "core", "1"), "bytes", 100, 1)
	all := []selector.Path{}
	b.store.Walk(func(p selector.Path) bool {
		all = append(all, p)
		return true
	})
	f.Fuzz(func(t *testing.T, cluster, node, kind, id string) {
		list := func(s string) query.Names {
			if s == "" {
				return nil
			}
			return strings.Split(s, ",")
		}
		s := query.Selector{Cluster: list(cluster), Node: list(node), Type: list(kind), TypeID: list(id)}
		got, err := b.engine.Query(t.Context(), query.Request{To: 1000, Metrics: []string{"bytes"}, Levels: []query.Selector{s}})
		if err != nil {
			if !errors.As(err, new(*query.RequestError)) {
				t.Fatal(err)
			}
			return
		}
		var want, have []selector.Path
		for _, p := range all {
			if takes(s.Cluster, p.Cluster) && takes(s.Node, p.Node) && takes(s.Type, p.Component.Type) && takes(s.TypeID, p.Component.ID) {
				want = append(want, p)
			}
		}
		for _, x := range got {
			have = append(have, x.Level)
		}
		if !slices.Equal(have, want) {
			t.Errorf("%+v: got %v, want %v", s, have, want)
		}
	})
}

// takes is a naive matcher; no name of the bed above needs more.
func takes(names query.Names, name string) bool {
	if len(names) == 0 || name == "" {
		return len(names) == 0 && name == ""
	}
	number := func(s string) float64 {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil || strconv.FormatUint(n, 10) != s {
			return math.NaN()
		}
		return float64(n)
	}
	return slices.ContainsFunc(names, func(n string) bool {
		if n == name {
			return true
		}
		from, to, _ := strings.Cut(n, "-")
		if v := number(name); number(from) <= v && v <= number(to) {
			return true
		}
		ok, _ := gopath.Match(strings.ReplaceAll(n, "/", "|"), strings.ReplaceAll(name, "/", "|"))
		return ok
	})
}
