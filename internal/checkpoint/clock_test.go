package checkpoint_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
)

// TestClockJumps saves and restarts while the clock jumps ahead and back, by a day, a year
// and a quarter of a century: the number of a checkpoint says which is newer, and not the time.
func TestClockJumps(t *testing.T) {
	const day = 24 * time.Hour
	dir := t.TempDir()
	w := newWorld(t)
	generation := 0
	life := func(t *testing.T, saves int) {
		t.Helper()
		again, info := restored(t, dir)
		if d := cmp.Diff(w.content(), again.content()); d != "" || !info.Whole() {
			t.Fatalf("generation %d at %v: got %+v (-want +got):\n%s", generation, time.Now(), info, d)
		}
		again.log, again.packets = w.log, w.packets
		w = again
		d := open(dir, durable.OS{}, w)
		for range saves {
			generation++
			w.grow(t, generation%3)
			if got := save(t, d); !got.Created.Equal(time.Now()) && got.Created.Before(time.Now().Add(-time.Minute)) {
				t.Errorf("got a checkpoint of %v, want now", got.Created)
			}
		}
	}
	life(t, 2)
	synctest.Test(t, func(t *testing.T) { // whose clock begins with the year 2000
		for _, wait := range []time.Duration{0, day, 365 * day} {
			time.Sleep(wait)
			life(t, 2)
		}
	})
	life(t, 1)
	synctest.Test(t, func(t *testing.T) { life(t, 1) })
	life(t, 0)
}

// TestSinceWhenTheClockWasAhead: while samples come back, none is said to be there that is in
// a checkpoint which is older by its number, and of a later time.
func TestSinceWhenTheClockWasAhead(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t)
	w.grow(t, 1)
	ahead := save(t, open(dir, durable.OS{}, w)).Created.Unix()
	synctest.Test(t, func(t *testing.T) { // the clock is put back
		w, _ := restored(t, dir)
		w.grow(t, 2)
		save(t, open(dir, durable.OS{}, w))
	})
	d := open(dir, durable.OS{}, newWorld(t))
	if _, err := d.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := d.Since(); got != ahead+1 {
		t.Errorf("got all samples there since %d, want %d", got, ahead+1)
	}
	if _, err := d.Fill(t.Context()); err != nil || d.Since() != checkpoint.Everything {
		t.Errorf("got all samples there since %d, %v, want everything", d.Since(), err)
	}
}
