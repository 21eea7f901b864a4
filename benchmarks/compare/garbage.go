package main

import (
	"context"
	"fmt"
	"time"

	"tallystick/benchmarks/process"
)

// watching is how long one profile takes; they follow each other.
const watching = 5 * time.Second

// garbage begins to watch what part of the processor's time the collector of garbage takes, of a peer that
// tells. The function that is returned ends it.
func (t *trial) garbage(ctx context.Context) (end func() error) {
	p, ok := t.peer.(profiler)
	if !ok {
		return func() error { return nil }
	}
	over, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- t.watch(ctx, p, over) }()
	return func() error {
		close(over)
		return <-done
	}
}

// watch takes profiles until it is over.
func (t *trial) watch(ctx context.Context, p profiler, over <-chan struct{}) error {
	var seen process.Profiled
	for {
		body, _, err := t.drive.do(ctx, p.profile(fmt.Sprintf("profile?seconds=%d", int(watching.Seconds()))))
		if err == nil {
			err = seen.Add(body)
		}
		if err != nil {
			return err
		}
		select {
		case <-over:
			t.put(garbageShare, 100*seen.Share())
			return nil
		default:
		}
	}
}
