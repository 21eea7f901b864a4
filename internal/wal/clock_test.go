package wal_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"tallystick/internal/durable"
	"tallystick/internal/wal"
)

// times returns those of the records in the log.
func times(t *testing.T, dir string) (out []time.Time) {
	t.Helper()
	for r, err := range wal.Read(durable.OS{}, dir, 0, 0, nil) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r.At)
	}
	return out
}

// TestClockJumps: the times of records follow a clock that is set ahead, and one that is put
// right again, also where a life in between ended with the wrong time; but not the small
// corrections that every clock gets, for which they stand still.
func TestClockJumps(t *testing.T) {
	begin := time.Unix(1_700_000_000, 0)
	const second, day, year = time.Second, 24 * time.Hour, 365 * 24 * time.Hour
	f := func(restart bool, clock, want []time.Duration) {
		t.Helper()
		dir := t.TempDir()
		now := begin
		tell := func() time.Time { return now }
		l := wal.New(config(dir, wal.Never), durable.OS{}, tell, quiet())
		for i, d := range clock {
			if restart && i > 0 {
				l = wal.New(config(dir, wal.Never), durable.OS{}, tell, quiet())
				l.After(times(t, dir)[i-1], 0)
			}
			now = begin.Add(d)
			commit(t, l, strconv.Itoa(i))
		}
		var got []time.Duration
		for _, at := range times(t, dir) {
			got = append(got, at.Sub(begin))
		}
		if !slices.Equal(got, want) {
			t.Errorf("restarts %v, clock at %v: got records of %v, want %v", restart, clock, got, want)
		}
	}
	for _, restart := range []bool{false, true} {
		f(restart, []time.Duration{0, day, day + second}, []time.Duration{0, day, day + second})
		f(restart, []time.Duration{0, year, second}, []time.Duration{0, year, second})
		f(restart, []time.Duration{0, day, second, 2 * second}, []time.Duration{0, day, second, 2 * second})
		f(restart, []time.Duration{0, -year, second}, []time.Duration{0, -year, second})
		f(restart, []time.Duration{60 * second, 0, second, 61 * second}, []time.Duration{60 * second, 60 * second, 60 * second, 61 * second})
	}
}
