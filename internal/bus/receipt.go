package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrLost is the error of a message of which is not known whether it is there: the
// connection ended before the broker said so.
var ErrLost = errors.New("the connection was lost before the broker confirmed the message")

// A Receipt is for a message that was published, and maybe not confirmed yet.
type Receipt struct {
	by      *Receipts
	done    chan struct{} // closed when err is known
	err     error
	settled func(error) // is told err; may be nil
}

// Wait waits until the broker has confirmed the message, or ctx ends. The error says
// what became of the message; after ErrLost or that of ctx, it may be there.
func (r *Receipt) Wait(ctx context.Context) error {
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Receipts are those of one connection that are not confirmed, by the numbers of
// their messages.
type Receipts struct {
	room chan struct{} // holds a value for each

	mu      sync.Mutex
	waiting map[uint64]*Receipt
	ended   bool
}

// NewReceipts returns room for so many at once.
func NewReceipts(most int) *Receipts {
	return &Receipts{room: make(chan struct{}, most), waiting: make(map[uint64]*Receipt)}
}

// Room waits until there is room for one more. It is taken then, until the one that
// is added is settled or forgotten, or Leave.
func (r *Receipts) Room(ctx context.Context) error {
	select {
	case r.room <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Leave gives back room that was not used.
func (r *Receipts) Leave() { <-r.room }

// Add returns the receipt of a message that is about to be sent, or false if the
// connection has ended. There must be room. settled, which may be nil, is called once with
// what Wait returns, and must not wait for anything.
func (r *Receipts) Add(n uint64, settled func(error)) (*Receipt, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		r.Leave()
		return nil, false
	}
	one := &Receipt{by: r, done: make(chan struct{}), settled: settled}
	r.waiting[n] = one
	return one, true
}

// Gave reports whether a receipt is of this connection; nil is of any.
func (r *Receipts) Gave(one *Receipt) bool { return one == nil || one.by == r }

// Forget takes back a receipt, of a message that was not sent.
func (r *Receipts) Forget(n uint64) { r.Settle(n, ErrLost) }

// Settle says what became of a message. What is said first counts.
func (r *Receipts) Settle(n uint64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settle(n, err)
}

func (r *Receipts) settle(n uint64, err error) {
	if one, ok := r.waiting[n]; ok {
		delete(r.waiting, n)
		one.err = err
		if one.settled != nil {
			one.settled(err)
		}
		close(one.done)
		r.Leave()
	}
}

// End settles all with ErrLost, since the connection ended. why may be nil.
func (r *Receipts) End(why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	lost := ErrLost
	if why != nil {
		lost = fmt.Errorf("%w: %w", ErrLost, why)
	}
	for n := range r.waiting {
		r.settle(n, lost)
	}
}
