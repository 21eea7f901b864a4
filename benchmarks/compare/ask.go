package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tallystick/benchmarks/workload"
)

// A kind is one of the questions that are measured.
type kind int

const (
	oneSeries  kind = iota // one series, the whole time
	manySeries             // one metric of all nodes
	average                // over these
)

// question returns the n-th of its kind: others are about other metrics and nodes.
func (k kind) question(w *workload.Workload, n int) question {
	node, _ := w.Columns()
	q := question{metric: n % len(node), node: -1, average: k == average}
	if k == oneSeries {
		q.node = n * 7919 % w.Nodes
	}
	return q
}

// questions asks each kind again and again, and tells what that costs.
func (t *trial) questions(ctx context.Context) error {
	for _, k := range []struct {
		kind
		of                string
		cpu, median, slow row
	}{
		{oneSeries, "one", oneCPU, oneMedian, oneSlow},
		{manySeries, "many", manyCPU, manyMedian, manySlow},
		{average, "average", averageCPU, averageMedian, averageSlow},
	} {
		profiled := t.profile(ctx, k.of)
		took, cpu, err := t.repeat(ctx, k.kind)
		if err = errors.Join(err, profiled()); err != nil {
			return err
		}
		if len(took) == 0 {
			continue // the peer has no such
		}
		t.put(k.cpu, cpu.Seconds()*1000/float64(len(took)))
		t.put(k.median, took.at(0.5))
		t.put(k.slow, took.at(0.99))
	}
	return nil
}

// repeat asks questions of a kind for a while, one after the other: first some that do
// not count, then three at least. Nothing wrong is expected of any answer, and where it is,
// that is counted.
func (t *trial) repeat(ctx context.Context, k kind) (took latencies, cpu time.Duration, err error) {
	const warm, least, most = 2, 3, 2000
	before, began := t.proc.Usage().CPU, time.Now()
	for n := range warm + most {
		if n == warm {
			before, began = t.proc.Usage().CPU, time.Now()
		}
		if len(took) >= least && time.Since(began) > t.asking {
			break
		}
		got, d, ok, err := t.drive.ask(ctx, t.peer, t.w, k.question(t.w, n))
		if err != nil || !ok {
			return nil, 0, err
		}
		t.answers.add(got)
		if n >= warm {
			took = append(took, d)
		}
	}
	return took, t.proc.Usage().CPU - before, nil
}

// all asks for every sample.
func (t *trial) all(ctx context.Context) error {
	got, err := t.everything(ctx)
	if err != nil {
		return err
	}
	t.say("%s: all values: %v; of questions: %v", t.name, &got, &t.answers)
	n := t.w.Samples()
	t.put(valuesSame, percent(got.same, n))
	t.put(valuesRounded, percent(got.rounded, n))
	t.put(valuesBad, float64(got.bad()))
	t.put(answersBad, float64(t.answers.bad()))
	return nil
}

// everything asks for every sample: of the metrics of nodes at once, of those of their parts node by
// node. What is refused, as by a server that is still reading its files, is asked again.
func (t *trial) everything(ctx context.Context) (sum tally, err error) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	for _, q := range wholes(t.w) {
		var refused error
		err := t.proc.Poll(ctx, func() bool {
			var got tally
			if got, _, _, refused = t.drive.ask(ctx, t.peer, t.w, q); refused == nil {
				sum.add(got)
			}
			return refused == nil
		})
		if err != nil {
			return sum, fmt.Errorf("ask for everything: %w", errors.Join(refused, err))
		}
	}
	return sum, nil
}

// wholes are questions for everything.
func wholes(w *workload.Workload) (list []question) {
	node, part := w.Columns()
	for i := range node {
		list = append(list, question{metric: i, node: -1})
	}
	for n := range w.Nodes {
		for i := range part {
			list = append(list, question{metric: i, node: n, parts: true})
		}
	}
	return list
}
