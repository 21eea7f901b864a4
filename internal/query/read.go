package query

import (
	"errors"
	"fmt"

	"tallystick/internal/block"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// A Set is one metric at one level, or at several that are made one, over a
// range of time.
type Set struct {
	Levels []selector.Path
	Metric string
	// Aggregation is the metric's own if it is nil. It makes one series of several
	// levels, or of those below a level that has none of its own: slot by slot over
	// those that have a sample in the slot.
	Aggregation *metric.Aggregation
	From, To    int64 // Unix seconds; the range is [From, To)
	// Resolution is the step that is wanted, in seconds: a multiple of the metric's
	// own. What is not longer than that leaves it as it is.
	Resolution int64
	Resampling Resampling
	Stats      bool // statistics beside the values
	Counts     bool // how many had a sample in each slot beside the values
	NoValues   bool // statistics only
}

var (
	// ErrMetric is wrapped when there is no metric of that name.
	ErrMetric = errors.New("unknown metric")
	// ErrAmbiguous is what is wrapped for several series without an aggregation that
	// makes them one.
	ErrAmbiguous = store.ErrAmbiguous
)

// A ResolutionError tells of a resolution that is no multiple of a metric's step.
type ResolutionError struct {
	Metric           string
	Resolution, Step int64 // seconds
}

// Error tells both.
func (e *ResolutionError) Error() string {
	return fmt.Sprintf("%d s is not a multiple of the step of %s, %d s", e.Resolution, e.Metric, e.Step)
}

// A Reader reads the series of one answer, and counts their values against
// Config.MaxValues.
type Reader struct {
	engine *Engine
	left   int // values that the answer may still have
}

// Reader returns a reader for a new answer.
func (e *Engine) Reader() *Reader { return &Reader{engine: e, left: e.max} }

// Read returns the series of the set, from the first to the last slot of the
// range that has a sample. If there is none, the series has only its Step. The
// statistics are those of the samples at the metric's own step, whatever the
// resolution.
//
// The error wraps ErrMetric, ErrAmbiguous or ErrTooMuch, or is a
// *ResolutionError.
func (r *Reader) Read(s Set) (Series, error) {
	id, ok := r.engine.table.Lookup(s.Metric)
	if !ok {
		return Series{}, fmt.Errorf("%w %q", ErrMetric, s.Metric)
	}
	return r.read(id, s)
}

func (r *Reader) read(id metric.ID, s Set) (Series, error) {
	m := r.engine.table.At(id)
	factor, err := factor(m, s)
	if err != nil {
		return Series{}, err
	}
	out := Series{Metric: m.Name, Unit: m.Unit, Step: m.Step * factor}
	agg := m.Aggregation
	if s.Aggregation != nil {
		agg = *s.Aggregation
	}
	if s.NoValues && s.Stats {
		if sum := r.engine.store.SummaryAll(s.Levels, id, s.From, s.To); sum.Series == 1 {
			return r.summary(out, sum, m.Step, factor, s)
		}
	}
	var much error
	raw, err := r.engine.store.ReadFit(s.Levels, id, agg, s.From, s.To, func(span store.Span) error {
		much = r.take(span, m.Step, factor, s)
		return much
	})
	switch {
	case much != nil:
		return out, much
	case err != nil:
		return out, fmt.Errorf("read %s: %w", m.Name, err)
	}
	out.fill(raw, factor, s)
	if s.NoValues || factor > 1 {
		r.engine.store.Reuse(raw.Values)
	}
	return out, nil
}

// summary returns out with the statistics of one series.
func (r *Reader) summary(out Series, sum store.Summary, step, factor int64, s Set) (Series, error) {
	if sum.Count == 0 {
		return out, nil
	}
	if err := r.take(sum.Span, step, factor, s); err != nil {
		return out, err
	}
	stats := statsOf(sum.Tally)
	out.From, out.Step, out.Stats = sum.From, step, &stats
	return out, nil
}

// factor returns how many slots of the metric become one.
func factor(m metric.Metric, s Set) (int64, error) {
	switch {
	case s.Resolution <= m.Step || s.Resampling == ResampleNone:
		return 1, nil
	case s.Resolution%m.Step != 0:
		return 0, &ResolutionError{m.Name, s.Resolution, m.Step}
	}
	return s.Resolution / m.Step, nil
}

// take counts the values of the span: those that are read must fit an answer,
// those that are given must fit what is left of this one.
func (r *Reader) take(span store.Span, step, factor int64, s Set) error {
	read := (span.To - span.From) / step
	give := read/factor + seriesValues
	if s.NoValues {
		give = seriesValues
	}
	if read > int64(r.engine.max) || give > int64(r.left) {
		return fmt.Errorf("%w: at most %d in an answer; ask for less", ErrTooMuch, r.engine.max)
	}
	r.left -= int(give)
	return nil
}

// fill gives s what was read.
func (s *Series) fill(raw store.Series, factor int64, set Set) {
	if len(raw.Values) == 0 {
		return
	}
	s.From = raw.From
	if set.Stats {
		st := statsOf(block.TallyOf(slot(raw.From, raw.Step), raw.Values))
		s.Stats = &st
	}
	if set.NoValues {
		s.Step = raw.Step
		return
	}
	values, first := Resample(raw.Values, slot(raw.From, raw.Step), factor, set.Resampling)
	s.From = first * s.Step
	s.Values = valuesOf(values)
	if set.Counts && raw.Counts != nil {
		s.Counts = coarsen(raw.Counts, slot(raw.From, raw.Step), factor)
	}
}

func slot(t, step int64) int64 { return metric.Metric{Step: step}.Slot(t) }

// coarsen returns counts at a step that is factor times as long: the least of a
// slot's that are not 0.
func coarsen(counts []uint32, from, factor int64) []uint32 {
	if factor < 2 {
		return counts
	}
	g := newGrid(len(counts), from, factor)
	out := make([]uint32, g.n)
	for i := range out {
		lo, hi := g.bucket(i)
		for _, n := range counts[lo:hi] {
			if n > 0 && (out[i] == 0 || n < out[i]) {
				out[i] = n
			}
		}
	}
	return out
}
