package source

import "tallystick/internal/bus/nats"

// recent knows the messages that were taken last. After a broker died it gives out
// again what it was told is done with, but had not written down: a line of a metric
// that folds by sum would be counted twice.
//
// The zero value knows none.
type recent struct {
	ring [2 * nats.MaxInFlight]nats.ID // the broker has forgotten no more than that are in flight
	next int
	ids  map[nats.ID]bool
}

func (r *recent) has(id nats.ID) bool { return r.ids[id] }

// add adds a message, but not one without an ID, which never comes again.
func (r *recent) add(id nats.ID) {
	if id == (nats.ID{}) {
		return
	}
	if r.ids == nil {
		r.ids = make(map[nats.ID]bool, len(r.ring))
	}
	delete(r.ids, r.ring[r.next])
	r.ring[r.next], r.ids[id] = id, true
	r.next = (r.next + 1) % len(r.ring)
}
