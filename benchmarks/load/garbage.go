package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"runtime/metrics"
	"runtime/pprof"
	"time"

	"tallystick/benchmarks/process"
)

// A watch tells what collecting garbage costs in a phase.
type watch struct {
	profile bytes.Buffer
	begin   readings
}

// readings are what the runtime tells.
type readings struct {
	collections uint64
	all, stop   metrics.Float64Histogram // pauses, and of each the part until the last thread had stopped
}

func read() readings {
	s := []metrics.Sample{
		{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/sched/pauses/total/gc:seconds"}, {Name: "/sched/pauses/stopping/gc:seconds"},
	}
	metrics.Read(s)
	return readings{s[0].Value.Uint64(), *s[1].Value.Float64Histogram(), *s[2].Value.Float64Histogram()}
}

// startWatch begins.
func startWatch() (*watch, error) {
	w := &watch{begin: read()}
	return w, pprof.StartCPUProfile(&w.profile)
}

// end ends it, and writes a line.
func (w *watch) end(phase string, out io.Writer) error {
	pprof.StopCPUProfile()
	var p process.Profiled
	if err := p.Add(w.profile.Bytes()); err != nil {
		return err
	}
	now := read()
	fmt.Fprintf(out, "%-12s %11d %15.2f %14v %14v %24v\n", phase, now.collections-w.begin.collections, 100*p.Share(),
		since(now.all, w.begin.all, 0.5), since(now.all, w.begin.all, 1), since(now.stop, w.begin.stop, 1))
	return nil
}

const watchHead = "garbage      collections        % of CPU  pause, median        longest  of it until all stopped"

// since returns a time that so large a part of what came into a histogram since before did not exceed: the
// upper bound of its bucket.
func since(now, before metrics.Float64Histogram, part float64) time.Duration {
	counts, all := make([]uint64, len(now.Counts)), uint64(0)
	for i := range counts {
		counts[i] = now.Counts[i] - before.Counts[i]
		all += counts[i]
	}
	rank, seen := uint64(math.Ceil(part*float64(all))), uint64(0)
	for i, n := range counts {
		if seen += n; seen >= rank && n > 0 {
			return time.Duration(now.Buckets[i+1] * float64(time.Second)).Round(time.Microsecond)
		}
	}
	return 0
}
