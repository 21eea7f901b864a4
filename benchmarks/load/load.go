package main

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"tallystick/benchmarks/workload"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

const (
	step  = 10            // seconds
	begin = 1_700_000_000 // Unix second of the first sample
)

// A load writes to a store.
type load struct {
	shape
	made         *workload.Workload
	node, thread int // metrics of a node, and of each of its threads
	table        *metric.Table
	store        *store.Store

	// gate is what ingest has: writers hold it for reading, a checkpoint's cut for
	// writing.
	gate sync.RWMutex

	now     atomic.Int64 // time of the newest samples of all
	refused atomic.Int64
}

func newLoad(s shape) (*load, error) {
	// Samples beyond the slots of a workload are made as those in it.
	made, err := workload.New(workload.Config{Shape: "telemetry", Nodes: s.nodes, Parts: s.threads, Slots: 1, Begin: begin, Seed: 1})
	if err != nil {
		return nil, err
	}
	var rows []metric.Metric
	node, thread := made.Columns()
	for i, c := range append(node, thread...) {
		rows = append(rows, metric.Metric{Name: c.Metric(), Step: step, Aggregation: metric.AggAvg})
		if i%4 == 3 { // a quarter are counts, which a cut keeps
			rows[i].Fold, rows[i].Aggregation = metric.Sum, metric.AggSum
		}
	}
	table, err := metric.NewTable(rows)
	if err != nil {
		return nil, fmt.Errorf("make table: %w", err)
	}
	l := &load{shape: s, made: made, node: len(node), thread: len(thread), table: table, store: store.New(table, store.Config{MaxBytes: s.maxBytes})}
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
	points := make([]store.Point, 0, l.made.PerNode())
	for n := writer; n < l.nodes; n += l.writers {
		points = l.fill(points[:0], n, at)
		start := time.Now()
		if err := l.writeNode(n, points); err != nil {
			return err
		}
		if took != nil {
			took(time.Since(start))
		}
	}
	return nil
}

// writeNode writes what fill has made.
func (l *load) writeNode(n int, points []store.Point) error {
	l.gate.RLock()
	defer l.gate.RUnlock()
	path := nodePath(n)
	node, thread := l.node, l.thread
	for t := -1; t < l.threads; t++ {
		size := node
		if t >= 0 {
			path.Component, size = threadPart(t), thread
		}
		level := points[:size]
		points = points[size:]
		done, err := l.store.Write(path, level...)
		l.refused.Add(int64(len(level) - done))
		if err != nil && l.maxBytes == 0 {
			return err
		}
	}
	return nil
}

// fill makes the samples of a node, level by level.
func (l *load) fill(points []store.Point, n, at int) []store.Point {
	node, thread := l.node, l.thread
	first := l.made.NodeSeries(n, 0)
	for i := range l.made.PerNode() {
		id := i
		if i >= node {
			id = node + (i-node)%thread
		}
		points = append(points, store.Point{
			Metric: metric.ID(id), Time: begin + int64(at)*step, //nolint:gosec // small
			Value: l.made.Value(workload.Ref{Series: first + i, Slot: at}),
		})
	}
	return points
}

func nodePath(n int) selector.Path {
	return selector.Path{Cluster: workload.Cluster, Node: "node" + strconv.Itoa(n)}
}

func threadPart(t int) selector.Part {
	return selector.Part{Type: "hwthread", ID: strconv.Itoa(t)}
}
