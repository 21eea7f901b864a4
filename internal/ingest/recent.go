package ingest

// remembered is how many messages known knows: what a broker gives out in a second
// at a high rate.
const remembered = 16 << 10

// recent has the messages that were taken last, by what their broker calls them. A broker
// writes down a little later what it was told is done with; having died in between, or
// if we have, it gives that out again, and a line of a metric that folds by sum would be
// counted twice.
//
// The zero value knows none.
type recent struct {
	ring []string // the oldest is at next, once it is full
	next int
	ids  map[string]struct{}
}

func (r *recent) has(id string) bool {
	_, ok := r.ids[id]
	return ok
}

// add adds a message, but not one without an ID, which never comes again.
func (r *recent) add(id string) {
	switch {
	case id == "" || r.has(id):
		return
	case r.ids == nil:
		r.ids = make(map[string]struct{})
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

// all returns them, the oldest first.
func (r *recent) all() []string {
	out := append([]string(nil), r.ring[r.next:]...)
	return append(out, r.ring[:r.next]...)
}
