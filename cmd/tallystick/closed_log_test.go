package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallystick/internal/capture"
	"tallystick/internal/cli"
)

// A segment of the log that cannot be opened is not lost: no checkpoint takes its place,
// and no server starts without it. Once it can be opened, all of it is there.
func TestLogClosed(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := capture.Load(capture.Demo(), capture.DemoName)
	if err != nil {
		t.Fatal(err)
	}
	forever := []string{"--set", "retention.ledger=36500d", "--set", "retention.memory=36500d"}
	s := serveIn(t, forever...)
	s.feed(c)
	want, _ := s.report()
	open := closeLog(t)
	s.cancel()
	if code := <-s.code; code != cli.Failure || !strings.Contains(s.out.String(), "cannot be opened") {
		t.Errorf("got exit code %d, want %d, and that the log cannot be opened; it printed:\n%s", code, cli.Failure, s.out)
	}
	again := append([]string{"serve", "--set", "http.listen=127.0.0.1:0", "--set", "udp.listen=127.0.0.1:0"}, forever...)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // else one that starts would go on
	defer cancel()
	out := newTerminal()
	if code := execute(ctx, again, out, out); code != cli.Failure || !strings.Contains(out.String(), "cannot be opened") {
		t.Errorf("got exit code %d, want %d, and that the log cannot be opened; it printed:\n%s", code, cli.Failure, out)
	}
	open()
	s = serveIn(t, forever...)
	if got, _ := s.report(); string(got) != string(want) {
		t.Errorf("got another report than before:\n%s\nwant:\n%s", got, want)
	}
	s.stop()
	r := tally(t, "replay", "--set", "collect.hold=1s", "--run", "r")
	if r.code != cli.OK || r.stdout != string(want) {
		t.Errorf("replay: got exit code %d, %s\n%s\nwant the same report as before", r.code, r.stderr, r.stdout)
	}
}

// closeLog puts the segments of the log where nobody finds them, and in their places what
// not even root can open. open undoes it.
func closeLog(t *testing.T) (open func()) {
	t.Helper()
	all, err := filepath.Glob("checkpoints/*/*.wal")
	if err != nil || len(all) == 0 {
		t.Fatalf("got segments %v, %v, want some", all, err)
	}
	for _, path := range all {
		if err := os.Rename(path, path+".aside"); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Base(path), path); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		for _, path := range all {
			if err := os.Rename(path+".aside", path); err != nil {
				t.Fatal(err)
			}
		}
	}
}
