package ledger

import (
	"maps"
	"slices"
)

// A table is the entries of one kind with their indexes. The caller locks.
type table[T any] struct {
	byID     map[string]*entry[T]
	opened   *index[T]
	ended    *index[T]
	told     *index[T]            // of those that have a place in it
	gone     func(T)              // is told what had to go; may be nil
	groups   map[string]*index[T] // by name; none is empty
	groupsOf func(T) []string     // the names of the groups that a value is in
	fresh    map[string]T         // what was put since the last cut, by id; it may be gone again

	max     int
	dropped int
	bytes   int64
}

func newTable[T any](limit int, groupsOf func(T) []string) *table[T] {
	return &table[T]{
		byID:     make(map[string]*entry[T]),
		fresh:    make(map[string]T),
		opened:   &index[T]{key: byOpened[T]},
		ended:    &index[T]{key: byEnded[T]},
		told:     &index[T]{key: byTold[T]},
		groups:   make(map[string]*index[T]),
		groupsOf: groupsOf,
		max:      limit,
	}
}

// put adds e, in place of the entry with its id if there is one, and drops what
// ended first if that is one too many.
func (t *table[T]) put(e *entry[T]) {
	t.fresh[e.id] = e.val
	t.set(e)
}

// fill adds e if there is nothing with its id and room for it.
func (t *table[T]) fill(e *entry[T]) {
	if t.byID[e.id] == nil && len(t.byID) < t.max {
		t.set(e)
	}
}

// cut returns what was put since the last cut, by id.
func (t *table[T]) cut() map[string]T {
	fresh := t.fresh
	t.fresh = make(map[string]T)
	return fresh
}

// uncut takes back what cut returned. What was put since is newer.
func (t *table[T]) uncut(fresh map[string]T) {
	maps.Copy(fresh, t.fresh)
	t.fresh = fresh
}

func (t *table[T]) unsaved() {
	for id, e := range t.byID {
		t.fresh[id] = e.val
	}
}

func (t *table[T]) set(e *entry[T]) {
	if old := t.byID[e.id]; old != nil {
		if t.replace(old, e) {
			return
		}
		t.remove(old)
	}
	t.byID[e.id] = e
	t.opened.insert(e)
	t.ended.insert(e)
	t.tell(e)
	for _, g := range t.groupsOf(e.val) {
		x := t.groups[g]
		if x == nil {
			x = &index[T]{key: byOpened[T]}
			t.groups[g] = x
		}
		x.insert(e)
	}
	t.bytes += e.bytes
	for len(t.byID) > t.max {
		t.drop(t.ended.first())
		t.dropped++
	}
}

// tell puts e into the list of those that have ended, if it has.
func (t *table[T]) tell(e *entry[T]) {
	if e.told != 0 {
		t.told.insert(e)
	}
}

// drop removes what nothing takes the place of.
func (t *table[T]) drop(e *entry[T]) {
	t.remove(e)
	if t.gone != nil {
		t.gone(e.val)
	}
}

// replace makes old hold what e holds, if it stays in its places: most that
// comes again is an open transfer with higher counts.
func (t *table[T]) replace(old, e *entry[T]) bool {
	if old.opened != e.opened || old.ended != e.ended || !slices.Equal(t.groupsOf(old.val), t.groupsOf(e.val)) {
		return false
	}
	t.bytes += e.bytes - old.bytes
	if old.told != 0 {
		t.told.remove(old)
	}
	old.val, old.bytes, old.told = e.val, e.bytes, e.told
	t.tell(old)
	return true
}

func (t *table[T]) remove(e *entry[T]) {
	delete(t.byID, e.id)
	t.opened.remove(e)
	t.ended.remove(e)
	if e.told != 0 {
		t.told.remove(e)
	}
	for _, g := range t.groupsOf(e.val) {
		x := t.groups[g]
		if x == nil {
			continue
		}
		x.remove(e)
		if x.len == 0 {
			delete(t.groups, g)
		}
	}
	t.bytes -= e.bytes
}

// freeBefore removes what ended before the time, and returns how many went.
func (t *table[T]) freeBefore(before float64) (n int) {
	for e := t.ended.first(); e != nil && e.ended <= before; e = t.ended.first() {
		t.drop(e)
		n++
	}
	return n
}

// group returns the index of the group, or of all entries if name is empty. It
// is nil if the group has none.
func (t *table[T]) group(name string) *index[T] {
	if name == "" {
		return t.opened
	}
	return t.groups[name]
}
