package run_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"tallystick/internal/run"
)

func TestWait(t *testing.T) {
	f := func(d, ends time.Duration, want bool, took time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), ends)
			defer cancel()
			began := time.Now()
			if got := run.Wait(ctx, d); got != want || time.Since(began) != took {
				t.Errorf("%v, and an end after %v: got %v after %v, want %v after %v", d, ends, got, time.Since(began), want, took)
			}
		})
	}
	f(time.Second, time.Minute, true, time.Second)
	f(time.Minute, time.Second, false, time.Second)
	f(time.Minute, 0, false, 0)
}
