package store_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tallystick/internal/block"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// A model is a store that is obviously right: one map from level, metric and
// slot to value.
type model struct {
	table   *metric.Table
	samples map[sampleKey]float64
}

type sampleKey struct {
	path selector.Path
	id   metric.ID
	slot int64
}

func floor(a, b int64) int64 {
	q := a / b
	if q*b > a {
		q--
	}
	return q
}

func (m *model) write(p selector.Path, pt store.Point) {
	row := m.table.At(pt.Metric)
	k := sampleKey{p, pt.Metric, floor(pt.Time, row.Step)}
	old, ok := m.samples[k]
	switch {
	case ok && row.Fold == metric.Sum:
		m.samples[k] = old + pt.Value
	case ok && row.Fold == metric.Min && old < pt.Value:
	case ok && row.Fold == metric.Max && old > pt.Value:
	default:
		m.samples[k] = pt.Value
	}
}

// free drops the samples of a node whose block ends at or before the time.
func (m *model) free(node selector.Path, before int64) {
	maps.DeleteFunc(m.samples, func(k sampleKey, _ float64) bool {
		end := (floor(k.slot, block.Slots) + 1) * block.Slots * m.table.At(k.id).Step
		return node.Contains(k.path) && end <= before
	})
}

// sources returns the levels that the metric at p is made of, sorted.
func (m *model) sources(p selector.Path, id metric.ID) []selector.Path {
	all := map[selector.Path]bool{}
	for k := range m.samples {
		if k.id == id && p.Contains(k.path) {
			all[k.path] = true
		}
	}
	var out []selector.Path
	for q := range all {
		hidden := false
		for r := range all {
			hidden = hidden || r != q && r.Contains(q)
		}
		if !hidden {
			out = append(out, q)
		}
	}
	slices.SortFunc(out, selector.Path.Compare)
	return out
}

// read returns the value in each slot that has one.
func (m *model) read(p selector.Path, id metric.ID, agg metric.Aggregation, from, to int64) (map[int64]float64, error) {
	sources := m.sources(p, id)
	if len(sources) > 1 && agg == metric.AggNone {
		return nil, store.ErrAmbiguous
	}
	step := m.table.At(id).Step
	slots := map[int64][]float64{}
	for _, q := range sources {
		for k, v := range m.samples {
			if k.path == q && k.id == id && k.slot*step < to && (k.slot+1)*step > from && from < to {
				slots[k.slot] = append(slots[k.slot], v)
			}
		}
	}
	out := map[int64]float64{}
	for slot, vs := range slots {
		out[slot] = aggregate(agg, vs)
	}
	return out, nil
}

func aggregate(agg metric.Aggregation, vs []float64) float64 {
	sum := vs[0]
	for _, v := range vs[1:] {
		sum += v
	}
	switch agg {
	case metric.AggMin:
		return slices.Min(vs)
	case metric.AggMax:
		return slices.Max(vs)
	case metric.AggAvg:
		return sum / float64(len(vs))
	}
	return sum
}

func (m *model) levels() []selector.Path {
	all := map[selector.Path]bool{}
	for k := range m.samples {
		p := k.path
		all[p] = true
		p.Sub = selector.Part{}
		all[p] = true
		p.Component = selector.Part{}
		all[p] = true
		all[selector.Path{Cluster: p.Cluster}] = true
	}
	return slices.SortedFunc(maps.Keys(all), selector.Path.Compare)
}

