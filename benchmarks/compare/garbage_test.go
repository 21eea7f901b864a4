package main

import (
	"bytes"
	"runtime"
	"runtime/pprof"
	"testing"

	"github.com/google/pprof/profile"
)

// TestGarbage: of a program that does nothing but collect garbage, much is found to be that, and of one that
// has no garbage, nothing.
func TestGarbage(t *testing.T) {
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
		p, err := profile.Parse(&b)
		if err != nil {
			t.Fatal(err)
		}
		if got := shareOf(p, isCollector); got < least || got > most {
			t.Errorf("%s: %.3f is for the collector, want %v to %v", name, got, least, most)
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
	runtime.KeepAlive(live)
	runtime.KeepAlive(sum)
}
