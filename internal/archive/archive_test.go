package archive_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"tallystick/internal/archive"
	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
)

// Whatever there is comes back from the archive as it was, bit for bit, each day when it
// is final and not before; in every codec.
func TestArchiveOfModel(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 0))
		m := random(r, 3)
		dir := t.TempDir()
		w := worker(m, dir, durable.OS{})
		w.Config.Codec = allCodecs()[seed%4]
		w.Config.Parquet = seed%2 == 0
		step(t, w, after(day0).Add(-time.Second))
		got, _ := read(t, w.Target)
		same(t, "before the first day is final", got, m.contents(day0-30, day0-1))
		for days := range archive.Day(6) {
			step(t, w, after(day0+days))
			if seed%3 == 0 {
				w = again(w) // a new process
			}
			got, damage := read(t, w.Target)
			same(t, "archive", got, m.contents(day0-30, day0+days))
			if len(damage) > 0 {
				t.Errorf("got damage %v, want none", damage)
			}
		}
	}
}

// again returns the worker of a new process.
func again(w *archive.Worker) *archive.Worker {
	return &archive.Worker{Config: w.Config, Target: w.Target, FS: w.FS, Source: w.Source, Late: w.Late, Unit: w.Unit, Log: w.Log, Saved: w.Saved}
}

// The checkpoints may forget what is archived, and nothing else.
func TestArchived(t *testing.T) {
	m := random(rand.New(rand.NewPCG(1, 0)), 2)
	w := worker(m, t.TempDir(), durable.OS{})
	w.Late = func(kind archive.Kind) time.Duration {
		if kind == checkpoint.Packets {
			return 0
		}
		return 24 * time.Hour
	}
	f := func(kind archive.Kind, before archive.Day, want bool) {
		t.Helper()
		if got := w.Archived(kind, before.From()); got != want {
			t.Errorf("%s before %v: got archived %v, want %v", kind, before, got, want)
		}
	}
	f(checkpoint.Packets, day0-1000, false) // nothing is known yet
	step(t, w, time.Unix((day0+1).From(), 0))
	f(checkpoint.Packets, day0+1, true)
	f(checkpoint.Packets, day0+2, false)
	f(checkpoint.Samples, day0, true)
	f(checkpoint.Counts, day0, true)
	f(checkpoint.Counts, day0+1, false)
	f(checkpoint.Transfers, day0, true)
	f(checkpoint.Transfers, day0+1, false)
	f(checkpoint.Collector, day0, false)
	if w.Archived(checkpoint.Samples, day0.From()+1) {
		t.Errorf("got a second of the first day archived, want none")
	}
	if m.closed != 1 {
		t.Errorf("got the source closed %d times, want 1", m.closed)
	}
}

// What memory has and the checkpoints have not yet is not passed over.
func TestSaved(t *testing.T) {
	m := random(rand.New(rand.NewPCG(2, 0)), 2)
	saved := time.Time{}
	w := worker(m, t.TempDir(), durable.OS{})
	w.Saved = func() time.Time { return saved }
	for at, until := range map[time.Time]archive.Day{{}: day0 - 30, after(day0 + 1).Add(-time.Second): day0} {
		saved = at
		w = worker(m, t.TempDir(), durable.OS{})
		w.Saved = func() time.Time { return saved }
		step(t, w, after(day0+5))
		got, _ := read(t, w.Target)
		same(t, at.String(), got, m.contents(day0-30, until))
	}
	saved = after(day0 + 1)
	step(t, w, after(day0+5))
	got, _ := read(t, w.Target)
	same(t, "archive", got, m.contents(day0-30, day0+1))
}

// A day of which there is nothing is written down once, and not looked at again; unless
// there are many of them.
func TestEmptyDays(t *testing.T) {
	m := &model{packets: []archive.Packet{
		{At: time.Unix(day0.From(), 0), Data: []byte("1")},
		{At: time.Unix((day0 + 3).From(), 0), Data: []byte("2")},
	}}
	w := worker(m, t.TempDir(), durable.OS{})
	step(t, w, after(day0+5))
	a := archive.Open(w.Target, nil)
	days, err := a.Days(t.Context())
	fatal(t, err)
	if len(days) != 5 {
		t.Errorf("got %d days, want 5, also those of which there is nothing", len(days))
	}
	manifest, err := a.Manifest(t.Context(), day0+1)
	fatal(t, err)
	if !manifest.Has(checkpoint.Packets) || manifest.Has(checkpoint.Claims) || len(manifest.Files) != 0 {
		t.Errorf("got %+v, want that there were no packets", manifest)
	}

	m.packets[0].At = time.Unix(1, 0) // a clock was wrong
	w = worker(m, t.TempDir(), durable.OS{})
	step(t, w, after(day0+5))
	days, err = archive.Open(w.Target, nil).Days(t.Context())
	fatal(t, err)
	if len(days) != 2 || days[0].Day != 0 || days[1].Day != day0+3 {
		t.Errorf("got %v, want the two days that have something", days)
	}
	if !w.Archived(checkpoint.Packets, (day0 + 5).From()) {
		t.Errorf("got days not archived, want all")
	}
}

func TestDay(t *testing.T) {
	f := func(sec int64, want string) {
		t.Helper()
		d := archive.DayOf(sec)
		if d.String() != want || sec < d.From() || sec >= d.To() {
			t.Errorf("%d: got %v from %d to %d, want %s", sec, d, d.From(), d.To(), want)
		}
		if back, err := archive.ParseDay(want); err != nil || back != d {
			t.Errorf("%s: got %v, %v, want %v", want, back, err, d)
		}
	}
	f(0, "1970-01-01")
	f(86399, "1970-01-01")
	f(-1, "1969-12-31")
	f(-86400, "1969-12-31")
	f(-86401, "1969-12-30")
	f(1_700_000_000, "2023-11-14")
	for _, bad := range []string{"", "2023-1-1", "2023-13-01", "2023-11-14/"} {
		if d, err := archive.ParseDay(bad); err == nil {
			t.Errorf("%q: got %v, want an error", bad, d)
		}
	}
}
