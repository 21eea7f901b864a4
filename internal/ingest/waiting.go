package ingest

import "tallystick/internal/transfer"

// waiting holds the claims whose server is not known yet, in the order in which
// they came.
type waiting struct {
	claims   map[uint64]*transfer.Claim // by turn
	turns    map[string][]uint64        // by the server's clean name; ascending
	oldest   uint64                     // no claim has a smaller turn
	nextTurn uint64
}

func newWaiting() waiting {
	return waiting{claims: make(map[uint64]*transfer.Claim), turns: make(map[string][]uint64)}
}

// add puts c at the end.
func (w *waiting) add(c *transfer.Claim) {
	name := transfer.CleanServer(c.Server)
	w.claims[w.nextTurn] = c
	w.turns[name] = append(w.turns[name], w.nextTurn)
	w.nextTurn++
}

// take removes the claims of the server of that name, which is clean.
func (w *waiting) take(name string) []*transfer.Claim {
	var cs []*transfer.Claim
	for _, turn := range w.turns[name] {
		cs = append(cs, w.claims[turn])
		delete(w.claims, turn)
	}
	delete(w.turns, name)
	return cs
}

// first removes the claim that has waited longest, of which there must be one.
func (w *waiting) first() *transfer.Claim {
	w.skip()
	c := w.claims[w.oldest]
	delete(w.claims, w.oldest)
	name := transfer.CleanServer(c.Server)
	if rest := w.turns[name][1:]; len(rest) > 0 {
		w.turns[name] = rest
	} else {
		delete(w.turns, name)
	}
	return c
}

// skip goes over the turns of claims that were taken.
func (w *waiting) skip() {
	for ; w.oldest < w.nextTurn; w.oldest++ {
		if _, ok := w.claims[w.oldest]; ok {
			return
		}
	}
}

// all returns the claims in their order.
func (w *waiting) all() []*transfer.Claim {
	w.skip()
	cs := make([]*transfer.Claim, 0, len(w.claims))
	for turn := w.oldest; turn < w.nextTurn; turn++ {
		if c, ok := w.claims[turn]; ok {
			cs = append(cs, c)
		}
	}
	return cs
}
