package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"tallystick/internal/metric"
	"tallystick/internal/selector"
)

// An answer grows level by level.
type answer struct {
	*Reader

	request Request
	ranges  []Range
	ids     []metric.ID // sorted; nil is all that a level has
	room    int         // how many series out gets room for at first
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
	return e.sorted(ids), nil
}

// level adds what the level has.
func (a *answer) level(ctx context.Context, l level) error {
	ids := a.ids
	if ids == nil {
		ids = a.engine.held(l.members)
	}
	for _, id := range ids {
		for i, r := range a.ranges {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := a.series(l, id, i, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// held returns the metrics that are held at or below any of the levels, in order.
func (e *Engine) held(levels []selector.Path) []metric.ID {
	if len(levels) == 1 {
		return e.store.Metrics(levels[0])
	}
	found := map[metric.ID]bool{} // many levels have the same few
	for _, at := range levels {
		for _, id := range e.store.Metrics(at) {
			found[id] = true
		}
	}
	return e.sorted(slices.Collect(maps.Keys(found)))
}

// sorted puts the metrics in the order of their names, each once. Learned ones
// have their IDs in the order in which they came.
func (e *Engine) sorted(ids []metric.ID) []metric.ID {
	slices.SortFunc(ids, func(a, b metric.ID) int {
		return cmp.Compare(e.table.At(a).Name, e.table.At(b).Name)
	})
	return slices.Compact(ids)
}

// series adds one metric of the level over the i-th range.
func (a *answer) series(l level, id metric.ID, i int, r Range) error {
	q := &a.request
	s, err := a.read(id, Set{
		Levels: l.members, Aggregation: q.Aggregation, From: r.From, To: r.To,
		Resolution: q.Resolution, Resampling: q.Resampling,
		Stats: q.Stats, Counts: q.Counts, NoValues: q.noValues(),
	})
	var coarse *ResolutionError
	switch {
	case errors.Is(err, ErrAmbiguous):
		return a.ambiguous(l, a.engine.table.At(id))
	case errors.As(err, &coarse):
		return &RequestError{"resolution", coarse.Error()}
	case err != nil:
		return err
	case len(s.Values) == 0 && s.Stats == nil:
		return nil
	}
	s.Level, s.Range = l.path, i
	if l.group >= 0 {
		group := l.group
		s.Group = &group
	}
	if a.out == nil {
		a.out = make([]Series, 0, a.room)
	}
	a.out = append(a.out, s)
	return nil
}

func (a *answer) ambiguous(l level, m metric.Metric) error {
	if !l.exact || a.ids == nil {
		return nil
	}
	return &RequestError{"aggregation", fmt.Sprintf(
		"%s at %s is made of several levels and has no aggregation of its own", m.Name, l.path)}
}
