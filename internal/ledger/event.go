package ledger

import (
	"cmp"
	"maps"
	"slices"

	"tallystick/internal/transfer"
)

// What a ledger holds of events at most; the oldest go first. A cache has as many
// as a node has transfers, and most are never asked for.
const (
	MaxEvents     = 50_000
	MaxEventBytes = 64 << 20 // of their records
)

// events are the events of a ledger. The caller locks.
type events struct {
	all     map[string]*transfer.Event // by ID
	byPath  map[string][]*transfer.Event
	bytes   int
	dropped int
}

// PutEvent adds e, or replaces the event with its ID.
func (l *Ledger) PutEvent(e transfer.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events.drop(e.ID)
	l.events.all[e.ID] = &e
	l.events.byPath[e.Path] = append(l.events.byPath[e.Path], &e)
	l.events.bytes += len(e.Record)
	l.events.limit()
}

func (v *events) drop(id string) {
	e := v.all[id]
	if e == nil {
		return
	}
	delete(v.all, id)
	v.bytes -= len(e.Record)
	left := slices.DeleteFunc(v.byPath[e.Path], func(o *transfer.Event) bool { return o == e })
	if v.byPath[e.Path] = left; len(left) == 0 {
		delete(v.byPath, e.Path)
	}
}

// limit drops the oldest sixteenth of the events if there are too many.
func (v *events) limit() {
	if len(v.all) <= MaxEvents && v.bytes <= MaxEventBytes {
		return
	}
	old := slices.SortedFunc(maps.Values(v.all), compareEvents)
	for _, e := range old[:(len(old)+15)/16] {
		v.drop(e.ID)
		v.dropped++
	}
}

func compareEvents(a, b *transfer.Event) int {
	return cmp.Or(cmp.Compare(a.At[1], b.At[1]), cmp.Compare(a.At[0], b.At[0]), cmp.Compare(a.ID, b.ID))
}

// Events returns the events of the server of that name or address and of that path,
// of all if they are empty, that were at some time from the Unix second from on and
// until to: sorted by when they were over.
func (l *Ledger) Events(server, path string, from, to int64) []transfer.Event {
	server = transfer.CleanServer(server)
	var out []transfer.Event
	look := func(e *transfer.Event) {
		named := server == "" || transfer.CleanServer(e.Server) == server || transfer.CleanServer(e.Address) == server
		if named && e.At[1] >= from && e.At[0] <= to {
			out = append(out, *e)
		}
	}
	l.mu.RLock()
	if path != "" {
		for _, e := range l.events.byPath[transfer.CleanPath(path)] {
			look(e)
		}
	} else {
		for _, e := range l.events.all {
			look(e)
		}
	}
	l.mu.RUnlock()
	slices.SortFunc(out, func(a, b transfer.Event) int { return compareEvents(&a, &b) })
	return out
}

// EventsDropped returns how many events had to go because there were too many.
func (l *Ledger) EventsDropped() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.events.dropped
}

// rename gives all events of a server its name.
func (v *events) rename(sid uint64, name, address string) {
	for _, e := range v.all {
		if e.SID == sid {
			e.Server, e.Address = name, address
		}
	}
}

// freeBefore drops the events that were over before the Unix second.
func (v *events) freeBefore(before int64) {
	for id, e := range v.all {
		if e.At[1] < before {
			v.drop(id)
		}
	}
}
