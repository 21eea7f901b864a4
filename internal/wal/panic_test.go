package wal_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"tallystick/internal/durable"
)

// panics names the case to the process that TestPanic starts.
const panics = "TALLYTEST_PANICS"

// A panic in what the log calls ends the process, also where somebody recovers it: all that
// come later would wait for ever.
func TestPanic(t *testing.T) {
	if name := os.Getenv(panics); name != "" {
		recovered(t, name)
		return
	}
	for _, name := range []string{"apply", "turn"} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestPanic$")
		cmd.Env = append(os.Environ(), panics+"="+name)
		out, err := cmd.CombinedOutput()
		if text := string(out); err == nil || !strings.Contains(text, "panic: a bug, as a record") || !strings.Contains(text, "wal_test.recovered") {
			t.Errorf("%s: got %v and\n%s\nwant the panic, and where it was", name, err, text)
		}
	}
}

// recovered does what panics, and recovers it.
func recovered(t *testing.T, name string) {
	t.Helper()
	l := open(t.TempDir(), durable.OS{})
	defer func() {
		_ = recover()
		commit(t, l, "after it")
	}()
	if name == "turn" {
		l.Turn(func(time.Time) { panic("a bug") })
	}
	_ = l.Commit(&entry{applied: func([]byte, time.Time) { panic("a bug") }})
}
