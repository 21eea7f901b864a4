package process

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// Profiled is processor time that CPU profiles of a Go program saw.
type Profiled struct {
	All       time.Duration
	Collector time.Duration // of it, of the collector of garbage
}

// Add adds what a profile has, in the form of pprof. The runtime tells the collector's time too, but counts as
// work how long its threads wait for a core.
func (p *Profiled) Add(cpuProfile []byte) error {
	parsed, err := profile.Parse(bytes.NewReader(cpuProfile))
	if err != nil {
		return fmt.Errorf("read profile: %w", err)
	}
	for _, s := range parsed.Sample {
		d := time.Duration(s.Value[len(s.Value)-1]) // the first value is how many samples that were
		if p.All += d; slices.ContainsFunc(s.Location, isCollector) {
			p.Collector += d
		}
	}
	return nil
}

// Share returns the collector's part, from 0 to 1.
func (p *Profiled) Share() float64 { return float64(p.Collector) / float64(max(p.All, 1)) }

// isCollector reports whether a place is in a function of Go's runtime below which all is for the collector:
// those that mark, sweep and give memory back, and what others do for it while they allocate.
func isCollector(l *profile.Location) bool {
	collector := []string{"runtime.gc", "runtime.bgsweep", "runtime.bgscavenge", "runtime.sweepone", "runtime.(*sweepLocked)", "runtime.wbBufFlush"}
	return slices.ContainsFunc(l.Line, func(line profile.Line) bool {
		return line.Function != nil && slices.ContainsFunc(collector, func(prefix string) bool { return strings.HasPrefix(line.Function.Name, prefix) })
	})
}
