package bus

import (
	"sync"
	"time"
)

// A Trouble is what is wrong with something that goes on trying, and since when. The zero
// value is none.
type Trouble struct {
	mu    sync.Mutex
	err   error
	since time.Time
}

// Is notes what is wrong now, and reports whether nothing was before.
func (t *Trouble) Is(err error) (first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if first = t.err == nil; first {
		t.since = time.Now()
	}
	t.err = err
	return first
}

// Over notes that nothing is wrong any more, and reports since when something was, if it was.
func (t *Trouble) Over() (since time.Time, was bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	was, t.err = t.err != nil, nil
	return t.since, was
}

// Now returns since when something is wrong, and what, nil for nothing.
func (t *Trouble) Now() (since time.Time, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.since, t.err
}
