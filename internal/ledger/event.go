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
	told    *index[*transfer.Event] // those that have a place in it
	places  map[string]*entry[*transfer.Event]
	gone    func(*transfer.Event) // is told what had to go; may be nil
	bytes   int
	dropped int
}

func newEvents() events {
	return events{
		all: make(map[string]*transfer.Event), byPath: make(map[string][]*transfer.Event),
		told: &index[*transfer.Event]{key: byTold[*transfer.Event]}, places: make(map[string]*entry[*transfer.Event]),
	}
}

// PutEvent adds e, or replaces the event with its ID. It gets a place among what is told
// (see Place): once, since an event that comes again says the same.
func (l *Ledger) PutEvent(e transfer.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.Sequence = 0
	if old := l.events.all[e.ID]; old != nil {
		e.Sequence = old.Sequence
	}
	if e.Sequence == 0 {
		e.Sequence = l.turns.next()
	}
	l.events.put(&e)
}

// FillEvent adds an event of a checkpoint, with the place that it has.
func (l *Ledger) FillEvent(e transfer.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turns.resume(e.Sequence)
	l.events.put(&e)
}

func (v *events) put(e *transfer.Event) {
	v.drop(e.ID)
	v.all[e.ID] = e
	v.byPath[e.Path] = append(v.byPath[e.Path], e)
	v.bytes += len(e.Record)
	if e.Sequence != 0 {
		at := &entry[*transfer.Event]{told: float64(e.Sequence), id: e.ID, val: e}
		v.places[e.ID] = at
		v.told.insert(at)
	}
	v.limit()
}

func (v *events) drop(id string) {
	e := v.all[id]
	if e == nil {
		return
	}
	delete(v.all, id)
	if at := v.places[id]; at != nil {
		v.told.remove(at)
		delete(v.places, id)
	}
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
		v.lose(e)
		v.dropped++
	}
}

// lose drops an event that has to go.
func (v *events) lose(e *transfer.Event) {
	v.drop(e.ID)
	if v.gone != nil {
		v.gone(e)
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
	for _, e := range v.all {
		if e.At[1] < before {
			v.lose(e)
		}
	}
}

// PlaceOfEvent returns the place of e.
func PlaceOfEvent(e *transfer.Event) Place { return Place{e.Sequence, e.ID} }

// ToldEvents returns up to limit events of a provider, as Told does transfers.
func (l *Ledger) ToldEvents(provider string, after Place, upTo int64, limit int) (out []transfer.Event) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	upTo = min(upTo, l.turns.settled)
	l.events.told.walk(after.key(), -1, func(at *entry[*transfer.Event]) bool {
		if at.told > float64(upTo) || len(out) == limit {
			return false
		}
		if at.val.Provider == provider {
			out = append(out, *at.val)
		}
		return true
	})
	return out
}

// ToldEventsAfter returns how many events of a provider come after a place.
func (l *Ledger) ToldEventsAfter(provider string, p Place) (n int) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	l.events.told.walk(p.key(), -1, func(at *entry[*transfer.Event]) bool {
		if at.val.Provider == provider {
			n++
		}
		return true
	})
	return n
}

// OnEventGone does for events what OnGone does for transfers.
func (l *Ledger) OnEventGone(f func(*transfer.Event)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events.gone = f
}