func (m *model) metrics(p selector.Path) []metric.ID {
	all := map[metric.ID]bool{}
	for k := range m.samples {
		if p.Contains(k.path) {
			all[k.id] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// stats returns how many series and blocks there must be.
func (m *model) stats() (series, blocks int) {
	type place struct {
		path  selector.Path
		id    metric.ID
		index int64
	}
	ss, bs := map[place]bool{}, map[place]bool{}
	for k := range m.samples {
		ss[place{k.path, k.id, 0}] = true
		bs[place{k.path, k.id, floor(k.slot, block.Slots)}] = true
	}
	return len(ss), len(bs)
}

func testTable(tb testing.TB) *metric.Table {
	tb.Helper()
	table, err := metric.NewTable([]metric.Metric{
		{Name: "cpu", Step: 60, Fold: metric.Last, Aggregation: metric.AggAvg},
		{Name: "high", Step: 7, Fold: metric.Max, Aggregation: metric.AggMax},
		{Name: "low", Step: 10, Fold: metric.Min, Aggregation: metric.AggMin},
		{Name: "plain", Step: 10, Fold: metric.Last, Aggregation: metric.AggNone},
		{Name: "bytes", Step: 1, Fold: metric.Sum, Aggregation: metric.AggSum},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return table
}

func testPaths() []selector.Path {
	var out []selector.Path
	for _, c := range []string{"a", "b"} {
		for _, n := range []string{"n1", "n2"} {
			p := selector.Path{Cluster: c, Node: n}
			out = append(out, p)
			for _, id := range []string{"0", "1"} {
				p.Component, p.Sub = selector.Part{Type: "client", ID: id}, selector.Part{}
				out = append(out, p)
				p.Sub = selector.Part{Type: "file", ID: "/" + id}
				out = append(out, p)
			}
		}
	}
	return out
}

// A property is a store and its model, and what happens to both.
type property struct {
	t     *testing.T
	r     *rand.Rand
	paths []selector.Path
	store *store.Store
	model *model
	now   int64
	dense int // samples at once, most of them in order
}

// TestModel does the same to a store and to its model: writes in order, late,
// twice, and far apart, frees, dumps and restores; and after each reads some
// level in some way.
func TestModel(t *testing.T) {
	for seed := range uint64(9) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			table := testTable(t)
			p := &property{
				t: t, r: rand.New(rand.NewPCG(seed, 1)), paths: testPaths(),
				store: store.New(table, store.Config{}),
				model: &model{table: table, samples: map[sampleKey]float64{}},
				now:   []int64{1_700_000_000, 0, -1_000_000}[seed%3],
			}
			p.run(200)
		})
	}
}

// TestModelSealed does that to few series that have a sample in nearly every slot, some of
// them late by a little or by a lot, so that blocks are sealed and taken apart.
func TestModelSealed(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			table := testTable(t)
			p := &property{
				t: t, r: rand.New(rand.NewPCG(seed, 2)), paths: testPaths()[1:3], dense: 2 + 30*int(seed%3),
				store: store.New(table, store.Config{}),
				model: &model{table: table, samples: map[sampleKey]float64{}},
				now:   1_700_000_000,
			}
			p.run(600)
		})
	}
}

func (p *property) run(steps int) {
	for range steps {
		switch p.r.IntN(20) {
		case 0:
			p.free()
		case 1:
			p.restore()
		case 2:
			for _, n := range p.store.Nodes() {
				p.store.Settle(n)
			}
		default:
			p.write()
		}
		p.read()
		if p.t.Failed() {
			return
		}
	}
	p.tree()
	p.freeAll()
}

func (p *property) time() int64 {
	if p.dense > 0 {
		switch n := p.r.IntN(100 * p.dense); {
		case n == 0:
			return p.now - p.r.Int64N(10_000)
		case n < 10*p.dense:
			return p.now - p.r.Int64N(60)
		}
		p.now += p.r.Int64N(8)
		return p.now
	}
	switch p.r.IntN(10) {
	case 0: // late, in some block
		return p.now - p.r.Int64N(60*block.Slots*3)
	case 1: // a jump
		p.now += p.r.Int64N(60 * block.Slots * 2)
	case 2: // far before
		return p.now - p.r.Int64N(500_000)
	default:
		p.now += p.r.Int64N(30)
	}
	return p.now
}

func (p *property) write() {
	at := p.paths[p.r.IntN(len(p.paths))]
	pts := make([]store.Point, p.r.IntN(4+p.dense))
	for i := range pts {
		pts[i] = store.Point{
			Metric: metric.ID(p.r.IntN(p.model.table.Len())),
			Time:   p.time(),
			Value:  float64(p.r.IntN(2000)-1000) / 8, // sums of these are exact in any order
		}
		p.model.write(at, pts[i])
	}
	if n, err := p.store.Write(at, pts...); n != len(pts) || err != nil {
		p.t.Errorf("Write: got %d, %v, want %d", n, err, len(pts))
	}
}

func (p *property) free() {
	before := p.now - p.r.Int64N(60*block.Slots*2)
	for _, n := range p.store.Nodes() {
		if p.r.IntN(4) > 0 {
			_, old := p.model.stats()
			p.model.free(n, before)
			_, blocks := p.model.stats()
			if got := p.store.FreeBefore(n, before); got != old-blocks {
				p.t.Errorf("FreeBefore(%s, %d): got %d, want %d", n, before, got, old-blocks)
			}
		}
	}
}

