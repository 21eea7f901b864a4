package archive_test

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tallystick/internal/archive"
	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
)

// TestLateBeforeTheOldest: what comes late, for a day before all that there was, is archived
// with its day, as long as that is not final.
func TestLateBeforeTheOldest(t *testing.T) {
	late := archive.Packet{At: time.Unix(day0.From(), 0), Data: []byte("late")}
	m := &model{packets: []archive.Packet{{At: time.Unix((day0 + 3).From(), 0), Data: []byte("first")}}}
	dir := t.TempDir()
	w := worker(m, dir, durable.OS{})
	step(t, w, after(day0))
	if w.Archived(checkpoint.Packets, (day0 + 1).From()) {
		t.Error("a day that is not over is archived")
	}
	m.packets = append([]archive.Packet{late}, m.packets...)
	step(t, w, after(day0+4))
	complete(t, "with what came late", dir, m.contents(day0, day0+4))
}

// TestClockBack: what is archived follows a clock that was ahead and is put right. What was
// said to be archived by the wrong one is not, as long as its days are not final.
func TestClockBack(t *testing.T) {
	m := random(rand.New(rand.NewPCG(8, 0)), 6)
	all := *m
	dir := t.TempDir()
	w := worker(m, dir, durable.OS{})
	f := func(now time.Time, want archive.Day) {
		t.Helper()
		step(t, w, now)
		for _, kind := range archive.Kinds() {
			if !w.Archived(kind, want.From()) || w.Archived(kind, (want+1).From()) {
				t.Errorf("%s at %v: want all before %v archived, and no more", kind, now, want)
			}
		}
	}
	f(after(day0+2), day0+2)
	m.transfers, m.claims, m.packets = nil, nil, nil // nothing came in the two years ahead
	f(after(day0+700), day0+700)
	*m = all
	f(after(day0+2).Add(time.Second), day0+2)
	f(after(day0-300), day0-300)
	f(after(day0+6), day0+6)
	got, _ := read(t, folder(dir))
	same(t, "in the end", got, m.contents(day0-30, day0+30))
}

// TestClockAhead runs a worker while the clock jumps: a jump ahead that is taken back within
// the hour archives nothing too early, and removes nothing; one that lasts is believed.
func TestClockAhead(t *testing.T) {
	const day = 24 * time.Hour
	f := func(jump, lasts time.Duration, want archive.Day) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			m := random(rand.New(rand.NewPCG(9, 0)), 6)
			dir := t.TempDir()
			began, ahead := time.Now(), atomic.Int64{}
			w := worker(m, dir, durable.OS{})
			w.Config.Keep = 30 * day
			w.Now = func() time.Time { return after(day0 + 2).Add(time.Since(began) + time.Duration(ahead.Load())) }
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- w.Run(ctx) }()
			for _, d := range []time.Duration{0, jump, 0} {
				ahead.Store(int64(d))
				time.Sleep(lasts)
			}
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
			got, _ := read(t, folder(dir))
			same(t, jump.String(), got, m.contents(day0-30, want))
		})
	}
	f(day, 50*time.Minute, day0+2)
	f(-day, 50*time.Minute, day0+2)
	f(365*day, 50*time.Minute, day0+2)
	f(day, 3*time.Hour, day0+3)
	f(12*time.Second, 3*time.Hour, day0+2)
}
