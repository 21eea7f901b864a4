package checkpoint_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tallystick/internal/checkpoint"
)

// A recorder notes when it was asked to save.
type recorder struct {
	start time.Time
	calls []time.Duration
	fail  map[int]bool // by number of the call
	takes time.Duration
}

var errFull = errors.New("disk full")

func (r *recorder) Save(ctx context.Context) (checkpoint.Info, error) {
	n := len(r.calls)
	r.calls = append(r.calls, time.Since(r.start))
	if r.takes > 0 {
		t := time.NewTimer(r.takes)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return checkpoint.Info{}, ctx.Err()
		}
	}
	if r.fail[n] {
		return checkpoint.Info{}, errFull
	}
	return checkpoint.Info{}, ctx.Err()
}

func TestWorker(t *testing.T) {
	h := time.Hour
	f := func(r recorder, due func() bool, want []time.Duration, wantErr error) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			r.start = time.Now()
			w := &checkpoint.Worker{Saver: &r, Every: h, Grace: time.Minute, Due: due, Log: quiet()}
			ctx, stop := context.WithTimeout(t.Context(), 2*h+h/2)
			defer stop()
			if err := w.Run(ctx); !errors.Is(err, wantErr) {
				t.Errorf("got error %v, want %v", err, wantErr)
			}
			if !slices.Equal(r.calls, want) {
				t.Errorf("got saves at %v, want %v", r.calls, want)
			}
		})
	}
	f(recorder{}, nil, []time.Duration{h, 2 * h, 2*h + h/2}, nil)
	calls := 0
	early := func() bool { calls++; return calls == 1000 } // after so many seconds, from when it counts anew
	f(recorder{}, early, []time.Duration{1000 * time.Second, h + 1000*time.Second, 2*h + 1000*time.Second, 2*h + h/2}, nil)
	// One that was early and failed waits as all others.
	always := func() bool { return true }
	f(recorder{fail: map[int]bool{0: true, 1: true, 2: true}}, always, []time.Duration{time.Second, h + time.Second, 2*h + time.Second, 2*h + h/2}, nil)
	f(recorder{fail: map[int]bool{0: true, 1: true}}, nil, []time.Duration{h, 2 * h, 2*h + h/2}, nil)
	f(recorder{fail: map[int]bool{2: true}}, nil, []time.Duration{h, 2 * h, 2*h + h/2}, errFull)
	// One that runs when the context ends is cut short; the last one has the grace.
	f(recorder{takes: 50 * time.Second}, nil, []time.Duration{h, 2 * h, 2*h + h/2}, nil)
	f(recorder{takes: 45 * time.Minute}, nil, []time.Duration{h, 2 * h, 2*h + h/2}, context.DeadlineExceeded)
}
