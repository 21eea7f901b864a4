package query

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// An answer grows level by level.
type answer struct {
	engine  *Engine
	request Request
	ids     []metric.ID // sorted; nil is all that a level has
	left    int         // values that it may still have
	out     []Series
}

// metrics returns the named metrics, sorted, each once; nil for no names.
func (e *Engine) metrics(names []string) ([]metric.ID, error) {
	var ids []metric.ID
	for i, name := range names {
		id, ok := e.table.Lookup(name)
		if !ok {
			return nil, &RequestError{fmt.Sprintf("metrics[%d]", i), fmt.Sprintf("%q is unknown", name)}
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// level adds what the level has.
func (a *answer) level(ctx context.Context, l level) error {
	ids := a.ids
	if ids == nil {
		ids = a.engine.store.Metrics(l.path)
	}
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := a.series(l, id); err != nil {
			return err
		}
	}
	return nil
}

// series adds one metric of the level. What is read is what the span was
// counted for, whatever is written between.
func (a *answer) series(l level, id metric.ID) error {
	m := a.engine.table.At(id)
	agg := m.Aggregation
	if a.request.Aggregation != nil {
		agg = *a.request.Aggregation
	}
	span := a.engine.store.Span(l.path, id, a.request.From, a.request.To)
	if span.Series > 1 && agg == metric.AggNone {
		return a.ambiguous(l, m)
	}
	if err := a.take(span, m.Step); err != nil {
		return err
	}
	r, err := a.engine.store.Read(l.path, id, agg, span.From, span.To)
	if errors.Is(err, store.ErrAmbiguous) { // another has just come
		return a.ambiguous(l, m)
	}
	if err != nil {
		return fmt.Errorf("read %s at %s: %w", m.Name, l.path, err)
	}
	if len(r.Values) > 0 {
		a.add(l.path, m, r)
	}
	return nil
}

// take counts the values of the span.
func (a *answer) take(s store.Span, step int64) error {
	if s.From == s.To {
		return nil
	}
	n := (s.To-s.From)/step + seriesValues
	if n > int64(a.left) {
		return fmt.Errorf("%w: at most %d in an answer; ask for less", ErrTooMuch, a.engine.max)
	}
	a.left -= int(n)
	return nil
}

func (a *answer) ambiguous(l level, m metric.Metric) error {
	if !l.exact || a.ids == nil {
		return nil
	}
	return &RequestError{"aggregation", fmt.Sprintf(
		"%s at %s is made of several levels and has no aggregation of its own", m.Name, l.path)}
}

func (a *answer) add(at selector.Path, m metric.Metric, r store.Series) {
	s := Series{
		Level: at, Metric: m.Name, Unit: m.Unit, Step: r.Step, From: r.From,
		Values: make(Values, len(r.Values)),
	}
	for i, v := range r.Values {
		s.Values[i] = Value(v)
	}
	a.out = append(a.out, s)
}
