package retain_test

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"tallystick/internal/retain"
)

// TestClockJumps: the rule is the clock. One that is a day ahead frees a day too much, one that
// is a year ahead everything; one that is behind frees nothing, and when it is right again
// all goes on as if it had always been.
func TestClockJumps(t *testing.T) {
	const day = 24 * time.Hour
	const block = 512 * time.Second
	now := time.Unix(1_700_000_000, 0)
	f := func(jumps []time.Duration, want []int) {
		t.Helper()
		s, b := newStore(t), &book{}
		for i := range 10 {
			write(t, s, "n", now.Add(-time.Duration(i)*day))
		}
		w := &retain.Worker{Store: s, Table: newTable(t), Ledger: b, Config: retain.Config{Memory: 10 * day}, Log: slog.New(slog.DiscardHandler)}
		var got []int
		for _, jump := range jumps {
			w.Step(t.Context(), now.Add(jump+block)) // a block goes as a whole
			got = append(got, s.Stats().Blocks)
		}
		write(t, s, "n", now.Add(block)) // what comes then is kept
		w.Step(t.Context(), now.Add(2*block))
		if got = append(got, s.Stats().Blocks); !slices.Equal(got, want) {
			t.Errorf("clock ahead by %v: got %v blocks, want %v", jumps, got, want)
		}
	}
	f([]time.Duration{0}, []int{10, 11})
	f([]time.Duration{day, 0}, []int{9, 9, 10})
	f([]time.Duration{365 * day, 0}, []int{0, 0, 1})
	f([]time.Duration{-day, 0}, []int{10, 10, 11})
	f([]time.Duration{-365 * day, 0}, []int{10, 10, 11})
}
