package collect

import (
	"cmp"
	"slices"
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
	at   instant
	life *life
	kind dueKind
	id   uint32
}

// A queue has what is due, soonest first; of one time in the order of names, so
// that the same packets give the same calls.
//
// Packets come many at a time, and what they start waits equally long. So what is
// pushed one after the other mostly has one time: it is a batch, and only batches
// are kept in order of time. A batch is put in order of names once, when its time
// has come.
//
// Every file, session and life has at most a few entries in it, so that
// Config.Max bounds it too.
type queue struct {
	batches []*batch // a binary heap
	last    *batch   // that was pushed to
	due     []entry  // being taken, the next one last
	spare   []*batch // empty, to be used again
}

// A batch is entries of one time. There may be several of the same.
type batch struct {
	at      instant
	entries []entry
}

func (q *queue) push(at instant, l *life, kind dueKind, id uint32) {
	e := entry{at, l, kind, id}
	if q.last == nil || q.last.at != e.at {
		q.last = q.empty(e.at)
		q.batches = append(q.batches, q.last)
		q.up()
	}
	q.last.entries = append(q.last.entries, e)
}

// empty returns a batch for that time.
func (q *queue) empty(at instant) *batch {
	n := len(q.spare)
	if n == 0 {
		return &batch{at: at}
	}
	b := q.spare[n-1]
	q.spare = q.spare[:n-1]
	b.at = at
	return b
}

// next takes the first entry that is due at now.
func (q *queue) next(now instant) (entry, bool) {
	if len(q.due) == 0 && !q.take(now) {
		return entry{}, false
	}
	n := len(q.due) - 1
	e := q.due[n]
	q.due[n] = entry{}
	q.due = q.due[:n]
	return e, true
}

// take makes the batches of the earliest time due, if it has come at now.
func (q *queue) take(now instant) bool {
	if len(q.batches) == 0 || q.batches[0].at > now {
		return false
	}
	for at := q.batches[0].at; len(q.batches) > 0 && q.batches[0].at == at; {
		b := q.first()
		q.due = append(q.due, b.entries...)
		clear(b.entries)
		b.entries = b.entries[:0]
		q.spare = append(q.spare, b)
	}
	slices.SortFunc(q.due, func(a, b entry) int { return b.compare(&a) })
	return true
}

// up puts the batch at the end of the heap in its place.
func (q *queue) up() {
	h := q.batches
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if h[i].at >= h[up].at {
			return
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

// first takes the earliest batch out of the heap.
func (q *queue) first() *batch {
	h := q.batches
	first, last := h[0], len(h)-1
	if first == q.last {
		q.last = nil
	}
	h[0], h[last] = h[last], nil
	h = h[:last]
	q.batches = h
	for i := 0; ; {
		down := 2*i + 1
		if down+1 < last && h[down+1].at < h[down].at {
			down++
		}
		if down >= last || h[i].at <= h[down].at {
			return first
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
}

// compare compares the names of two entries of one time.
func (e *entry) compare(f *entry) int {
	if e.life != f.life {
		return cmp.Or(cmp.Compare(e.life.SID, f.life.SID), cmp.Compare(e.life.Stod, f.life.Stod))
	}
	if e.kind != f.kind {
		return cmp.Compare(e.kind, f.kind)
	}
	return cmp.Compare(e.id, f.id)
}
