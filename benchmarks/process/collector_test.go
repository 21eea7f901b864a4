package process_test

import (
	"bytes"
	"runtime"
	"runtime/pprof"
	"testing"

	"tallystick/benchmarks/process"
)

// TestProfiled: of a program that does nothing but collect garbage, much is found to be that, and of one that
// has no garbage, nothing.
func TestProfiled(t *testing.T) {
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
		var p process.Profiled
		if err := p.Add(b.Bytes()); err != nil || p.Share() < least || p.Share() > most || p.All == 0 {
			t.Errorf("%s: got %.3f of %v, %v, want %v to %v", name, p.Share(), p.All, err, least, most)
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
	if err := new(process.Profiled).Add([]byte("junk")); err == nil {
		t.Error("junk: no error")
	}
	runtime.KeepAlive(live)
	runtime.KeepAlive(sum)
}
