package main

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Ensure a service manager is told that all are ready, that they live, and that they stop.
func TestServeNotifies(t *testing.T) {
	t.Chdir(t.TempDir())
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "100000")
	s := serveIn(t)
	until := func(state, status string) {
		t.Helper()
		conn.SetReadDeadline(time.Now().Add(time.Minute))
		for b := make([]byte, 4096); ; {
			n, err := conn.Read(b)
			if err != nil {
				t.Fatalf("nobody told %s with the status %q: %v", state, status, err)
			}
			if got, ok := strings.CutPrefix(string(b[:n]), state+"\nSTATUS="); ok && strings.HasPrefix(got, status) {
				return
			}
		}
	}
	until("READY=1", "serving "+s.url+": 0 series, ")
	until("WATCHDOG=1", "serving")
	s.stop()
	until("STOPPING=1", "stopping")
}
