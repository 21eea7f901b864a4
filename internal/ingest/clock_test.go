package ingest_test

import (
	"testing"
	"time"

	"tallystick/internal/collect"
	"tallystick/internal/ingest"
	"tallystick/internal/ledger"
	"tallystick/internal/store"
	"tallystick/internal/wal"
)

// An instant is a log whose time is set.
type instant struct{ at time.Time }

// Commit implements ingest.Log.
func (i *instant) Commit(e wal.Entry) error {
	e.Apply(i.at)
	return nil
}

// Turn implements ingest.Log.
func (i *instant) Turn(f func(at time.Time)) { f(i.at) }

// A ticker counts the seconds that its collector is told of.
type ticker struct {
	ingest.Collector

	ticks int
}

// Advance implements ingest.Collector.
func (c *ticker) Advance(time.Time) { c.ticks++ }

// A clock that was far ahead and is put right stops nothing.
func TestClockIsPutRight(t *testing.T) {
	var c *ticker
	l := &instant{at: noon()}
	x := newFixtureOf(t, ingest.Default(), func(o collect.Output) ingest.Collector {
		c = &ticker{Collector: silent(o)}
		return c
	}, ledger.New(ledger.Config{}), store.Config{}, l)
	f := func(at time.Time, want int) {
		t.Helper()
		l.at = at
		before := c.ticks
		x.Step()
		if got := c.ticks - before; got != want {
			t.Errorf("at %v: got %d seconds, want %d", at, got, want)
		}
	}
	x.Step()
	f(noon().Add(5*time.Second), 5)
	f(noon().Add(3*time.Second), 0)
	f(noon().Add(24*time.Hour), 24*3600-5)
	f(noon().Add(10*time.Second), 0)
	f(noon().Add(12*time.Second), 2)
}
