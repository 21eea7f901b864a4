package query

import (
	"context"

	"tallystick/internal/metric"
	"tallystick/internal/selector"
)

// A Metric is a row of the table of metrics.
type Metric struct {
	Name        string             `json:"name"`
	Unit        string             `json:"unit,omitempty"`
	Step        int64              `json:"step"` // seconds
	Fold        metric.Fold        `json:"fold"`
	Aggregation metric.Aggregation `json:"aggregation"`
	// Clusters are those that hold samples of it, in order, if that was asked for.
	Clusters []string `json:"clusters,omitempty"`
}

// Metrics returns the metrics in the order of their names: of the empty path all
// that there are, of another those that are held at or below it. With where it
// goes through all levels, to tell the clusters that hold each.
func (e *Engine) Metrics(ctx context.Context, at selector.Path, where bool) ([]Metric, error) {
	var ids []metric.ID
	if at != (selector.Path{}) {
		ids = e.store.Metrics(at)
	} else {
		for id := range metric.ID(e.table.Len()) { //nolint:gosec // an ID each
			ids = append(ids, id)
		}
		ids = e.sorted(ids)
	}
	out := make([]Metric, len(ids))
	place := make(map[metric.ID]int, len(ids))
	for i, id := range ids {
		m := e.table.At(id)
		out[i] = Metric{Name: m.Name, Unit: m.Unit, Step: m.Step, Fold: m.Fold, Aggregation: m.Aggregation}
		place[id] = i
	}
	if !where {
		return out, nil
	}
	clusters, _, err := e.Children(ctx, selector.Path{}, selector.Path{}, 0)
	if err != nil {
		return nil, err
	}
	for _, c := range clusters {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, id := range e.store.Metrics(c) {
			if i, ok := place[id]; ok {
				out[i].Clusters = append(out[i].Clusters, c.Cluster)
			}
		}
	}
	return out, nil
}

// MetricsAt returns the names of the metrics that are held at or below the level,
// in order.
func (e *Engine) MetricsAt(at selector.Path) []string {
	ids := e.store.Metrics(at)
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = e.table.At(id).Name
	}
	return out
}

// Children returns the levels right below a level, in order: those that come
// after the level after, at most limit unless that is 0, and whether there are
// more. Below the empty path are the clusters. A level that is not there has none.
func (e *Engine) Children(ctx context.Context, at, after selector.Path, limit int) (out []selector.Path, more bool, err error) {
	e.store.Walk(func(p selector.Path) bool {
		switch {
		case p.Contains(at): // at itself, or on the way to it
			return ctx.Err() == nil
		case more || !at.Contains(p) || p.Compare(after) <= 0:
		case limit > 0 && len(out) == limit:
			more = true
		default:
			out = append(out, p)
		}
		return false
	})
	return out, more, ctx.Err()
}
