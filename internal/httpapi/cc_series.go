package httpapi

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"tallystick/internal/metric"
	"tallystick/internal/query"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

const (
	// minResampled is how many slots a range must have for a resolution to matter.
	minResampled = 1000
	// maxPadding is how many gaps a series may be padded with: half a year of a
	// metric with a step of 60 s. The data that a client asks for with from=0 is
	// there all the same if it does not ask for padding.
	maxPadding = 1 << 18
	// maxPadded is the same for one answer, about 80 MB of them.
	maxPadded = 1 << 24
)

// A ccSeries is an entry of an answer.
type ccSeries struct {
	err        string
	from, to   int64 // Unix seconds: of the first value that is no padding, and behind the last
	resolution int64
	stats      query.Stats // 0 if none were asked for
	scale      float64     // 1: none

	// The values: padding, then gaps, then what is there, then gaps.
	padding, lead int64
	values        query.Values
	trail         int64
}

// series returns the entry of one metric at the levels. It is not found if none
// of them has the metric.
func (a *ccAnswer) series(q *ccQuery, set []selector.Path) (s ccSeries, found bool) {
	m, all, err := a.look(q, set)
	if err == nil && all.Series == 0 {
		return s, false
	}
	if err == nil {
		err = a.fill(&s, q, set, m, all)
	}
	if err != nil {
		return ccSeries{err: err.Error(), scale: 1}, true
	}
	return s, true
}

// The texts are cc-metric-store's: clients may look for them.
var (
	errCCRange     = errors.New("[METRICSTORE]> invalid time range")
	errCCAmbiguous = errors.New("[METRICSTORE]> invalid aggregation")
)

// look returns the metric, and all that the levels have of it.
func (a *ccAnswer) look(q *ccQuery, set []selector.Path) (m metric.Metric, all store.Span, err error) {
	if a.req.From > a.req.To {
		return m, all, errCCRange
	}
	table := a.face.Table
	id, ok := table.Lookup(q.Metric)
	if !ok {
		return m, all, fmt.Errorf("[METRICSTORE]> unknown metric: %s", q.Metric)
	}
	m = table.At(id)
	all = a.face.Store.SpanAll(set, id, math.MinInt64, math.MaxInt64)
	switch {
	case all.Series == 0:
		return m, all, nil
	case all.Series > 1 && m.Aggregation == metric.AggNone:
		return m, all, errCCAmbiguous
	case q.Resolution > m.Step && q.Resolution%m.Step != 0:
		return m, all, fmt.Errorf(
			"new sampling frequency (%d) must be a multiple of old frequency (%d)", q.Resolution, m.Step)
	}
	return m, all, nil
}

// A ccWindow is what is answered of a range: its slots from the first that the
// series has to its last.
type ccWindow struct {
	from  int64 // Unix seconds, as asked for, or the series' first slot
	first int64 // slot
	n     int64
}

// window returns the slots of the range. A time is that of the slot that begins
// nearest to it, and a range begins with one: that is what cc-metric-store does
// where samples come at multiples of the step.
func (a *ccAnswer) window(m metric.Metric, all store.Span) ccWindow {
	w := ccWindow{from: max(a.req.From, all.From)}
	if w.from >= min(a.req.To, all.To+m.Step) { // so that nothing below overflows
		return w
	}
	w.first = m.Slot(w.from + m.Step/2)
	behind := w.first + (min(a.req.To, all.To+2*m.Step)-w.from+m.Step-1)/m.Step
	w.n = max(0, min(behind, all.To/m.Step)-w.first)
	return w
}

// fill reads the window.
func (a *ccAnswer) fill(s *ccSeries, q *ccQuery, set []selector.Path, m metric.Metric, all store.Span) error {
	w := a.window(m, all)
	s.from, s.to, s.resolution = w.from, w.from+w.n*m.Step, m.Step
	var read query.Series
	if w.n > 0 {
		want := query.Set{
			Levels: set, Metric: m.Name, From: w.first * m.Step, To: (w.first + w.n) * m.Step,
			Stats: a.req.WithStats, NoValues: !a.req.WithData,
		}
		if w.n >= minResampled && q.Resolution > m.Step {
			want.Resolution = q.Resolution
			s.coarsen(q.Resolution, want.From, want.To)
			w.first, w.n = s.from/s.resolution, (s.to-s.from)/s.resolution
		}
		var err error
		if read, err = a.reader.Read(want); err != nil {
			return ccReadError(err)
		}
	}
	s.place(w, read)
	s.describe(read.Stats, a.req.WithStats, float64(q.ScaleBy))
	if !a.req.WithData {
		s.lead, s.trail = 0, 0
		return nil
	}
	return a.pad(s)
}

