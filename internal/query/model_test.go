package query_test

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"tallystick/internal/metric"
	"tallystick/internal/query"
	"tallystick/internal/selector"
)

// A model has the samples of each metric at each level, by slot, in plain maps.
type model map[string]map[selector.Path]map[int64]float64

// A sample is one that is written.
type sample struct {
	at   selector.Path
	name string
	time int64
	v    float64
}

func (m model) write(x metric.Metric, s sample) {
	if m[s.name] == nil {
		m[s.name] = map[selector.Path]map[int64]float64{}
	}
	slots := m[s.name][s.at]
	if slots == nil {
		slots = map[int64]float64{}
		m[s.name][s.at] = slots
	}
	old, there := slots[x.Slot(s.time)]
	if !there {
		old = nan
	}
	slots[x.Slot(s.time)] = x.Fold.Apply(old, s.v)
}

// sources returns the levels whose own series make the metric at a level.
func (m model) sources(name string, at selector.Path) []selector.Path {
	if _, own := m[name][at]; own {
		return []selector.Path{at}
	}
	var out []selector.Path
	for p := range m[name] {
		if at.Contains(p) && !slices.ContainsFunc(above(p), func(q selector.Path) bool {
			_, own := m[name][q]
			return own && q != p && at.Contains(q)
		}) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, selector.Path.Compare)
	return out
}

// above returns p and the levels above it.
func above(p selector.Path) []selector.Path {
	return []selector.Path{
		{Cluster: p.Cluster}, {Cluster: p.Cluster, Node: p.Node}, {Cluster: p.Cluster, Node: p.Node, Component: p.Component}, p,
	}
}

// A cell is one slot of what several series make.
type cell struct {
	slot   int64
	values []float64 // of those that have a sample
}

func (c cell) value(agg metric.Aggregation) float64 {
	sum := 0.0
	for _, v := range c.values {
		sum += v
	}
	switch agg {
	case metric.AggMin:
		return slices.Min(c.values)
	case metric.AggMax:
		return slices.Max(c.values)
	case metric.AggAvg:
		return sum / float64(len(c.values))
	}
	return sum
}

// cells returns the slots in the range that have a sample, in order, and how many
// series there are.
func (m model) cells(x metric.Metric, levels []selector.Path, from, to int64) (out []cell, series int) {
	slots := map[int64]*cell{}
	for _, at := range levels {
		for _, p := range m.sources(x.Name, at) {
			series++
			for slot, v := range m[x.Name][p] {
				if (slot+1)*x.Step <= from || slot*x.Step >= to {
					continue
				}
				if slots[slot] == nil {
					slots[slot] = &cell{slot: slot}
				}
				slots[slot].values = append(slots[slot].values, v)
			}
		}
	}
	for _, slot := range slices.Sorted(maps.Keys(slots)) {
		out = append(out, *slots[slot])
	}
	return out, series
}

// series returns what a question should be answered with: false if nothing.
func (m model) series(x metric.Metric, q query.Request, levels []selector.Path, r query.Range) (query.Series, bool) {
	agg := x.Aggregation
	if q.Aggregation != nil {
		agg = *q.Aggregation
	}
	cells, series := m.cells(x, levels, r.From, r.To)
	if len(cells) == 0 || series > 1 && agg == metric.AggNone {
		return query.Series{}, false
	}
	first, last := cells[0].slot, cells[len(cells)-1].slot
	values := slices.Repeat([]float64{nan}, int(last-first+1))
	counts := make([]uint32, len(values))
	for _, c := range cells {
		values[c.slot-first], counts[c.slot-first] = c.value(agg), uint32(len(c.values))
	}
	out := query.Series{Metric: x.Name, Unit: x.Unit, Step: x.Step, From: first * x.Step}
	if q.Stats {
		out.Stats = naiveStats(values)
	}
	if q.Data != nil && !*q.Data {
		return out, true
	}
	if factor := q.Resolution / x.Step; factor > 1 && q.Resampling != query.ResampleNone {
		counts = naiveCounts(counts, first, factor)
		values, first = naive(values, first, factor, q.Resampling)
		out.Step *= factor
		out.From = first * out.Step
	}
	for _, v := range values {
		out.Values = append(out.Values, query.Value(v))
	}
	if q.Counts && series > 1 {
		out.Counts = counts
	}
	return out, true
}

