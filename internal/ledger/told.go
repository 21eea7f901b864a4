package ledger

import (
	"reflect"

	"tallystick/internal/transfer"
)

// A Place is one in the order in which the ledger was told of transfers that have
// ended, and of events. The zero Place is before all.
//
// All that is put between one Settle and the next has one number, and is in the order
// of IDs: the number depends on what was put in which turn, and not on the order in
// it. So a log that is replayed gives the same numbers.
type Place struct {
	Sequence int64  `json:"sequence"`
	ID       string `json:"id"` // of the transfer or event; empty: before all of that number
}

// PlaceOf returns the place of t, which has ended.
func PlaceOf(t *transfer.Transfer) Place { return Place{t.Sequence, t.ID} }

func (p Place) key() key { return key{float64(p.Sequence), p.ID} }

// Before reports whether p comes before q.
func (p Place) Before(q Place) bool { return p.key().compare(q.key()) < 0 }

// turns number what is told.
type turns struct {
	last    int64 // that was given
	settled int64 // up to which nothing more comes
}

func (t *turns) resume(last int64) {
	t.last = max(t.last, last)
	t.settled = t.last
}

// next returns the number of what is told now.
func (t *turns) next() int64 {
	if t.last == t.settled {
		t.last++
	}
	return t.last
}

// number gives t, if it has ended, its Sequence and Revision. One of which the same is
// told again keeps its own.
func (l *Ledger) number(t *transfer.Transfer) {
	t.Sequence, t.Revision = 0, 0
	if t.End == transfer.Open {
		return
	}
	var old transfer.Transfer
	if e := l.transfers.byID[t.ID]; e != nil {
		old = *e.val
	}
	same := *t
	same.Sequence, same.Revision = old.Sequence, old.Revision
	if old.Sequence != 0 && reflect.DeepEqual(same, old) {
		t.Sequence, t.Revision = old.Sequence, old.Revision
		return
	}
	t.Sequence, t.Revision = l.turns.next(), old.Revision+1
}

// Settle ends a turn: what is told later comes after all that was told before.
func (l *Ledger) Settle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turns.settled = l.turns.last
}

// Settled returns the last number that was settled. Resume continues from there.
func (l *Ledger) Settled() int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.turns.settled
}

// Resume has the numbers go on after last, if they are not beyond it.
func (l *Ledger) Resume(last int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turns.resume(last)
}

// Told returns up to limit transfers that have ended, in the order of their places:
// those after a place, with a Sequence of at most upTo, which must be settled. One of
// which something more was told is there once, where it was told last.
func (l *Ledger) Told(after Place, upTo int64, limit int) []*transfer.Transfer {
	l.mu.RLock()
	defer l.mu.RUnlock()
	upTo = min(upTo, l.turns.settled)
	var out []*transfer.Transfer
	l.transfers.told.walk(after.key(), -1, func(e *entry[*transfer.Transfer]) bool {
		if e.told > float64(upTo) || len(out) == limit {
			return false
		}
		out = append(out, e.val)
		return true
	})
	return out
}

// ToldAfter returns how many transfers come after a place.
func (l *Ledger) ToldAfter(p Place) int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.transfers.told.after(p.key())
}

// OnGone has f called with each transfer that has to go, for its age or for want of
// room. It must be called before anything is put. f must not call the ledger.
func (l *Ledger) OnGone(f func(*transfer.Transfer)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.transfers.gone = f
}
