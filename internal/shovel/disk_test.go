//go:build linux

package shovel_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// small mounts a file system of so many bytes, or skips the test where that may not be done.
func small(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// Ensure that a full disk costs what comes while it is full, which is counted, and nothing
// else: what was in the queue stays, and it goes on by itself when there is room.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	s.cfg.Queue.Dir = small(t, "24m")
	filler := filepath.Join(s.cfg.Queue.Dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 15<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s.broker.Down()
	s.start()
	dropped := func() float64 { return s.counter("tallystick_shovel_dropped_total") }
	n := 0
	settled := func() { // the queue has had all that was sent
		s.eventually(func() bool { return s.shovel.Status(t.Context()).Queue.Next == uint64(n+1) })
	}
	for dropped() == 0 {
		s.send(n, 1000)
		n += 1000
	}
	s.send(n, 1000)
	n += 1000
	settled()
	if got := s.shovel.Status(t.Context()).Queue; got.OK || !strings.Contains(got.Problem, "the disk has less than") {
		t.Errorf("got %+v, want a queue that tells why it takes nothing", got)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	s.eventually(func() bool {
		before := dropped()
		for range 2 { // what becomes of the first is counted before the second
			s.send(n, 1)
			n++
			settled()
		}
		return dropped() == before
	})
	s.send(n, 1000)
	n += 1000
	settled()
	s.broker.Up()
	want := n - int(dropped())
	ms := s.received(want)
	if len(ms) != want {
		t.Errorf("got %d messages, want %d", len(ms), want)
	}
	last := -1
	for _, m := range ms {
		if m.number() <= last {
			t.Fatalf("got datagram %d after %d", m.number(), last)
		}
		last = m.number()
	}
	if got := s.counter("tallystick_shovel_lost_total"); got != dropped() {
		t.Errorf("got %v datagrams told as lost by the output, want %v", got, dropped())
	}
}