func naiveStats(values []float64) *query.Stats {
	s := &query.Stats{}
	kept := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	for _, v := range kept {
		s.Sum += v
	}
	s.Count, s.Min, s.Max = len(kept), slices.Min(kept), slices.Max(kept)
	s.Avg = s.Sum / float64(len(kept))
	return s
}

func naiveCounts(counts []uint32, from, factor int64) []uint32 {
	var out []uint32
	begin := int64(math.Floor(float64(from) / float64(factor)))
	for i, n := range counts {
		at := int(int64(math.Floor(float64(from+int64(i))/float64(factor))) - begin)
		if at == len(out) {
			out = append(out, 0)
		}
		if n > 0 && (out[at] == 0 || n < out[at]) {
			out[at] = n
		}
	}
	return out
}

// somewhere returns a random level that can be written to.
func somewhere(r *rand.Rand) selector.Path {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	names := []string{pick("a", "b"), pick("n1", "n2", "n3"), "", "", "", ""}
	if r.IntN(4) > 0 {
		names[2], names[3] = pick("core", "socket"), pick("0", "1", "2")
		if r.IntN(4) == 0 {
			names[4], names[5] = "op", pick("read", "write")
		}
	}
	return path(names...)
}

func someSamples(r *rand.Rand) []sample {
	out := make([]sample, 1+r.IntN(150))
	span := 1 + r.IntN(20_000)
	for i := range out {
		out[i] = sample{
			at: somewhere(r), name: []string{"bytes", "load", "state"}[r.IntN(3)],
			time: 1000 + int64(r.IntN(span)), v: float64(r.IntN(40) - 20),
		}
	}
	return out
}

// A question is a request with the levels that each of its series is made of.
type question struct {
	query.Request

	sets []set
}

type set struct {
	at     selector.Path
	group  *int
	levels []selector.Path
}

// ask returns a random question of the levels.
func ask(r *rand.Rand, all []selector.Path) question {
	yes := func() bool { return r.IntN(2) == 0 }
	var q question
	for i := range 1 + r.IntN(3) {
		p := above(all[r.IntN(len(all))])[r.IntN(4)]
		s := sel(p.Cluster, p.Node, p.Component.Type, p.Component.ID, p.Sub.Type, p.Sub.ID)
		if p.Node != "" && yes() {
			s.Node = query.Names{"n1", "n[23]"}
		}
		if p.Component.ID != "" && yes() {
			s.TypeID = query.Names{"0-1"}
		}
		s.Group = yes()
		q.Levels = append(q.Levels, s)
		q.sets = append(q.sets, setsOf(i, s, all)...)
	}
	slices.SortFunc(q.sets, func(a, b set) int { return cmp.Or(a.at.Compare(b.at), number(a.group)-number(b.group)) })
	q.sets = slices.CompactFunc(q.sets, func(a, b set) bool { return a.at == b.at && a.group == nil && b.group == nil })
	for range 1 + r.IntN(2) {
		from := int64(r.IntN(22_000))
		q.Ranges = append(q.Ranges, query.Range{From: from, To: from + 1 + int64(r.IntN(22_000))})
	}
	q.Resampling = query.Resampling(r.IntN(6))
	q.Resolution = []int64{0, 10, 60, 120, 300, 3600}[r.IntN(6)]
	q.Stats, q.Counts = yes(), yes()
	if no := false; q.Stats && yes() {
		q.Data = &no
	}
	if agg := metric.Aggregation(r.IntN(5)); yes() {
		q.Aggregation = &agg
	}
	return q
}

func number(n *int) int {
	if n == nil {
		return -1
	}
	return *n
}

