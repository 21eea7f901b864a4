package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

const (
	cluster = "cluster"
	step    = 10            // seconds
	begin   = 1_700_000_000 // Unix second of the first sample
)

// A load writes to a store.
type load struct {
	shape
	table *metric.Table
	store *store.Store

	// gate is what ingest has: writers hold it for reading, a checkpoint's cut for
	// writing.
	gate sync.RWMutex

	now     atomic.Int64 // time of the newest samples of all
	refused atomic.Int64
}

func newLoad(s shape) (*load, error) {
	rows := make([]metric.Metric, s.metrics)
	for i := range rows {
		rows[i] = metric.Metric{Name: "metric" + strconv.Itoa(i), Step: step, Aggregation: metric.AggAvg}
		if i%4 == 3 { // a quarter are counts, which a cut keeps
			rows[i].Fold, rows[i].Aggregation = metric.Sum, metric.AggSum
		}
	}
	table, err := metric.NewTable(rows)
	if err != nil {
		return nil, fmt.Errorf("make table: %w", err)
	}
	l := &load{shape: s, table: table, store: store.New(table, store.Config{MaxBytes: s.maxBytes})}
	l.now.Store(begin)
	return l, nil
}

// Cut is the log's, of which there is none.
func (*load) Cut() (int, error) { return 0, nil }

// Pause is ingest's.
func (l *load) Pause(f func()) {
	l.gate.Lock()
	defer l.gate.Unlock()
	f()
}

// write writes the next steps, all series of a node in one batch. took is told how
// long each batch took.
func (l *load) write(took func(time.Duration)) error {
	from := int(l.now.Load()-begin) / step
	for i := range l.steps {
		errs := make([]error, l.writers)
		var wg sync.WaitGroup
		for w := range l.writers {
			wg.Go(func() { errs[w] = l.writeStep(w, from+i, took) })
		}
		wg.Wait()
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		l.now.Add(step)
	}
	return nil
}

func (l *load) writeStep(writer, at int, took func(time.Duration)) error {
	r := rand.New(rand.NewPCG(uint64(at), uint64(writer))) //nolint:gosec // small numbers, and no secrets
	points := make([]store.Point, l.metrics)
	for n := writer; n < l.nodes; n += l.writers {
		start := time.Now()
		if err := l.writeNode(n, at, r, points); err != nil {
			return err
		}
		if took != nil {
			took(time.Since(start))
		}
	}
	return nil
}

func (l *load) writeNode(n, at int, r *rand.Rand, points []store.Point) error {
	l.gate.RLock()
	defer l.gate.RUnlock()
	path := nodePath(n)
	for t := -1; t < l.threads; t++ {
		if t >= 0 {
			path.Component = threadPart(t)
		}
		fill(points, at, r)
		done, err := l.store.Write(path, points...)
		l.refused.Add(int64(len(points) - done))
		if err != nil && l.maxBytes == 0 {
			return err
		}
	}
	return nil
}

// fill makes the samples of a level: constants, noisy gauges of limited precision,
// ratios of full precision, and counts.
func fill(points []store.Point, at int, r *rand.Rand) {
	for i := range points {
		v := float64(i)
		switch i % 4 {
		case 1:
			v = math.Round(r.NormFloat64()*100) / 10
		case 2:
			v = r.Float64()
		case 3:
			v = float64(r.IntN(1 << 20))
		}
		points[i] = store.Point{Metric: metric.ID(i), Time: begin + int64(at)*step, Value: v} //nolint:gosec // small
	}
}

func nodePath(n int) selector.Path {
	return selector.Path{Cluster: cluster, Node: "node" + strconv.Itoa(n)}
}

func threadPart(t int) selector.Part {
	return selector.Part{Type: "hwthread", ID: strconv.Itoa(t)}
}
