package collect

import (
	"cmp"
	"container/heap"
	"time"
)

// A dueKind is what an entry of the queue is about.
type dueKind uint8

const (
	dueFile  dueKind = iota // a record about the file has waited long enough
	dueUser                 // its disconnect has
	dueEnd                  // the first record of the next life has
	dueSweep                // it is time to look for silence in the life
)

// An entry is a file, user or life to be looked at when its time comes. One that
// has been put off meanwhile is looked at in vain and comes again.
type entry struct {
	at   time.Time
	life *life
	kind dueKind
	id   uint32
}

// A queue has what is due, soonest first; of one time in the order of names, so
// that the same packets give the same calls.
type queue []entry

func (q *queue) push(e entry) { heap.Push((*entries)(q), e) }

// next takes the first entry that is due at now.
func (q *queue) next(now time.Time) (entry, bool) {
	if len(*q) == 0 || (*q)[0].at.After(now) {
		return entry{}, false
	}
	return heap.Pop((*entries)(q)).(entry), true //nolint:errcheck // only entries are pushed
}

// entries implements heap.Interface.
type entries []entry //nolint:recvcheck // heap.Interface wants it so: Push and Pop change the slice itself

func (e entries) Len() int      { return len(e) }
func (e entries) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

func (e entries) Less(i, j int) bool {
	a, b := &e[i], &e[j]
	return cmp.Or(
		a.at.Compare(b.at),
		cmp.Compare(a.life.SID, b.life.SID), cmp.Compare(a.life.Stod, b.life.Stod),
		cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id),
	) < 0
}

// Push is heap's, not for callers.
func (e *entries) Push(x any) { *e = append(*e, x.(entry)) } //nolint:errcheck // only entries are pushed

// Pop is heap's, not for callers.
func (e *entries) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	(*e)[last] = entry{}
	*e = (*e)[:last]
	return x
}
