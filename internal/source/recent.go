package source

import "tallystick/internal/bus/nats"

// remembered is how many messages recent knows: what a broker gives out in a second
// at a high rate. It costs 1.5 MiB for a subscription that has had so many.
const remembered = 16 << 10

// recent knows the messages that were taken last. A broker writes down a little
// later what it was told is done with; having died in between, it gives that out
// again, and a line of a metric that folds by sum would be counted twice.
//
// The zero value knows none.
type recent struct {
	ring []nats.ID // the oldest is at next, once it is full
	next int
	ids  map[nats.ID]struct{}
}

func (r *recent) has(id nats.ID) bool {
	_, ok := r.ids[id]
	return ok
}

// add adds a message, but not one without an ID, which never comes again.
func (r *recent) add(id nats.ID) {
	switch {
	case id == nats.ID{}:
		return
	case r.ids == nil:
		r.ids = make(map[nats.ID]struct{})
	}
	if len(r.ring) < remembered {
		r.ring = append(r.ring, id)
	} else {
		delete(r.ids, r.ring[r.next])
		r.ring[r.next] = id
		r.next = (r.next + 1) % remembered
	}
	r.ids[id] = struct{}{}
}
