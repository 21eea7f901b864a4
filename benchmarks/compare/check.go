package main

import (
	"fmt"
	"math"

	"tallystick/benchmarks/workload"
)

// A tally is how many values of answers are what they must be.
type tally struct {
	same    int // the same 64 bits
	rounded int // off by less than 1e-9 of it, or by what the peer is known to round to
	wrong   int
	missing int
	oldest  int // slot with something missing, if there is
	others  int // nobody has sent
}

// right is how many are there.
func (t *tally) right() int { return t.same + t.rounded }

// bad is how many are not what they must be.
func (t *tally) bad() int { return t.wrong + t.missing + t.others }

func (t *tally) add(o tally) {
	if o.missing > 0 && (t.missing == 0 || o.oldest < t.oldest) {
		t.oldest = o.oldest
	}
	t.same += o.same
	t.rounded += o.rounded
	t.wrong += o.wrong
	t.missing += o.missing
	t.others += o.others
}

func (t *tally) String() string {
	return fmt.Sprintf("%d the same, %d rounded, %d wrong, %d missing, %d that nobody sent", t.same, t.rounded, t.wrong, t.missing, t.others)
}

// near is how far off a value may be that counts as rounded.
const near = 1e-9

// value takes one, wanted or not, found or not; these are NaN. Within off it is rounded.
func (t *tally) value(slot int, got, want, off float64) {
	switch {
	case math.IsNaN(want) && math.IsNaN(got):
	case math.IsNaN(want):
		t.others++
	case math.IsNaN(got):
		if t.missing == 0 || slot < t.oldest {
			t.oldest = slot
		}
		t.missing++
	case math.Float64bits(got) == math.Float64bits(want):
		t.same++
	case math.Abs(got-want) <= off:
		t.rounded++
	default:
		t.wrong++
	}
}

// check holds an answer against what was sent.
func (a *answer) check() tally {
	t := tally{others: a.others}
	if a.q.average {
		a.checkAverage(&t)
		return t
	}
	none := gaps(a.w.Slots)
	for _, s := range a.q.of(a.w) {
		got := a.values[s]
		if got == nil {
			got = none
		}
		for slot, v := range got {
			want := math.NaN()
			if r := (workload.Ref{Series: s, Slot: slot}); a.w.Has(r) {
				want = a.w.Value(r)
			}
			t.value(slot, v, want, math.Max(near*math.Abs(want), a.rounds))
		}
	}
	return t
}

// checkAverage allows for another order of the sum: what is wrong in its last bits is of the
// size of what was added.
func (a *answer) checkAverage(t *tally) {
	got := a.values[0]
	if got == nil {
		got = gaps(a.w.Slots)
	}
	series := a.q.of(a.w)
	for slot, v := range got {
		var n, sum, size float64
		for _, s := range series {
			if r := (workload.Ref{Series: s, Slot: slot}); a.w.Has(r) {
				v := a.w.Value(r)
				n, sum, size = n+1, sum+v, size+math.Abs(v)
			}
		}
		t.value(slot, v, sum/n, near*size/n) // NaN of none
	}
}
