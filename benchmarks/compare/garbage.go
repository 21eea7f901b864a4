package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/pprof/profile"
)

// garbage begins to watch what part of the processor's time the collector of garbage takes, of a peer that
// tells. The function that is returned waits for the end of it. The runtime tells such a part too, but counts
// as work how long a thread waits for a core.
func (t *trial) garbage(ctx context.Context) (end func() error) {
	p, ok := t.peer.(profiler)
	if !ok {
		return func() error { return nil }
	}
	done := make(chan error, 1)
	go func() {
		body, _, err := t.drive.do(ctx, p.profile(fmt.Sprintf("profile?seconds=%d", int(t.watching.Seconds()))))
		done <- errors.Join(err, t.putGarbage(body))
	}()
	return func() error { return <-done }
}

func (t *trial) putGarbage(body []byte) error {
	p, err := profile.Parse(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("read profile: %w", err)
	}
	t.put(garbageShare, 100*shareOf(p, isCollector))
	if t.profiles == "" {
		return nil
	}
	if err := os.MkdirAll(t.profiles, 0o750); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(t.profiles, strings.ReplaceAll(t.name, " ", "-")+"-series-cpu.prof"), body, 0o600)
}

// shareOf returns the part of a CPU profile that is below functions.
func shareOf(p *profile.Profile, is func(function string) bool) float64 {
	var all, those int64
	for _, s := range p.Sample {
		n := s.Value[0]
		all += n
		if slices.ContainsFunc(s.Location, func(l *profile.Location) bool {
			return slices.ContainsFunc(l.Line, func(line profile.Line) bool { return line.Function != nil && is(line.Function.Name) })
		}) {
			those += n
		}
	}
	return float64(those) / float64(max(all, 1))
}

// isCollector reports whether a function of Go's runtime is below which all is for the collector: those that
// mark, sweep and give memory back, and what others do for it while they allocate.
func isCollector(function string) bool {
	for _, prefix := range []string{"runtime.gc", "runtime.bgsweep", "runtime.bgscavenge", "runtime.sweepone", "runtime.(*sweepLocked)", "runtime.wbBufFlush"} {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return false
}
