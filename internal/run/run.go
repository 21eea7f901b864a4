// Package run holds the long-lived parts of a process together.
//
// Parts start in the order in which they are added, and stop in the reverse
// order: a part is told to stop only after each part that was added later has
// returned. What others feed is therefore added before what feeds it:
//
//	start   checkpoint → http → udp
//	stop    checkpoint ← http ← udp
//
// and the last checkpoint sees the last packet.
//
// Rules:
//
//   - A part is a function that blocks until its context ends, and returns then,
//     after its goroutines have. It returns nil or the context's error if all is well.
//   - One part that returns before it was told to, or with an error, stops all.
//   - Stopping takes a bounded time (Group.Grace). A part that is still running
//     then cannot be killed; Run names it and returns, and the process should exit.
//   - A part that panics takes the process down, as it would without a group.
package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrEarly is why a group stops if one of its parts returns without an error
// before it was told to.
var ErrEarly = errors.New("returned before it was told to")

// ErrGrace is wrapped by the error of a stop that took too long.
var ErrGrace = errors.New("still running after the grace period")

// A Group is an ordered set of parts. The zero value is empty and stops without
// a time limit.
type Group struct {
	// Grace is how long stopping may take, all parts together; 0 is for ever.
	Grace time.Duration

	parts []*part
}

type part struct {
	name string
	run  func(context.Context) error

	cancel context.CancelFunc // set by start
	done   chan struct{}      // closed when run has returned
	err    error              // of run; to be read after done
}

// Add adds a part. It must not be called after Run.
func (g *Group) Add(name string, run func(context.Context) error) {
	g.parts = append(g.parts, &part{name: name, run: run})
}

// Run starts the parts and blocks until ctx ends or the first of them returns,
// then stops them. It returns the errors of all parts, each with the part's
// name, or nil if ctx ended and all parts stopped well and in time. It must be
// called only once.
//
// The contexts of the parts have the values of ctx but do not end with it: in
// which order they end is the group's to choose.
func (g *Group) Run(ctx context.Context) error {
	var once sync.Once
	stop := make(chan struct{})
	for _, p := range g.parts {
		p.start(ctx, func() { once.Do(func() { close(stop) }) })
	}
	select {
	case <-ctx.Done():
	case <-stop:
	}
	return g.stop()
}

// start runs the part in a goroutine of its own and calls returned after it.
func (p *part) start(ctx context.Context, returned func()) {
	ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	p.done = make(chan struct{})
	go func() {
		err := p.run(ctx)
		switch told := ctx.Err() != nil; {
		case !told && err == nil:
			err = ErrEarly
		case told && isCanceled(err):
			err = nil
		}
		p.err = err
		close(p.done)
		returned()
	}()
}

// stop tells the parts to stop, last first, and waits for each before it tells the next.
func (g *Group) stop() error {
	var timeout <-chan time.Time // nil never comes
	if g.Grace > 0 {
		t := time.NewTimer(g.Grace)
		defer t.Stop()
		timeout = t.C
	}
	for _, p := range slices.Backward(g.parts) {
		p.cancel()
		select {
		case <-p.done:
		case <-timeout:
			return g.overdue(p)
		}
	}
	return g.errs()
}

// overdue tells the parts that are left to stop, all at once, since nothing will
// wait for them, and returns what is known. late is the part that was waited for.
func (g *Group) overdue(late *part) error {
	err := fmt.Errorf("%s: %w of %v", late.name, ErrGrace, g.Grace)
	if names := g.running(late); names != nil {
		err = fmt.Errorf("%w; running because of it: %s", err, strings.Join(names, ", "))
	}
	for _, p := range g.parts {
		p.cancel()
	}
	return errors.Join(g.errs(), err)
}

// running returns the names of the parts besides one that have not returned.
func (g *Group) running(besides *part) []string {
	var names []string
	for _, p := range slices.Backward(g.parts) {
		if p != besides && !p.returned() {
			names = append(names, p.name)
		}
	}
	return names
}

// errs returns the errors of the parts that have returned, in the order of stopping.
func (g *Group) errs() error {
	var errs []error
	for _, p := range slices.Backward(g.parts) {
		if p.returned() && p.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.name, p.err))
		}
	}
	return errors.Join(errs...)
}

func (p *part) returned() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// isCanceled tells whether err is nothing but the end of a context. An error
// that was joined with another is more than that.
func isCanceled(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if err == context.Canceled { //nolint:errorlint // errors.Is would look into joined errors
			return true
		}
	}
	return false
}
