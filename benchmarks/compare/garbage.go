package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tallystick/benchmarks/process"
)

// garbage begins to watch what part of the processor's time the collector of garbage takes, of a peer that
// tells. The function that is returned waits for the end of it.
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
	share, err := process.CollectorShare(body)
	if err != nil {
		return err
	}
	t.put(garbageShare, 100*share)
	if t.profiles == "" {
		return nil
	}
	if err := os.MkdirAll(t.profiles, 0o750); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(t.profiles, strings.ReplaceAll(t.name, " ", "-")+"-series-cpu.prof"), body, 0o600)
}
