package forward

import "time"

// held knows up to where the ledger was some time ago: what it was told since then is
// held back. It grows by one a second at most.
type held struct {
	marks []mark // with rising times and numbers
	ready int64
}

// A mark says that at a time the ledger had settled a number.
type mark struct {
	at       time.Time
	sequence int64
}

// upTo notes the number that is settled at now, and returns the one that was settled so
// long ago.
func (h *held) upTo(now time.Time, settled int64, hold time.Duration) int64 {
	last := mark{sequence: h.ready}
	if n := len(h.marks); n > 0 {
		last = h.marks[n-1]
	}
	if settled > last.sequence && now.Sub(last.at) >= time.Second {
		h.marks = append(h.marks, mark{now, settled})
	}
	n := 0
	for n < len(h.marks) && now.Sub(h.marks[n].at) >= hold {
		h.ready = h.marks[n].sequence
		n++
	}
	h.marks = append(h.marks[:0], h.marks[n:]...)
	return h.ready
}
