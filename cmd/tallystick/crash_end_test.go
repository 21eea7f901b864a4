//go:build e2e

package main_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"tallystick/internal/durable"
)

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// finish ends a life: at any instant, at one that matters, or in order.
func (c *crash) finish(ctx context.Context, p *process, s *sender) {
	pause(ctx, time.Duration(50+c.r.IntN(400))*time.Millisecond)
	var how string
	var before func()
	switch c.r.IntN(10) {
	case 0, 1, 2:
		how = "killed at any time"
		before = func() { c.within(ctx, time.Second) }
	case 3, 4, 5:
		how = "killed while a checkpoint was written"
		before = func() { c.checkpoints(ctx); c.folder(ctx, isTemp); c.within(ctx, 8*time.Millisecond) }
	case 6, 7:
		how = "killed while old ones were removed"
		before = func() {
			c.checkpoints(ctx)
			there := c.names()
			c.folder(ctx, func(name string) bool { return isCheckpoint(name) && !there[name] })
			c.within(ctx, 8*time.Millisecond)
		}
	case 8:
		how = "killed while it stopped"
		before = func() {
			s.stopping.Store(true)
			_ = p.cmd.Process.Signal(syscall.SIGTERM) // it runs: nobody else ends it
			c.within(ctx, 60*time.Millisecond)
		}
	default:
		c.ends["stopped in order"]++
		s.stopping.Store(true)
		p.terminate()
		return
	}
	before()
	p.kill()
	c.ends[how]++
}

// within waits for a time up to d.
func (c *crash) within(ctx context.Context, d time.Duration) {
	pause(ctx, time.Duration(c.r.Int64N(int64(d))))
}

func isTemp(name string) bool { return strings.HasSuffix(name, durable.TempSuffix) }

func isCheckpoint(name string) bool { return strings.HasPrefix(name, "0") && !isTemp(name) }

// names returns what is in the data folder.
func (c *crash) names() map[string]bool {
	out := make(map[string]bool)
	entries, _ := os.ReadDir(c.home.dir) // it may be changing
	for _, e := range entries {
		out[e.Name()] = true
	}
	return out
}

// checkpoints now and then waits until one is written.
func (c *crash) checkpoints(ctx context.Context) {
	if c.r.IntN(3) == 0 {
		there := c.names()
		c.folder(ctx, func(name string) bool { return isCheckpoint(name) && !there[name] })
	}
}

// folder waits until there is something of which want is true, or for some seconds.
func (c *crash) folder(ctx context.Context, want func(name string) bool) {
	for range 5000 {
		for name := range c.names() {
			if want(name) {
				return
			}
		}
		if pause(ctx, time.Millisecond); ctx.Err() != nil {
			return
		}
	}
}

// await asks /readyz until its answer is as wanted.
func (p *process) await(what string, done func(body string) bool) {
	p.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	for !p.readiness(done) {
		select {
		case <-tick.C:
		case err := <-p.ended:
			p.ended <- err
			p.t.Fatalf("not %s: the process ended: %v", what, err)
		case <-late.C:
			p.t.Fatalf("not %s after a minute", what)
		}
	}
}

func (p *process) readiness(done func(body string) bool) bool {
	res, err := http.Get("http://" + p.http + "/readyz")
	if err != nil {
		return false
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return err == nil && bytes.HasPrefix(body, []byte("{")) && done(string(body))
}
