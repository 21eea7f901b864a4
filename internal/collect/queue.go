package collect

import (
	"cmp"
	"time"
)

// A dueKind is what an entry of the queue is about.
type dueKind uint8

const (
	dueFile    dueKind = iota // a record about the file has waited long enough
	dueUser                   // its disconnect has
	dueEnd                    // the first record of the next life has
	dueSweep                  // it is time to look for silence in the life
	dueNumbers                // the oldest packet without a place in its stream has
	dueLife                   // what was seen of the life is to be told
	dueNotes                  // the oldest note has waited long enough
)

// An entry is a file, user or life to be looked at when its time comes. One that
// has been put off meanwhile is looked at in vain and comes again.
type entry struct {
	at   int64 // Unix nanoseconds
	life *life
	kind dueKind
	id   uint32
}

// A queue has what is due, soonest first; of one time in the order of names, so
// that the same packets give the same calls. It is a binary heap of its own
// because container/heap allocates for each entry.
//
// Every file, session and life has at most a few entries in it, so that
// Config.Max bounds it too.
type queue []entry

func (q *queue) push(at time.Time, l *life, kind dueKind, id uint32) {
	h := append(*q, entry{at.UnixNano(), l, kind, id})
	*q = h
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].before(&h[up]) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

// next takes the first entry that is due at now.
func (q *queue) next(now time.Time) (entry, bool) {
	h := *q
	if len(h) == 0 || h[0].at > now.UnixNano() {
		return entry{}, false
	}
	first, last := h[0], len(h)-1
	h[0], h[last] = h[last], entry{}
	h = h[:last]
	*q = h
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			return first, true
		}
		if down+1 < last && h[down+1].before(&h[down]) {
			down++
		}
		if !h[down].before(&h[i]) {
			return first, true
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
}

func (e *entry) before(f *entry) bool {
	if e.at != f.at {
		return e.at < f.at
	}
	return cmp.Or(
		cmp.Compare(e.life.SID, f.life.SID), cmp.Compare(e.life.Stod, f.life.Stod),
		cmp.Compare(e.kind, f.kind), cmp.Compare(e.id, f.id),
	) < 0
}
