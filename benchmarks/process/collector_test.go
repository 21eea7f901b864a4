package process_test

import (
	"bytes"
	"runtime"
	"runtime/pprof"
	"testing"

	"tallystick/benchmarks/process"
)

// TestCollectorShare: of a program that does nothing but collect garbage, much is found to be that, and of one that
// has no garbage, nothing.
func TestCollectorShare(t *testing.T) {
	f := func(name string, least, most float64, do func()) {
		t.Helper()
		var b bytes.Buffer
		if err := pprof.StartCPUProfile(&b); err != nil {
			t.Skip(err) // another is being made
		}
		for range 30 {
			do()
		}
		pprof.StopCPUProfile()
		got, err := process.CollectorShare(b.Bytes())
		if err != nil || got < least || got > most {
			t.Errorf("%s: got %.3f, %v, want %v to %v", name, got, err, least, most)
		}
	}
	live := make([]*[16]*int, 200_000)
	for i := range live {
		live[i] = new([16]*int)
	}
	f("garbage", 0.25, 1, runtime.GC) // its caller spins meanwhile
	sum := 0
	f("none", 0, 0.1, func() {
		for i := range 10_000_000 {
			sum += i * sum
		}
	})
	if _, err := process.CollectorShare([]byte("junk")); err == nil {
		t.Error("junk: no error")
	}
	runtime.KeepAlive(live)
	runtime.KeepAlive(sum)
}
