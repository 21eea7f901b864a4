// Package metric has the table of metrics: what a name means to the store.
package metric

import (
	"fmt"
	"slices"
)

// A Fold says what several samples in one slot of one series become.
type Fold uint8

// The folds. Last is cc-metric-store's; Sum is for counts of events.
const (
	Last Fold = iota
	Sum
	Min
	Max
)

// An Aggregation says how the series of the levels below make the series of a
// level that has none of its own.
type Aggregation uint8

// The aggregations, with the names cc-metric-store gives the first three.
const (
	AggNone Aggregation = iota
	AggSum
	AggAvg
	AggMin
	AggMax
)

// A Metric is a row of the table.
type Metric struct {
	Name        string
	Step        int64 // seconds; slots are aligned to the epoch
	Fold        Fold
	Aggregation Aggregation
	Unit        string // for people: "B", "1", …
}

// An ID is the row of a metric in its Table.
type ID uint32

// A Table is a fixed set of metrics, sorted by name.
type Table struct {
	rows []Metric
	ids  map[string]ID
}

// NewTable returns a table of the given metrics, in the order of their names.
// A name that comes twice or is empty, or a step under one second is an error.
func NewTable(metrics []Metric) (*Table, error) {
	t := &Table{rows: slices.Clone(metrics), ids: make(map[string]ID, len(metrics))}
	slices.SortFunc(t.rows, func(a, b Metric) int { return compare(a.Name, b.Name) })
	for i, m := range t.rows {
		switch _, twice := t.ids[m.Name]; {
		case m.Name == "":
			return nil, fmt.Errorf("metric %d has no name", i)
		case twice:
			return nil, fmt.Errorf("metric %q is defined twice", m.Name)
		case m.Step < 1:
			return nil, fmt.Errorf("metric %q: step %d s is not at least 1 s", m.Name, m.Step)
		}
		t.ids[m.Name] = ID(i)
	}
	return t, nil
}

// Lookup returns the ID of the named metric.
func (t *Table) Lookup(name string) (ID, bool) {
	id, ok := t.ids[name]
	return id, ok
}

// At returns the metric with the given ID, which must be from this table.
func (t *Table) At(id ID) Metric { return t.rows[id] }

// Len returns the number of metrics; IDs are smaller.
func (t *Table) Len() int { return len(t.rows) }