// setsOf returns what the i-th selector takes, level by level or as one.
func setsOf(i int, s query.Selector, all []selector.Path) []set {
	var out []set
	group := set{group: &i}
	for _, p := range all {
		if takes(s.Cluster, p.Cluster) && takes(s.Node, p.Node) && takes(s.Type, p.Component.Type) &&
			takes(s.TypeID, p.Component.ID) && takes(s.SType, p.Sub.Type) && takes(s.STypeID, p.Sub.ID) {
			out = append(out, set{at: p, levels: []selector.Path{p}})
			group.levels = append(group.levels, p)
		}
	}
	if !s.Group {
		return out
	}
	group.at = selector.Path{Cluster: s.Cluster[0]}
	if len(s.Node) == 1 {
		group.at.Node = s.Node[0]
		if len(s.Type) > 0 && s.TypeID[0] != "0-1" {
			group.at.Component = selector.Part{Type: s.Type[0], ID: s.TypeID[0]}
			if len(s.SType) > 0 {
				group.at.Sub = selector.Part{Type: s.SType[0], ID: s.STypeID[0]}
			}
		}
	}
	return []set{group}
}

// free forgets the blocks of a node that end at or before the time, and what has
// none left.
func (m model) free(table *metric.Table, node selector.Path, before int64) {
	for id := range metric.ID(table.Len()) {
		x := table.At(id)
		for at, slots := range m[x.Name] {
			maps.DeleteFunc(slots, func(slot int64, _ float64) bool {
				end := (slot>>9 + 1) << 9 // a block is 512 slots
				return node.Contains(at) && end*x.Step <= before
			})
			if len(slots) == 0 {
				delete(m[x.Name], at)
			}
		}
	}
}

