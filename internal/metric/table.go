package metric

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"
)

// A Table is a set of metrics. It has those that it was made with, in the order
// of their names, and behind them those that it learned, in the order in which
// it did. It never loses one: an ID stays what it is. Its methods may be called
// at the same time.
type Table struct {
	now   atomic.Pointer[rows] // replaced as a whole: readers take no lock
	fixed int                  // rows that it was made with

	mu    sync.Mutex // whoever makes the next rows
	learn Learn
}

// rows are what a Table has at some time. They do not change.
type rows struct {
	list []Metric
	ids  map[string]ID
}

// Learn says what a metric is that a Table does not have, once somebody sends it.
type Learn struct {
	Step        int64 // seconds; 0: nothing is learned
	Fold        Fold
	Aggregation Aggregation
	// Max is how many metrics are learned at most. Names are what others send: each
	// is held for ever, and every level that has a sample of it holds a series.
	Max int
}

// The errors of learning.
var (
	ErrUnknown = errors.New("metric is unknown")
	ErrMany    = errors.New("no more metrics can be learned")
	ErrName    = errors.New("not the name of a metric")
)

// MaxName is how long the name of a learned metric is at most, in bytes.
const MaxName = 255

// NewTable returns a table of the given metrics, in the order of their names.
// A name that comes twice or is empty, a step that is not from 1 to MaxStep, or
// an unknown fold or aggregation is an error.
func NewTable(metrics []Metric) (*Table, error) {
	r := &rows{list: slices.Clone(metrics), ids: make(map[string]ID, len(metrics))}
	slices.SortFunc(r.list, func(a, b Metric) int { return compare(a.Name, b.Name) })
	for i, m := range r.list {
		switch _, twice := r.ids[m.Name]; {
		case m.Name == "":
			return nil, fmt.Errorf("metric %d has no name", i)
		case twice:
			return nil, fmt.Errorf("metric %q is defined twice", m.Name)
		}
		if err := m.check(); err != nil {
			return nil, err
		}
		r.ids[m.Name] = ID(i)
	}
	t := &Table{fixed: len(r.list)}
	t.now.Store(r)
	return t, nil
}

// SetLearn makes the table learn from now on, as l says.
func (t *Table) SetLearn(l Learn) error {
	if l.Step != 0 {
		if err := l.metric("any", l.Step).check(); err != nil {
			return fmt.Errorf("learn metrics: %w", err)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.learn = l
	return nil
}

func (l Learn) metric(name string, step int64) Metric {
	return Metric{Name: name, Step: step, Fold: l.Fold, Aggregation: l.Aggregation}
}

// Lookup returns the ID of the named metric.
func (t *Table) Lookup(name string) (ID, bool) {
	id, ok := t.now.Load().ids[name]
	return id, ok
}

// Find is Lookup for a name in a buffer, without a copy of it.
func (t *Table) Find(name []byte) (ID, bool) {
	id, ok := t.now.Load().ids[string(name)]
	return id, ok
}

// Learn returns the ID of the named metric, which is added if it is not there
// and the table learns. The error is ErrUnknown if it does not, ErrMany if it has
// learned enough, or wraps ErrName.
func (t *Table) Learn(name string) (ID, error) { return t.add(name, 0) }

// Again is Learn for a metric that was learned before, maybe by another process:
// it keeps the step it had, which samples were counted by.
func (t *Table) Again(name string, step int64) (ID, error) { return t.add(name, step) }

// add learns a metric; with the step 0 it gets that of what is learned anew.
func (t *Table) add(name string, step int64) (ID, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.now.Load()
	if id, ok := r.ids[name]; ok {
		return id, nil
	}
	switch {
	case t.learn.Step == 0:
		return 0, ErrUnknown
	case len(r.list)-t.fixed >= t.learn.Max:
		return 0, ErrMany
	}
	if err := checkName(name); err != nil {
		return 0, err
	}
	if step == 0 {
		step = t.learn.Step
	}
	m := t.learn.metric(name, step)
	if err := m.check(); err != nil {
		return 0, err
	}
	id := ID(len(r.list))
	t.now.Store(r.with(m))
	return id, nil
}

// with returns r and m. The list may be shared with r, which does not look
// beyond its end; the map is copied, which Learn.Max makes bearable.
func (r *rows) with(m Metric) *rows {
	next := &rows{list: append(r.list, m), ids: make(map[string]ID, len(r.ids)+1)}
	maps.Copy(next.ids, r.ids)
	next.ids[m.Name] = ID(len(r.list))
	return next
}

// checkName returns why a name that somebody sent cannot be that of a metric.
func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: it is empty", ErrName)
	case len(name) > MaxName:
		return fmt.Errorf("%w: longer than %d bytes", ErrName, MaxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: not UTF-8", ErrName)
	}
	for _, c := range name {
		if unicode.IsControl(c) {
			return fmt.Errorf("%w: has control characters", ErrName)
		}
	}
	return nil
}

// At returns the metric with the given ID, which must be from this table.
func (t *Table) At(id ID) Metric { return t.now.Load().list[id] }

// Len returns the number of metrics; IDs are smaller.
func (t *Table) Len() int { return len(t.now.Load().list) }

// Learned returns how many metrics were learned.
func (t *Table) Learned() int { return t.Len() - t.fixed }
