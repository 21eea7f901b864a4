package ledger_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tallystick/internal/ledger"
	"tallystick/internal/transfer"
)

func ended(id string, read int64) *transfer.Transfer {
	return &transfer.Transfer{
		ID: id, Opened: transfer.Interval{10, 10}, Closed: transfer.Interval{20, 20},
		Bytes: transfer.Bytes{Read: read}, End: transfer.Closed,
	}
}

// told is what l has told after a place, "id number.revision".
func told(l *ledger.Ledger, after ledger.Place) (out []string) {
	for _, t := range l.Told(after, math.MaxInt64, 1000) {
		out = append(out, fmt.Sprintf("%s %d.%d", t.ID, t.Sequence, t.Revision))
	}
	return out
}

// What has ended is told in turns, in each in the order of IDs, and again where it changed.
func TestTold(t *testing.T) {
	l := ledger.New(ledger.Config{})
	f := func(what string, after ledger.Place, want ...string) {
		t.Helper()
		if got := told(l, after); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
		if got := l.ToldAfter(after); got != len(want) {
			t.Errorf("%s: got %d after the place, want %d", what, got, len(want))
		}
	}
	l.PutTransfer(&transfer.Transfer{ID: "a", End: transfer.Open})
	l.Settle()
	f("one is open", ledger.Place{})
	l.PutTransfer(ended("b", 1))
	l.PutTransfer(ended("a", 1))
	if got := told(l, ledger.Place{}); got != nil {
		t.Errorf("got %q of a turn that goes on, want nothing", got)
	}
	l.Settle()
	f("a turn", ledger.Place{}, "a 1.1", "b 1.1")
	f("a turn, half", ledger.Place{Sequence: 1, ID: "a"}, "b 1.1")
	l.Settle()
	l.PutTransfer(ended("c", 1))
	l.PutTransfer(ended("a", 1))
	l.Settle()
	f("the same is no news", ledger.Place{Sequence: 1, ID: "a"}, "b 1.1", "c 2.1")
	l.PutTransfer(ended("a", 2))
	other := ended("b", 1)
	other.Opened, other.End = transfer.Interval{11, 11}, transfer.Lost
	l.PutTransfer(other)
	l.Settle()
	f("changes", ledger.Place{}, "c 2.1", "a 3.2", "b 3.2")
	if got := l.Told(ledger.Place{}, 2, 10); len(got) != 1 || got[0].ID != "c" {
		t.Errorf("got %v up to 2, want c", got)
	}
	if got := l.Told(ledger.Place{}, 3, 2); len(got) != 2 || got[1].ID != "a" {
		t.Errorf("got %v, want two", got)
	}
}

// The numbers go on where they were, also where what had the last one is gone.
func TestToldGoesOn(t *testing.T) {
	l := ledger.New(ledger.Config{Max: 2})
	var gone []string
	l.OnGone(func(t *transfer.Transfer) { gone = append(gone, t.ID) })
	old := ended("old", 1)
	old.Sequence, old.Revision = 7, 3
	l.FillTransfer(old)
	l.Resume(8)
	if got := l.Settled(); got != 8 {
		t.Errorf("got %d as the last number, want 8", got)
	}
	l.PutTransfer(ended("new", 1))
	l.PutTransfer(ended("old", 2))
	l.Settle()
	if got, want := told(l, ledger.Place{}), []string{"new 9.1", "old 9.4"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	l.PutTransfer(ended("third", 1))
	l.FreeBefore(100)
	if !slices.Equal(gone, []string{"new", "old", "third"}) {
		t.Errorf("got %q as gone, want all three", gone)
	}
	if got := l.ToldAfter(ledger.Place{}); got != 0 {
		t.Errorf("got %d that are told and gone", got)
	}
}

// Whatever is put, what is told is what has ended, in the order of the last change.
func TestToldModel(t *testing.T) {
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 3))
		l := ledger.New(ledger.Config{Max: 700})
		for range 5000 {
			l.PutTransfer(randomTransfer(r, 1500))
			if r.IntN(5) == 0 {
				l.Settle()
			}
			if r.IntN(500) == 0 {
				l.FreeBefore(1000 + r.Int64N(100))
			}
		}
		l.Settle()
		var want []*transfer.Transfer
		for x := range l.AllTransfers(ledger.Filter{}) {
			if x.End != transfer.Open {
				want = append(want, x)
			}
		}
		slices.SortFunc(want, func(a, b *transfer.Transfer) int {
			if ledger.PlaceOf(a).Before(ledger.PlaceOf(b)) {
				return -1
			}
			return 1
		})
		got := l.Told(ledger.Place{}, math.MaxInt64, 10_000)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: got %d transfers, or in another order, want %d", seed, len(got), len(want))
		}
		for i, x := range got {
			if n := l.ToldAfter(ledger.PlaceOf(x)); n != len(got)-i-1 {
				t.Fatalf("seed %d: got %d after the %dth of %d", seed, n, i, len(got))
			}
		}
	}
}
