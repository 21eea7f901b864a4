package retain_test

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"

	"tallystick/internal/retain"
)

func TestPercent(t *testing.T) {
	f := func(live, slabs, since int64, want int) {
		t.Helper()
		if got := retain.Percent(live*megabyte, slabs*megabyte, since*megabyte); got != want {
			t.Errorf("%d MiB, %d of them slabs, and %d since: got %d, want %d", live, slabs, since, got, want)
		}
	}
	f(0, 0, 0, 100)
	f(8, 0, 0, 100)
	f(16, 0, 0, 50)
	f(32, 0, 0, 50)
	f(100, 0, 0, 50)
	f(100, 80, 0, 10)
	f(20, 80, 0, 10) // they came since, and that was not seen
	f(10_000, 9_000, 0, 5)
	f(1_000_000, 1_000_000, 0, 1)
	f(100, 80, 90, 100) // 10 for garbage, 90 for slabs
	f(100, 0, 1000, 1050)
	f(100, 80, -50, 10)
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
	if got := g.Step(); got != 100_000 {
		t.Errorf("with slabs that have come since: got %d, want room for them", got)
	}
	runtime.GC()
	if got := g.Step(); got != 1 {
		t.Errorf("when they live: got %d, want 1", got)
	}
	if got := debug.SetGCPercent(100); got != 1 {
		t.Errorf("the runtime has %d, want 1", got)
	}
	if got := g.Step(); got != 0 {
		t.Errorf("got %d, and nothing has changed", got)
	}
}

func TestGarbageGoesBack(t *testing.T) {
	released := func() int64 {
		s := []metrics.Sample{{Name: "/memory/classes/heap/released:bytes"}}
		metrics.Read(s)
		return int64(s[0].Value.Uint64())
	}
	slabs := int64(100 * megabyte)
	g := retain.Garbage{Slabs: func() int64 { return slabs }}
	trims := func() (n int) {
		for range 20 {
			if g.Trim() {
				n++
			}
		}
		return n
	}
	trims()
	if n := trims(); n != 0 {
		t.Errorf("nothing was allocated: got %d, want 0", n)
	}
	before := released()
	during := func() int64 {
		room := make([]byte, 64*megabyte)
		for i := 0; i < len(room); i += 512 {
			room[i] = 1
		}
		defer runtime.KeepAlive(room)
		return released()
	}()
	if n := trims(); n != 1 {
		t.Errorf("64 MiB of garbage: got %d, want 1", n)
	}
	if after := released(); after < min(before, during)+32*megabyte {
		t.Errorf("released were %d bytes, %d with 64 MiB in use, and now %d", before, during, after)
	}
	if slabs /= 2; trims() != 1 {
		t.Error("slabs given back stay with the process")
	}
}
