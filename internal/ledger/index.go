package ledger

import (
	"cmp"
	"slices"
	"sort"
)

// chunkMax is how many entries a chunk holds before it is split: an insertion
// moves at most so many pointers, and 5 000 000 entries make some 20 000
// chunks.
const chunkMax = 512

// A key is the place of an entry in an index.
type key struct {
	at float64
	id string
}

func (k key) compare(o key) int {
	if c := cmp.Compare(k.at, o.at); c != 0 {
		return c
	}
	return cmp.Compare(k.id, o.id)
}

// An entry is one transfer or claim as all indexes share it. opened, ended and
// id do not change while it is in an index.
type entry[T any] struct {
	opened float64 // Unix seconds; 0 if unknown
	ended  float64 // first Unix second when it was surely over; +Inf while it is open
	told   float64 // place among what was told of those that have ended; 0 while it is open
	id     string
	val    T
	bytes  int64
}

func byOpened[T any](e *entry[T]) key { return key{e.opened, e.id} }
func byEnded[T any](e *entry[T]) key  { return key{e.ended, e.id} }

func byTold[T any](e *entry[T]) key { return key{e.told, e.id} }

// An index is a sorted list of entries in chunks.
type index[T any] struct {
	key    func(*entry[T]) key
	chunks []*chunk[T]
	len    int
}

type chunk[T any] struct {
	entries []*entry[T] // never empty
	ended   float64     // no entry ended later: an upper bound
}

// find returns the place of the first entry that is not before k: in chunk c
// at i. c is len(x.chunks) if there is none.
func (x *index[T]) find(k key) (c, i int) {
	c = sort.Search(len(x.chunks), func(c int) bool {
		es := x.chunks[c].entries
		return x.key(es[len(es)-1]).compare(k) >= 0
	})
	if c == len(x.chunks) {
		return c, 0
	}
	es := x.chunks[c].entries
	return c, sort.Search(len(es), func(i int) bool { return x.key(es[i]).compare(k) >= 0 })
}

// insert adds e, whose key is not there yet.
func (x *index[T]) insert(e *entry[T]) {
	x.len++
	if len(x.chunks) == 0 {
		x.chunks = append(x.chunks, &chunk[T]{entries: []*entry[T]{e}, ended: e.ended})
		return
	}
	c, i := x.find(x.key(e))
	if c == len(x.chunks) {
		c--
		i = len(x.chunks[c].entries)
	}
	ch := x.chunks[c]
	ch.entries = slices.Insert(ch.entries, i, e)
	ch.ended = max(ch.ended, e.ended)
	if len(ch.entries) >= chunkMax {
		x.split(c)
	}
}

// split makes two of chunk c. The last chunk keeps most, because most entries
// come in order and go to its end.
func (x *index[T]) split(c int) {
	ch := x.chunks[c]
	at := len(ch.entries) / 2
	if c == len(x.chunks)-1 {
		at = len(ch.entries) * 7 / 8
	}
	rest := &chunk[T]{entries: slices.Clone(ch.entries[at:])}
	clear(ch.entries[at:])
	ch.entries = ch.entries[:at]
	ch.bound()
	rest.bound()
	x.chunks = slices.Insert(x.chunks, c+1, rest)
}

func (c *chunk[T]) bound() {
	c.ended = c.entries[0].ended
	for _, e := range c.entries {
		c.ended = max(c.ended, e.ended)
	}
}

// remove takes e out.
func (x *index[T]) remove(e *entry[T]) {
	c, i := x.find(x.key(e))
	if c == len(x.chunks) || x.chunks[c].entries[i] != e {
		return
	}
	x.len--
	ch := x.chunks[c]
	ch.entries = slices.Delete(ch.entries, i, i+1)
	if len(ch.entries) == 0 {
		x.chunks = slices.Delete(x.chunks, c, c+1)
	}
}

// after returns how many entries come after k.
func (x *index[T]) after(k key) int {
	c, i := x.find(k)
	n := -i
	for ; c < len(x.chunks); c++ {
		n += len(x.chunks[c].entries)
	}
	if e := x.at(k); e != nil {
		n--
	}
	return max(n, 0)
}

// at returns the entry whose key is k, nil if there is none.
func (x *index[T]) at(k key) *entry[T] {
	c, i := x.find(k)
	if c == len(x.chunks) || x.key(x.chunks[c].entries[i]) != k {
		return nil
	}
	return x.chunks[c].entries[i]
}

// first returns the first entry, nil if there is none.
func (x *index[T]) first() *entry[T] {
	if x.len == 0 {
		return nil
	}
	return x.chunks[0].entries[0]
}

// walk calls f with the entries after k that may have been open after from, in
// order, until f returns false. Whole chunks that ended before are not looked at.
func (x *index[T]) walk(k key, from float64, f func(*entry[T]) bool) {
	c, i := x.find(k)
	for ; c < len(x.chunks); c, i = c+1, 0 {
		ch := x.chunks[c]
		if ch.ended <= from {
			continue
		}
		for _, e := range ch.entries[i:] {
			if x.key(e).compare(k) > 0 && e.ended > from && !f(e) {
				return
			}
		}
	}
}
