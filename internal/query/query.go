// Package query answers questions about the samples in the store.
package query

import (
	"context"

	"tallystick/internal/metric"
	"tallystick/internal/selector"
)

// A Request asks for some metrics at some levels over a range of time.
type Request struct {
	From    int64      `json:"from"` // Unix seconds; the range is [From, To)
	To      int64      `json:"to"`
	Metrics []string   `json:"metrics"` // empty: all that the level has
	Levels  []Selector `json:"levels"`
	// Aggregation overrides the metrics' own rule for levels that are made of
	// the levels below them.
	Aggregation *metric.Aggregation `json:"aggregation,omitempty"`
}

// A Selector names one level, or with patterns (path.Match) many. A field that
// is empty ends the level there: {Cluster: "a"} is the cluster, made of its
// nodes; {Cluster: "a", Node: "*"} is each node of it.
type Selector struct {
	Cluster string `json:"cluster"`
	Node    string `json:"node,omitempty"`
	Type    string `json:"type,omitempty"`
	TypeID  string `json:"type_id,omitempty"`
	SType   string `json:"stype,omitempty"`
	STypeID string `json:"stype_id,omitempty"`
}

// A Series is one metric at one level.
type Series struct {
	Level  selector.Path `json:"level"`
	Metric string        `json:"metric"`
	Unit   string        `json:"unit,omitempty"`
	Step   int64         `json:"step"` // seconds
	From   int64         `json:"from"` // time of Values[0], a multiple of Step; Unix seconds
	Values []Value       `json:"values"`
}

// A Value is a sample in JSON: a gap (NaN) is null.
type Value float64

// Engine answers requests.
type Engine struct{}

// Query returns the series that r asks for, sorted by level and metric. The
// range of each is cut to what is held. Levels that match nothing are no error.
func (e *Engine) Query(ctx context.Context, r Request) ([]Series, error) { return nil, nil }
