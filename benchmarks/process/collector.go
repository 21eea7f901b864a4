package process

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/google/pprof/profile"
)

// CollectorShare returns what part of a CPU profile of a Go program is the collector of garbage, from 0 to 1.
// The runtime tells such a part too, but counts as work how long a thread of the collector waits for a core.
func CollectorShare(cpuProfile []byte) (float64, error) {
	p, err := profile.Parse(bytes.NewReader(cpuProfile))
	if err != nil {
		return 0, fmt.Errorf("read profile: %w", err)
	}
	var all, those int64
	for _, s := range p.Sample {
		n := s.Value[0]
		if all += n; slices.ContainsFunc(s.Location, isCollector) {
			those += n
		}
	}
	return float64(those) / float64(max(all, 1)), nil
}

// isCollector reports whether a place is in a function of Go's runtime below which all is for the collector:
// those that mark, sweep and give memory back, and what others do for it while they allocate.
func isCollector(l *profile.Location) bool {
	collector := []string{"runtime.gc", "runtime.bgsweep", "runtime.bgscavenge", "runtime.sweepone", "runtime.(*sweepLocked)", "runtime.wbBufFlush"}
	return slices.ContainsFunc(l.Line, func(line profile.Line) bool {
		return line.Function != nil && slices.ContainsFunc(collector, func(prefix string) bool { return strings.HasPrefix(line.Function.Name, prefix) })
	})
}
