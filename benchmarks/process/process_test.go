package process_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallystick/benchmarks/process"
)

func start(t *testing.T, script string) *process.Process {
	t.Helper()
	p, err := process.Start(exec.CommandContext(t.Context(), "sh", "-c", script), filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestUsage(t *testing.T) {
	p := start(t, "while :; do :; done")
	defer p.Kill()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	if err := p.Poll(ctx, func() bool { return p.Usage().CPU >= 50*time.Millisecond }); err != nil {
		t.Fatal(err)
	}
	u := p.Usage()
	if wall := time.Since(p.Began); u.CPU > wall+10*time.Millisecond {
		t.Errorf("a process of one thread has used %v in %v", u.CPU, wall)
	}
	if u.Own <= 0 || u.RSS < 100<<10 || u.RSS < u.Own || u.Peak < u.RSS {
		t.Errorf("%d bytes of memory, %d of them its own, and %d at most", u.RSS, u.Own, u.Peak)
	}
	p.Kill()
	if got := p.Usage(); got != (process.Usage{}) {
		t.Errorf("of a process that has ended: %+v", got)
	}
}

func TestStop(t *testing.T) {
	p := start(t, "trap 'echo stopping; exit 0' TERM; echo began; while :; do sleep 0.01; done")
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	if err := p.Poll(ctx, func() bool { return strings.Contains(p.LastWords(), "began") }); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if got, want := p.LastWords(), "began\nstopping\n"; got != want {
		t.Errorf("it said %q, want %q", got, want)
	}
}

func TestStopOfOneThatDoesNot(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	p := start(t, "trap '' TERM; : >"+ready+"; while :; do sleep 0.01; done")
	deaf := func() bool {
		_, err := os.Stat(ready)
		return err == nil
	}
	if err := p.Poll(t.Context(), deaf); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if _, err := p.Stop(ctx); err == nil {
		t.Error("no error")
	}
}

func TestPollTellsWhyItEnded(t *testing.T) {
	p := start(t, "echo no memory; exit 3")
	err := p.Poll(t.Context(), func() bool { return false })
	if err == nil || !strings.Contains(err.Error(), "no memory") || !strings.Contains(err.Error(), "3") {
		t.Errorf("got %v, want the status and the last words", err)
	}
}

func TestFreeAddr(t *testing.T) {
	addr, err := process.FreeAddr(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
}

func TestDiskUse(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "a", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x", "a/y", "a/b/z"} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 100_000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := process.DiskUse(dir)
	if err != nil || got < 300_000 || got > 400_000 {
		t.Errorf("got %d, %v, want the blocks of 300,000 bytes", got, err)
	}
}