// levels returns all that have something at or below them.
func (m model) levels() []selector.Path {
	all := map[selector.Path]bool{}
	for _, levels := range m {
		for at := range levels {
			for _, p := range above(at) {
				all[p] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(all), selector.Path.Compare)
}

// restarted returns a bed with what b would have saved.
func (b *bed) restarted() *bed {
	b.tb.Helper()
	next := newBed(b.tb, query.Config{})
	for block := range b.store.Blocks() {
		if err := next.store.Restore(block); err != nil {
			b.tb.Fatal(err)
		}
	}
	return next
}

// live writes, frees and restarts, all at random.
func live(t *testing.T, r *rand.Rand) (*bed, model) {
	t.Helper()
	b, m := newBed(t, query.Config{}), model{}
	for range 1 + r.IntN(4) {
		for _, s := range someSamples(r) {
			b.write(s.at, s.name, float64(s.time), s.v)
			id, _ := b.table.Lookup(s.name)
			m.write(b.table.At(id), s)
		}
		if r.IntN(2) == 0 {
			b = b.restarted()
		}
		if r.IntN(3) == 0 {
			before := int64(r.IntN(25_000))
			for _, node := range b.store.Nodes() {
				if r.IntN(3) > 0 {
					b.store.FreeBefore(node, before)
					m.free(b.table, node, before)
				}
			}
		}
	}
	return b, m
}

// Ensure any question about any data, after any writes, frees and restarts, is
// answered as by plain maps.
func TestRandom(t *testing.T) {
	answered := 0
	for seed := range uint64(80) {
		r := rand.New(rand.NewPCG(seed, 7))
		b, m := live(t, r)
		all := m.levels()
		for range min(20, 20*len(all)) {
			q := ask(r, all)
			got, err := b.engine.Query(t.Context(), q.Request)
			if err != nil {
				t.Fatalf("seed %d, %+v: %v", seed, q.Request, err)
			}
			var want []query.Series
			for _, set := range q.sets {
				for id := range metric.ID(b.table.Len()) {
					for i, x := range q.Ranges {
						if s, ok := m.series(b.table.At(id), q.Request, set.levels, x); ok {
							s.Level, s.Group, s.Range = set.at, set.group, i
							want = append(want, s)
						}
					}
				}
			}
			if diff := gocmp.Diff(want, got, gocmp.Comparer(sameValue)); diff != "" {
				t.Fatalf("seed %d, %+v (-want +got):\n%s", seed, q.Request, diff)
			}
			answered += len(got)
		}
	}
	if answered < 2000 {
		t.Errorf("%d series were compared: too few to say something", answered)
	}
}

// Ensure the same data gives the same bytes, however often it is asked for and in
// whatever order it came: sums of these are not the same in any order.
func TestSameBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	samples := someSamples(r)
	for i := range samples {
		samples[i].time, samples[i].v = 1000+int64(i)*10%500, r.NormFloat64()*math.Pow(10, float64(r.IntN(12)))
		samples[i].name, samples[i].at.Sub.ID = "bytes", strconv.Itoa(i)
		samples[i].at.Component, samples[i].at.Sub.Type = selector.Part{Type: "core", ID: "0"}, "op"
	}
	avg := metric.AggAvg
	var want string
	for range 20 {
		r.Shuffle(len(samples), func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
		b := newBed(t, query.Config{})
		for _, s := range samples {
			b.write(s.at, s.name, float64(s.time), s.v)
		}
		group := sel("*", "*")
		group.Group = true
		for range 5 {
			got, err := b.engine.Query(t.Context(), query.Request{
				To: 10_000, Levels: []query.Selector{sel("*"), group, sel("*", "n?")}, Aggregation: &avg,
				Stats: true, Counts: true, Resolution: 60,
			})
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			if want == "" {
				want = string(text)
			}
			if string(text) != want {
				t.Fatalf("got  %s\nwant %s", text, want)
			}
		}
	}
}

// Ensure a range costs what the data in it cost, whatever its ends are, and so
// does a resolution.
func TestRangeCostsItsData(t *testing.T) {
	b := newBed(t, query.Config{})
	for i := range 100 {
		b.write(client(strconv.Itoa(i)), "bytes", 1_000_000, 1, 1_005_000, 2)
	}
	group := sel("a", "n", "client", "0-99")
	group.Group = true
	cost := func(r query.Request) uint64 {
		t.Helper()
		r.Levels, r.Stats, r.Counts = []query.Selector{sel("a"), sel("a", "n", "client", "*"), group}, true, true
		return allocated(func() {
			got, err := b.engine.Query(t.Context(), r)
			if err != nil || len(got) != 102 {
				t.Fatalf("%+v: got %d, %v, want 102", r, len(got), err)
			}
		})
	}
	tight := cost(query.Request{From: 1_000_000, To: 1_005_010})
	f := func(r query.Request) {
		t.Helper()
		if got := cost(r); got > tight+tight/4 {
			t.Errorf("%+v allocates %d bytes, want not more than the %d of the range that has data", r, got, tight)
		}
	}
	f(query.Request{From: 0, To: 1_005_010})
	f(query.Request{From: 0, To: math.MaxInt64})
	f(query.Request{From: math.MinInt64, To: math.MaxInt64})
	f(query.Request{From: 0, To: math.MaxInt64, Resolution: 10 * (math.MaxInt64 / 10), Resampling: query.ResampleSum})
	f(query.Request{From: 0, To: math.MaxInt64, Resolution: 20})

	nothing := allocated(func() {
		got, err := b.engine.Query(t.Context(), query.Request{From: 1_005_010, To: math.MaxInt64, Levels: []query.Selector{sel("a")}})
		if err != nil || len(got) != 0 {
			t.Errorf("got %d series, %v, want none", len(got), err)
		}
	})
	if nothing > 10_000 {
		t.Errorf("no data allocates %d bytes", nothing)
	}
}

// allocated returns how many bytes do allocates. No test of the package runs
// beside another.
func allocated(do func()) uint64 {
	const runs = 5
	var before, after runtime.MemStats
	do() // what is made once
	runtime.ReadMemStats(&before)
	for range runs {
		do()
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / runs
}
