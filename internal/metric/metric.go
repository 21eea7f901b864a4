// Package metric has the table of metrics: what a name means to the store.
package metric

import (
	"fmt"
	"math"
)

// MaxStep is the longest step of a metric in seconds, a leap year: with it the
// time of any slot of any block near our age fits an int64 many times over.
const MaxStep = 366 * 24 * 3600

// A Fold says what several samples in one slot of one series become.
type Fold uint8

// The folds. Last is cc-metric-store's; Sum is for counts of events.
const (
	Last Fold = iota
	Sum
	Min
	Max
)

// Apply returns what a slot holds after v came into it. A NaN in old is a gap.
func (f Fold) Apply(old, v float64) float64 {
	if math.IsNaN(old) {
		return v
	}
	switch f {
	case Sum:
		return old + v
	case Min:
		return min(old, v)
	case Max:
		return max(old, v)
	}
	return v
}

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

// Slot returns the slot that the Unix second t lies in, negative before the epoch.
func (m Metric) Slot(t int64) int64 {
	slot := t / m.Step
	if t%m.Step < 0 {
		slot-- // division rounds to zero, slots round down
	}
	return slot
}

// check returns why m cannot stand in a table.
func (m Metric) check() error {
	switch {
	case m.Step < 1:
		return fmt.Errorf("metric %q: step %d s is not at least 1 s", m.Name, m.Step)
	case m.Step > MaxStep:
		return fmt.Errorf("metric %q: step %d s is more than %d s", m.Name, m.Step, MaxStep)
	case m.Fold > Max:
		return fmt.Errorf("metric %q: unknown %v", m.Name, m.Fold)
	case m.Aggregation > AggMax:
		return fmt.Errorf("metric %q: unknown %v", m.Name, m.Aggregation)
	}
	return nil
}

// An ID is the row of a metric in its Table.
type ID uint32
