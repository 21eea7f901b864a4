// Package query answers questions about the samples in the store.
//
// A request names levels of the tree, exactly or by patterns, metrics, and a
// range of time. The answer has a series for each metric at each level that has
// it, by itself or made of the levels below; the same data gives the same
// answer. What a request may cost is bounded by what is held, never by the
// numbers in it, and the answer by Config.MaxValues.
package query

import (
	"context"
	"errors"
	"fmt"

	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// A Request asks for some metrics at some levels over a range of time.
type Request struct {
	From int64 `json:"from,omitempty"` // Unix seconds; the range is [From, To)
	To   int64 `json:"to,omitempty"`
	// Ranges are instead of From and To: each series comes once for each of them.
	Ranges  []Range    `json:"ranges,omitempty"`
	Metrics []string   `json:"metrics"` // empty: all that the level has
	Levels  []Selector `json:"levels"`
	// Aggregation overrides the metrics' own rule for levels that are made of
	// the levels below them.
	Aggregation *metric.Aggregation `json:"aggregation,omitempty"`
	// Resolution is the step that is wanted, in seconds, a multiple of the metrics'
	// own; those whose step is not shorter keep it. 0: all do.
	Resolution int64      `json:"resolution,omitempty"`
	Resampling Resampling `json:"resampling,omitempty"`
	Stats      bool       `json:"stats,omitempty"`  // statistics beside the values
	Counts     bool       `json:"counts,omitempty"` // how many series made each value
	Data       *bool      `json:"data,omitempty"`   // false: statistics only
}

// A Range of time is [From, To), in Unix seconds.
type Range struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

func (r *Request) noValues() bool { return r.Data != nil && !*r.Data }

// A Series is one metric at one level.
type Series struct {
	Level selector.Path `json:"level"`
	// Group is the selector, by its index in Request.Levels, whose levels this is
	// made of; Level is that down to which the selector has one name each. It is nil
	// for one level.
	Group  *int   `json:"group,omitempty"`
	Range  int    `json:"range,omitempty"` // index in Request.Ranges
	Metric string `json:"metric"`
	Unit   string `json:"unit,omitempty"`
	Step   int64  `json:"step"`             // seconds
	From   int64  `json:"from"`             // time of Values[0], a multiple of Step; Unix seconds
	Values Values `json:"values,omitempty"` // none if only statistics were asked for
	// Stats are of the samples at the metric's own step, whatever Step is.
	Stats *Stats `json:"stats,omitempty"`
	// Counts says for each value how many series had a sample there: at a step that
	// is longer than the metric's own, the fewest that any slot with samples has.
	// None for what is made of one series only.
	Counts []uint32 `json:"counts,omitempty"`
}

// A RequestError says what is wrong with a request.
type RequestError struct {
	Field string // of the request in JSON, as in "levels[2].node"
	Text  string
}

// Error returns the field and the text.
func (e *RequestError) Error() string { return e.Field + ": " + e.Text }

// ErrTooMuch is what Query wraps when the answer would have more values than
// Config.MaxValues.
var ErrTooMuch = errors.New("too many values")

// Config is what an operator may choose.
type Config struct {
	// MaxValues bounds an answer, and so the memory that one request can take: 8
	// bytes a value here, about 20 in JSON. A series counts for seriesValues more.
	// 0 is the default, 50 million; at most store.MaxValues.
	MaxValues int `koanf:"max_values"`
}

const (
	defaultMaxValues = 50_000_000
	seriesValues     = 32      // a Series without its values and names is about 200 bytes
	mostAtOnce       = 1 << 12 // series that there is room for before they are there
)

// A Store has the samples. *store.Store is one.
type Store interface {
	Walk(visit func(selector.Path) (down bool))
	Metrics(at selector.Path) []metric.ID
	Samples
}

// Samples are those of a Store, by the levels that have them.
type Samples interface {
	SummaryAll(set []selector.Path, id metric.ID, from, to int64) store.Summary
	ReadFit(set []selector.Path, id metric.ID, agg metric.Aggregation, from, to int64, fits func(store.Span) error) (store.Series, error)
	Reuse(values []float64)
}

// Engine answers requests. Its methods may be called at the same time.
type Engine struct {
	store Store
	table *metric.Table
	max   int
}

// New returns an engine over the store, whose metrics are those of table.
func New(s Store, table *metric.Table, cfg Config) *Engine {
	if cfg.MaxValues <= 0 {
		cfg.MaxValues = defaultMaxValues
	}
	return &Engine{store: s, table: table, max: min(cfg.MaxValues, store.MaxValues)}
}

// Query returns the series that r asks for, sorted by level and metric. The
// range of each is cut to what is held: every slot that [From, To) touches, from
// the first to the last that has a sample. Levels that match nothing, and
// metrics that a level has no samples of, are no error.
//
// A metric without an aggregation has no answer at a level that is made of
// several below it. That is an error where both were named exactly; where one of
// them was found by a pattern, or by asking for all metrics, it is left out.
//
// The error is a *RequestError, that of ctx, or wraps ErrTooMuch.
func (e *Engine) Query(ctx context.Context, r Request) ([]Series, error) {
	a, err := e.check(r)
	if err != nil {
		return nil, err
	}
	levels := e.levels(ctx, r.Levels)
	a.room = min(len(levels)*max(1, len(a.ids))*len(a.ranges), mostAtOnce)
	for _, l := range levels {
		if err := a.level(ctx, l); err != nil {
			return nil, err
		}
	}
	return a.out, ctx.Err()
}

// Reuse has the memory of the values for later answers. Nobody must use them any more. Not to
// call it is no mistake.
func (e *Engine) Reuse(answer []Series) {
	for i := range answer {
		e.store.Reuse(floats(answer[i].Values))
	}
}

// check returns what is wrong with the options of r.
func (r *Request) check() error {
	switch {
	case r.Aggregation != nil && *r.Aggregation > metric.AggMax:
		return &RequestError{"aggregation", "is unknown"}
	case r.Resolution < 0:
		return &RequestError{"resolution", "is negative"}
	case r.Resampling > ResampleNone:
		return &RequestError{"resampling", "is unknown"}
	case r.noValues() && !r.Stats:
		return &RequestError{"data", "is false, and no stats are asked for"}
	}
	return nil
}

// check returns an answer to begin with, or what is wrong with r.
func (e *Engine) check(r Request) (*answer, error) {
	ranges, err := r.ranges()
	if err != nil {
		return nil, err
	}
	if err := checkLevels(r.Levels); err != nil {
		return nil, err
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	ids, err := e.metrics(r.Metrics)
	if err != nil {
		return nil, err
	}
	return &answer{Reader: e.Reader(), request: r, ranges: ranges, ids: ids}, nil
}

// ranges returns the ranges of r, From and To as the only one if there are none.
func (r *Request) ranges() ([]Range, error) {
	if len(r.Ranges) == 0 {
		if r.From >= r.To {
			return nil, &RequestError{"to", fmt.Sprintf("%d is not after from, %d", r.To, r.From)}
		}
		return []Range{{r.From, r.To}}, nil
	}
	if r.From != 0 || r.To != 0 {
		return nil, &RequestError{"ranges", "cannot be given beside from and to"}
	}
	for i, x := range r.Ranges {
		if x.From >= x.To {
			return nil, &RequestError{
				fmt.Sprintf("ranges[%d].to", i), fmt.Sprintf("%d is not after from, %d", x.To, x.From),
			}
		}
	}
	return r.Ranges, nil
}

func checkLevels(ss []Selector) error {
	if len(ss) == 0 {
		return &RequestError{"levels", "is empty"}
	}
	searches := 0
	for i := range ss {
		if err := ss[i].check(); err != nil {
			return &RequestError{fmt.Sprintf("levels[%d].%s", i, err.Field), err.Text}
		}
		searches += ss[i].searches()
	}
	if searches > maxSearches {
		return &RequestError{"levels", fmt.Sprintf("has %d patterns and ranges, at most %d", searches, maxSearches)}
	}
	return nil
}