// coarsen makes the range one of whole slots of the resolution.
func (s *ccSeries) coarsen(resolution, from, to int64) {
	slots := metric.Metric{Step: resolution}
	s.resolution = resolution
	s.from, s.to = slots.Slot(from)*resolution, (slots.Slot(to-1)+1)*resolution
}

// place lays what was read into the window.
func (s *ccSeries) place(w ccWindow, read query.Series) {
	s.values, s.lead = read.Values, w.n
	if len(read.Values) > 0 {
		s.lead = read.From/read.Step - w.first
		s.trail = w.n - s.lead - int64(len(read.Values))
	}
}

// describe sets statistics and scale.
func (s *ccSeries) describe(stats *query.Stats, wanted bool, scale float64) {
	switch {
	case stats != nil:
		s.stats = *stats
	case wanted:
		s.stats = query.StatsOf(nil)
	}
	if s.scale = scale; scale == 0 {
		s.scale = 1
	}
	s.stats.Avg *= s.scale
	s.stats.Min, s.stats.Max = s.stats.Min*s.scale, s.stats.Max*s.scale
	if s.scale < 0 {
		s.stats.Min, s.stats.Max = s.stats.Max, s.stats.Min
	}
}

// pad sets the gaps in front of s, from where the range begins. There are none
// behind its end.
func (a *ccAnswer) pad(s *ccSeries) error {
	if !a.req.WithPadding {
		return nil
	}
	slots := metric.Metric{Step: s.resolution}
	s.padding = max(0, slots.Slot(min(s.from, a.req.To))-slots.Slot(a.req.From))
	if s.padding > maxPadding || a.padded+s.padding > maxPadded {
		return fmt.Errorf("with-padding: %d gaps before the first value at %d, of at most %d in a series and %d in an answer: "+
			`ask for a later "from", or without padding`, s.padding, s.from, maxPadding, maxPadded)
	}
	a.padded += s.padding
	return nil
}

// ccReadError returns err in the words of the face.
func ccReadError(err error) error {
	if errors.Is(err, query.ErrAmbiguous) { // another series has just come
		return errCCAmbiguous
	}
	return err
}

// entry writes s.
func (a *ccAnswer) entry(s *ccSeries) error {
	b := append(a.AvailableBuffer(), '{')
	if s.err != "" {
		b = append(appendString(append(b, `"error":`...), s.err), ',')
	}
	a.append(b)
	if s.padding+s.lead+int64(len(s.values))+s.trail > 0 {
		if err := a.data(s); err != nil {
			return err
		}
	}
	b = a.AvailableBuffer()
	b = strconv.AppendInt(append(b, `"from":`...), s.from, 10)
	b = strconv.AppendInt(append(b, `,"to":`...), s.to, 10)
	b = strconv.AppendInt(append(b, `,"resolution":`...), s.resolution, 10)
	b = query.Value(s.stats.Avg).AppendJSON(append(b, `,"avg":`...))
	b = query.Value(s.stats.Min).AppendJSON(append(b, `,"min":`...))
	b = query.Value(s.stats.Max).AppendJSON(append(b, `,"max":`...))
	_, err := a.Write(append(b, '}'))
	return err
}

func (a *ccAnswer) data(s *ccSeries) error {
	a.text(`"data":`)
	open := byte('[')
	put := func(v query.Value) error {
		b := append(a.AvailableBuffer(), open)
		open = ','
		_, err := a.Write(v.AppendJSON(b))
		return err // the first error stays: looking once per value is enough
	}
	gap := query.Value(math.NaN())
	for range s.padding + s.lead {
		if err := put(gap); err != nil {
			return err
		}
	}
	for _, v := range s.values {
		if err := put(v * query.Value(s.scale)); err != nil {
			return err
		}
	}
	for range s.trail {
		if err := put(gap); err != nil {
			return err
		}
	}
	a.text("],")
	return nil
}
