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
	leastGarbage = 8 << 20
	// garbageOf is how much of what the collector has to look through may gather as garbage
	// before it runs. With half of it, it takes under two percent of what ingest takes
	// (benchmarks/README.md).
	garbageOf = 0.5

	// pace is how often slabs are counted: in a second many may come at once, when all series begin
	// to need more room in the same slot.
	pace = 100 * time.Millisecond

	// calm is how many looks in a row find less than a little allocated, in bytes, until what
	// is free goes back to the system. Ingest allocates less than that.
	calm   = 5
	little = 1 << 20

	// most bounds GOGC, which is a small number for the runtime.
	most = 100_000

	// atStart is GOGC until the first look: a start makes much that stays, and little garbage.
	atStart = 400
)

// A Garbage chooses how much garbage gathers before it is collected. The runtime lets as
// much gather as lives, which is too much for a store: most of what lives are slabs of
// samples, which cost the collector nothing and would only double the memory. So what
// counts is what lives besides them. New slabs are no garbage either: there is room for
// them, else a store that grows would be looked through again and again.
//
// What was garbage stays with the process otherwise, for the next. When nothing much was
// allocated for some seconds, it goes back to the system: after a start, a burst of queries,
// or when slabs are no longer wanted.
//
// It does nothing if the operator has chosen, by GOGC in the environment.
type Garbage struct {
	Slabs func() int64 // bytes

	percent int    // as set last
	cycles  uint64 // how often it had been collected
	lived   int64  // slabs when that was seen
	allocs  uint64 // bytes that were ever allocated, at the last look
	slabs   int64  // at the last look
	loose   int64  // bytes that were allocated, or slabs given back, since the last that went to the system
	quiet   int    // looks
}

// Begin is for the start, before Run.
func (*Garbage) Begin() {
	if !chosen() {
		debug.SetGCPercent(atStart)
	}
}

// Run looks again and again, until ctx ends.
func (g *Garbage) Run(ctx context.Context) error {
	step, trim := time.NewTicker(pace), time.NewTicker(look)
	defer step.Stop()
	defer trim.Stop()
	for {
		select {
		case <-step.C:
			g.Step()
		case <-trim.C:
			g.Trim()
		case <-ctx.Done():
			return nil
		}
	}
}

// Step looks once, and returns what GOGC is to be from now on; 0 if that is as it was.
func (g *Garbage) Step() int {
	if chosen() {
		return 0
	}
	slabs := g.Slabs()
	if cycles := read("/gc/cycles/total:gc-cycles"); cycles != g.cycles {
		g.cycles, g.lived = cycles, slabs
	}
	percent := Percent(live(), g.lived, slabs-g.lived)
	if d := percent - g.percent; d*10 < g.percent && d*10 > -g.percent {
		return 0 // to set it stops everything for a moment
	}
	g.percent = percent
	debug.SetGCPercent(percent)
	return percent
}

// Trim looks once, and reports whether it gave what is free back to the system.
func (g *Garbage) Trim() bool {
	if chosen() {
		return false
	}
	allocs, slabs := read("/gc/heap/allocs:bytes"), g.Slabs()
	grown := int64(allocs-g.allocs) + max(0, g.slabs-slabs) //nolint:gosec // memory of this machine
	g.allocs, g.slabs = allocs, slabs
	g.loose += grown
	if g.quiet++; grown > little {
		g.quiet = 0
	}
	if g.quiet < calm || g.loose < leastGarbage {
		return false
	}
	g.loose = 0
	debug.FreeOSMemory()
	return true
}

// chosen reports whether the operator has chosen.
func chosen() bool {
	_, ok := os.LookupEnv("GOGC")
	return ok
}

// Percent returns the GOGC for a heap of which so many bytes lived when the collector ran
// last, slabs of them, and so many bytes of slabs have come since.
func Percent(live, slabs, since int64) int {
	rest, of := float64(max(live-slabs, 0)), float64(max(live, slabs, 1))
	may := min(max(leastGarbage, garbageOf*rest), of)
	return max(1, min(most, int(100*(may+float64(max(since, 0)))/of)))
}

func live() int64 {
	return int64(read("/gc/heap/live:bytes")) //nolint:gosec // memory of this machine
}

// read returns a metric of the runtime that is a number, 0 if there is none of the name.
func read(name string) uint64 {
	s := []metrics.Sample{{Name: name}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return s[0].Value.Uint64()
}
