package main

import (
	"math"
	"testing"

	"tallystick/benchmarks/workload"
)

// tiny is three nodes and four slots of telemetry.
func tiny(t *testing.T) *workload.Workload {
	t.Helper()
	w, err := workload.New(workload.Config{Shape: "telemetry", Nodes: 3, Slots: 4, Begin: 1_700_000_040, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestCheck: an answer that is right is found to be, and whatever is changed in it is found.
func TestCheck(t *testing.T) {
	w := tiny(t)
	f := func(name string, q question, change func(slots []float64), want tally) {
		t.Helper()
		a := newAnswer(w, q)
		for slot := range w.Slots {
			sum := 0.0
			for _, s := range q.of(w) {
				at, v := w.At(s), w.Value(workload.Ref{Series: s, Slot: slot})
				if sum += v; !q.average {
					a.of(at.Node, at.Type, at.ID)(w.Time(slot), v)
				}
			}
			if q.average {
				a.of("", "", "")(w.Time(slot), sum/float64(w.Nodes))
			}
		}
		for _, slots := range a.values {
			change(slots)
			break // of one series
		}
		if got := a.check(); got != want {
			t.Errorf("%s: got %v (oldest %d), want %v (oldest %d)", name, &got, got.oldest, &want, want.oldest)
		}
	}
	one, all := question{metric: 1, node: 2}, question{metric: 1, node: -1}
	parts, mean := question{metric: 1, node: 2, parts: true}, question{metric: 1, node: -1, average: true}
	f("one", one, func([]float64) {}, tally{same: 4})
	f("all", all, func([]float64) {}, tally{same: 12})
	f("parts", parts, func([]float64) {}, tally{same: 32})
	f("average", mean, func([]float64) {}, tally{same: 4})
	f("rounded", all, func(v []float64) { v[0] = math.Nextafter(v[0], 0) }, tally{same: 11, rounded: 1})
	f("wrong", all, func(v []float64) { v[0] *= 1.000001 }, tally{same: 11, wrong: 1})
	f("missing", all, func(v []float64) { v[2], v[3] = math.NaN(), math.NaN() }, tally{same: 10, missing: 2, oldest: 2})
	f("swapped", one, func(v []float64) { v[0], v[1] = v[1], v[0] }, tally{same: 2, wrong: 2})
	f("average of others", mean, func(v []float64) { v[0] *= 1.5 }, tally{same: 3, wrong: 1})
}

// TestOthers: what nobody asked for, is between slots, or comes twice, is found.
func TestOthers(t *testing.T) {
	w := tiny(t)
	a := newAnswer(w, question{node: 1})
	a.of("node0000", "", "")(w.Time(0), 1)
	a.of("node0001", "hwthread", "1")(w.Time(0), 1)
	put := a.of("node0001", "", "")
	put(w.Time(0)+1, 1)
	put(w.Time(4), 1)
	put(w.Time(0), w.Value(workload.Ref{Series: w.NodeSeries(1, 0)}))
	put(w.Time(0), 1)
	if got, want := a.check(), (tally{same: 1, missing: 3, oldest: 1, others: 5}); got != want {
		t.Errorf("got %v, want %v", &got, &want)
	}
}