// restore goes on with a new store that has what the old one had, and is told a
// part of it twice.
func (p *property) restore() {
	next := store.New(p.model.table, store.Config{})
	blocks, last := 0, store.BlockAt{Index: math.MinInt64}
	for b := range p.store.Blocks() {
		c := b.Path.Compare(last.Path)
		if c < 0 || c == 0 && (b.Metric < last.Metric || b.Metric == last.Metric && b.Index <= last.Index) {
			p.t.Errorf("%s %s %d comes after %s %s %d", b.Path, b.Metric, b.Index, last.Path, last.Metric, last.Index)
		}
		last = *b
		for range 1 + p.r.IntN(2) {
			if err := next.Restore(b); err != nil {
				p.t.Error(err)
			}
		}
		blocks++
	}
	if _, want := p.model.stats(); blocks != want {
		p.t.Errorf("Blocks: got %d, want %d", blocks, want)
	}
	p.store = next
}

// level returns some level, not always one that is there.
func (p *property) level() selector.Path {
	at := p.paths[p.r.IntN(len(p.paths))]
	switch p.r.IntN(5) {
	case 0:
		return selector.Path{}
	case 1:
		return selector.Path{Cluster: at.Cluster}
	case 2:
		return selector.Path{Cluster: at.Cluster, Node: at.Node}
	case 3:
		at.Sub = selector.Part{}
	}
	return at
}

func (p *property) read() {
	at, id, agg := p.level(), metric.ID(p.r.IntN(p.model.table.Len())), metric.Aggregation(p.r.IntN(5))
	from := p.time()
	to := from + p.r.Int64N(200_000) - 1000
	if p.r.IntN(4) == 0 {
		from, to = math.MinInt64, math.MaxInt64
	}
	want, wantErr := p.model.read(at, id, agg, max(from, -store.MaxTime), min(to, store.MaxTime))
	got, err := p.store.Read(at, id, agg, from, to)
	if !errors.Is(err, wantErr) {
		p.t.Errorf("Read(%s, %d, %v, %d, %d): got error %v, want %v", at, id, agg, from, to, err, wantErr)
	}
	compare(p.t, got, want)
	if span := p.store.Span(at, id, from, to); err == nil && len(got.Values) > 0 &&
		(span.From != got.From || span.To != got.From+got.Step*int64(len(got.Values))) {
		p.t.Errorf("Span(%s, %d, %d, %d): got %+v, want that of %d values from %d", at, id, from, to, span, len(got.Values), got.From)
	}
}

func compare(t *testing.T, got store.Series, want map[int64]float64) {
	t.Helper()
	n := 0
	for i, v := range got.Values {
		slot := got.From/got.Step + int64(i)
		w, ok := want[slot]
		switch {
		case math.IsNaN(v) && !ok:
		case math.IsNaN(v) != !ok || math.Float64bits(v) != math.Float64bits(w):
			t.Errorf("slot %d: got %v, want %v (%v)", slot, v, w, ok)
		default:
			n++
		}
	}
	if n != len(want) {
		t.Errorf("got %d values, want %d", n, len(want))
	}
	if n := len(got.Values); n > 0 && (math.IsNaN(got.Values[0]) || math.IsNaN(got.Values[n-1])) {
		t.Error("a series begins or ends with a gap")
	}
}

// tree compares what is held with the model.
func (p *property) tree() {
	all := func(selector.Path) bool { return true }
	if got, want := p.store.Levels(all), p.model.levels(); !slices.Equal(got, want) {
		p.t.Errorf("Levels: got %v, want %v", got, want)
	}
	for _, at := range append(p.model.levels(), selector.Path{}, selector.Path{Cluster: "c"}) {
		if got, want := p.store.Metrics(at), p.model.metrics(at); !slices.Equal(got, want) {
			p.t.Errorf("Metrics(%s): got %v, want %v", at, got, want)
		}
	}
	series, blocks := p.model.stats()
	if s := p.store.Stats(); s.Series != series || s.Blocks != blocks || s.Levels != len(p.model.levels()) {
		p.t.Errorf("Stats: got %+v, want %d levels, %d series, %d blocks", s, len(p.model.levels()), series, blocks)
	}
}

// freeAll leaves nothing but the memory of the pool.
func (p *property) freeAll() {
	for _, n := range p.store.Nodes() {
		p.store.FreeBefore(n, math.MaxInt64)
	}
	s := p.store.Stats()
	if s.Levels != 0 || s.Series != 0 || s.Blocks != 0 || s.Bytes%block.SlabBytes != 0 {
		p.t.Errorf("Stats of an empty store: %+v", s)
	}
	if got := len(p.store.Nodes()); got != 0 {
		p.t.Errorf("Nodes: got %d, want none", got)
	}
}
