package retain_test

import (
	"os"
	"runtime/debug"
	"testing"

	"tallystick/internal/retain"
)

func TestPercent(t *testing.T) {
	f := func(live, slabs int64, want int) {
		t.Helper()
		if got := retain.Percent(live*megabyte, slabs*megabyte); got != want {
			t.Errorf("%d MiB, %d of them slabs: got %d, want %d", live, slabs, got, want)
		}
	}
	f(0, 0, 100)
	f(10, 0, 100)
	f(32, 0, 50)
	f(100, 0, 50)
	f(100, 80, 16)
	f(20, 80, 20) // they came since
	f(10_000, 9_000, 5)
	f(1_000_000, 1_000_000, 1)
}

func TestGarbage(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	slabs := int64(0)
	g := retain.Garbage{Slabs: func() int64 { return slabs }}
	t.Setenv("GOGC", "77")
	if got := g.Step(); got != 0 {
		t.Errorf("got %d, where the operator has chosen", got)
	}
	if err := os.Unsetenv("GOGC"); err != nil { // Setenv puts it back
		t.Fatal(err)
	}
	if got := g.Step(); got == 0 {
		t.Error("nothing was set")
	}
	slabs = 1 << 40
	if got := g.Step(); got != 1 {
		t.Errorf("got %d, want 1", got)
	}
	if got := debug.SetGCPercent(100); got != 1 {
		t.Errorf("the runtime has %d, want 1", got)
	}
	if got := g.Step(); got != 0 {
		t.Errorf("got %d, and nothing has changed", got)
	}
}
