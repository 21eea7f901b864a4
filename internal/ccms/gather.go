package ccms

import (
	"cmp"
	"math"
	"slices"

	"tallystick/internal/block"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// A key is a series of the store.
type key struct {
	path selector.Path
	id   metric.ID
}

// A gathering is what the files of one host have. It is as large as they are: 16
// bytes for each sample.
type gathering struct {
	im     *Importer
	host   selector.Path
	series map[key]*gathered
	order  []*gathered   // as they were found
	own    map[key]bool  // that the store had before
	block  store.BlockAt // that is being filled
	filled int           // samples in it
}

// A gathered is one series.
type gathered struct {
	key
	place   string // of the file that it was found in first
	step    int64  // of the newest snapshot that had it
	phase   int64  // the time of one of its values
	oldest  int64  // samples before it are refused
	samples []sample
}

type sample struct {
	time  int64
	value float64
}

// open returns the series of the name, or nil if it has none; samples is how many
// are refused then.
func (g *gathering) open(level []string, name string, step int64, samples int, f file) *gathered {
	im := g.im
	p, err := im.namer.place(g.host, level)
	if err != nil {
		im.refuse(ReasonLevel, samples, f.path, err)
		return nil
	}
	id, ok := im.Table.Lookup(name)
	if !ok {
		if id, err = im.learn(name, step); err != nil {
			im.unknown(name, samples, step, f.path)
			return nil
		}
	}
	k := key{p, id}
	s := g.series[k]
	if s == nil {
		s = &gathered{key: k, place: f.path, oldest: math.MinInt64}
		if im.Oldest != nil {
			s.oldest = im.Oldest(p.Cluster, name)
		}
		g.series[k] = s
		g.order = append(g.order, s)
	}
	return s
}

func (im *Importer) learn(name string, step int64) (metric.ID, error) {
	if step == 0 { // a WAL does not tell
		return im.Table.Learn(name)
	}
	return im.Table.Again(name, step)
}

// add gathers a series of a snapshot.
func (g *gathering) add(s *Series, f file) {
	n := 0
	for _, v := range s.Values {
		if !math.IsNaN(v) {
			n++
		}
	}
	switch {
	case n == 0:
		return
	case s.Step < 1 || s.Step > metric.MaxStep || s.Start < -store.MaxTime || s.Start > store.MaxTime:
		g.im.refuse(ReasonStep, n, f.path, nil)
		return
	}
	to := g.open(s.Level, s.Metric, s.Step, n, f)
	if to == nil {
		return
	}
	if g.im.Table.At(to.id).Step != s.Step {
		g.im.report.Steps[s.Metric] = s.Step
	}
	start := to.start(s, f)
	for i, v := range s.Values {
		g.sample(to, start+int64(i)*s.Step, v, f)
	}
}

// start returns the time of the first value, and keeps what it tells of the
// series' slots.
func (to *gathered) start(s *Series, f file) int64 {
	start := s.Start
	if start != f.from {
		to.step, to.phase = s.Step, start // it began in this file
		return start
	}
	if to.step != s.Step {
		return start // nobody knows better
	}
	// The slot of from begins at most half a step before its time, so that its time is
	// in (from+half-step, from+half].
	half := s.Step / 2
	behind := (start + half - to.phase) % s.Step
	if behind < 0 {
		behind += s.Step
	}
	return start + half - behind
}

// record gathers a sample of a WAL.
func (g *gathering) record(r *Record, f file) {
	if math.IsNaN(r.Value) {
		return
	}
	if to := g.open(r.Level, r.Metric, 0, 1, f); to != nil {
		g.sample(to, r.Time, r.Value, f)
	}
}

func (g *gathering) sample(to *gathered, t int64, v float64, f file) {
	im := g.im
	switch {
	case math.IsNaN(v):
	case math.IsInf(v, 0):
		im.refuse(ReasonValue, 1, f.path, nil)
	case t < -store.MaxTime || t > store.MaxTime:
		im.refuse(ReasonStep, 1, f.path, nil)
	case im.Newest != 0 && t > im.Newest:
		im.refuse(ReasonFuture, 1, f.path, nil)
	case t < to.oldest:
		im.refuse(ReasonOld, 1, f.path, nil)
	default:
		to.samples = append(to.samples, sample{t, v})
	}
}

// put puts all that was gathered into the store.
func (g *gathering) put() {
	for _, s := range g.order {
		before := g.im.report.Taken
		g.putSeries(s)
		if g.im.report.Taken > before {
			g.im.report.Series++
		}
		s.samples = nil
	}
}

// putSeries puts a series into the store, block by block. Of samples with one
// time, the one that was gathered last counts.
func (g *gathering) putSeries(s *gathered) {
	slices.SortStableFunc(s.samples, func(a, b sample) int { return cmp.Compare(a.time, b.time) })
	m := g.im.Table.At(s.id)
	g.begin(s, m, 0)
	for i, v := range s.samples {
		if i+1 < len(s.samples) && s.samples[i+1].time == v.time {
			g.im.report.Repeats++
			continue
		}
		index, at := block.Split(m.Slot(v.time))
		if index != g.block.Index {
			g.flush(s, m)
			g.begin(s, m, index)
		}
		old := g.block.Values[at]
		if math.IsNaN(old) {
			g.filled++
		} else {
			g.im.report.Repeats++
		}
		g.block.Values[at] = m.Fold.Apply(old, v.value)
	}
	g.flush(s, m)
}

func (g *gathering) begin(s *gathered, m metric.Metric, index int64) {
	g.block.Path, g.block.Metric, g.block.Step, g.block.Index = s.path, m.Name, m.Step, index
	(*block.Block)(&g.block.Values).Clear()
	g.filled = 0
}

// flush puts the block into the store, without what is there already.
func (g *gathering) flush(s *gathered, m metric.Metric) {
	if g.filled == 0 {
		return
	}
	if g.own[s.key] {
		g.leave(s, m)
	}
	if g.filled == 0 {
		return
	}
	if err := g.im.Store.Restore(&g.block); err != nil {
		g.im.refuse(reason(err), g.filled, s.place, err)
		return
	}
	g.im.report.Taken += g.filled
}

// leave takes out of the block what the store has there.
func (g *gathering) leave(s *gathered, m metric.Metric) {
	begin := g.block.Index * block.Slots
	// The level has a series of its own, and that is what is read then.
	there, err := g.im.Store.Read(s.path, s.id, metric.AggNone, begin*m.Step, (begin+block.Slots)*m.Step)
	if err != nil {
		return // then nothing is there
	}
	first := m.Slot(there.From) - begin
	for i, v := range there.Values {
		at := first + int64(i)
		if !math.IsNaN(v) && !math.IsNaN(g.block.Values[at]) {
			g.block.Values[at] = math.NaN()
			g.filled--
			g.im.report.There++
		}
	}
}
