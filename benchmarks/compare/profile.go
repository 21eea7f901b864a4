package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A profiler is a peer that tells profiles of itself, as Go's package net/http/pprof does.
type profiler interface {
	// profile is the request for that of a name.
	profile(name string) request
}

// profiling is how long the processor is watched.
const profiling = 5 * time.Second

// profile begins to watch what the processor does, if profiles are wanted and the peer has them. The
// function that is returned waits for the profile, and writes it, and those of heap and locks.
func (t *trial) profile(ctx context.Context, of string) (end func() error) {
	p, ok := t.peer.(profiler)
	if t.profiles == "" || !ok {
		return func() error { return nil }
	}
	done := make(chan error, 1)
	go func() {
		done <- t.save(ctx, p, of+"-cpu", fmt.Sprintf("profile?seconds=%d", int(profiling.Seconds())))
	}()
	return func() error {
		return errors.Join(<-done, t.save(ctx, p, of+"-heap", "heap"), t.save(ctx, p, of+"-mutex", "mutex"))
	}
}

func (t *trial) save(ctx context.Context, p profiler, as, name string) error {
	body, _, err := t.drive.do(ctx, p.profile(name))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(t.profiles, 0o750); err != nil {
		return err
	}
	file := filepath.Join(t.profiles, strings.ReplaceAll(t.name, " ", "-")+"-"+as+".prof")
	t.say("%s: %s", t.name, file)
	return os.WriteFile(file, body, 0o600)
}
