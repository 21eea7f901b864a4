package retain

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// leastGarbage is how much garbage may gather in any case: less has the collector run
	// all the time in a small process.
	leastGarbage = 16 << 20
	// garbageOf is how much of what the collector has to look through may gather as garbage
	// before it runs. With half of it, it takes under two percent of what ingest takes
	// (benchmarks/README.md).
	garbageOf = 0.5
)

// A Garbage chooses how much garbage gathers before it is collected. The runtime lets as
// much gather as lives, which is too much for a store: most of what lives are slabs of
// samples, which cost the collector nothing and would only double the memory. So what
// counts is what lives besides them.
//
// It does nothing if the operator has chosen, by GOGC in the environment.
type Garbage struct {
	Slabs func() int64 // bytes

	percent int // as set last
}

// Run looks every second, until ctx ends.
func (g *Garbage) Run(ctx context.Context) error {
	t := time.NewTicker(look)
	defer t.Stop()
	for {
		g.Step()
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Step looks once, and returns what GOGC is to be from now on; 0 if that is as it was.
func (g *Garbage) Step() int {
	if _, chosen := os.LookupEnv("GOGC"); chosen {
		return 0
	}
	percent := Percent(live(), g.Slabs())
	if d := percent - g.percent; d*10 < g.percent && d*10 > -g.percent {
		return 0 // to set it stops everything for a moment
	}
	g.percent = percent
	debug.SetGCPercent(percent)
	return percent
}

// Percent returns the GOGC for a heap of which so many bytes lived when the collector ran
// last, slabs of them now.
func Percent(live, slabs int64) int {
	rest := float64(max(live-slabs, 0))
	may := max(leastGarbage, garbageOf*rest)
	return max(1, min(100, int(100*may/float64(max(live, slabs, 1)))))
}

func live() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(s[0].Value.Uint64()) //nolint:gosec // memory of this machine
}
