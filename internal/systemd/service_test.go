package systemd_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallystick/internal/systemd"
)

// A manager hears what services tell.
type manager struct {
	*testing.T
	conn *net.UnixConn
}

func newManager(t *testing.T) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return &manager{t, conn}
}

// heard returns the next that is told.
func (m *manager) heard() string {
	m.Helper()
	b := make([]byte, 4096)
	m.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, err := m.conn.Read(b)
	if err != nil {
		m.Fatal(err)
	}
	return string(b[:n])
}

func (m *manager) want(want string) {
	m.Helper()
	if got := m.heard(); got != want {
		m.Errorf("got %q, want %q", got, want)
	}
}

// silent reports that nothing was told.
func (m *manager) silent() {
	m.Helper()
	m.conn.SetReadDeadline(time.Now().Add(-time.Second))
	if n, err := m.conn.Read(make([]byte, 4096)); err == nil {
		m.Errorf("got %d bytes, want nothing", n)
	}
}

func service(alive func(context.Context) error) *systemd.Service {
	return &systemd.Service{
		Alive: alive, Status: func() string { return "two\nlines" },
		Log: slog.New(slog.DiscardHandler),
	}
}

func well(context.Context) error { return nil }

// run runs a part until the function that it returns is called.
func run(t *testing.T, part func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- part(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("got %v, want nil", err)
		}
	}
}

func TestReady(t *testing.T) {
	m := newManager(t)
	s := service(well)
	stop := run(t, s.Ready)
	m.want("READY=1\nSTATUS=two lines")
	s.Reload(func() {
		got := m.heard()
		if !strings.HasPrefix(got, "RELOADING=1\nMONOTONIC_USEC=") || !strings.HasSuffix(got, "\nSTATUS=reloading") {
			t.Errorf("got %q, want RELOADING=1, since when, and the status", got)
		}
		m.silent()
	})
	m.want("READY=1\nSTATUS=two lines")
	stop()
	m.want("STOPPING=1\nSTATUS=stopping")
}

// Ensure the watchdog hears from a process that is well, and only from such a one.
func TestWatch(t *testing.T) {
	m := newManager(t)
	t.Setenv("WATCHDOG_USEC", "20000")
	defer run(t, service(well).Watch)()
	for range 3 {
		m.want("WATCHDOG=1\nSTATUS=two lines")
	}
}

func TestWatchIll(t *testing.T) {
	m := newManager(t)
	t.Setenv("WATCHDOG_USEC", "20000")
	asked := make(chan bool, 100)
	stop := run(t, service(func(context.Context) error {
		asked <- true
		return errors.New("ill")
	}).Watch)
	for range 3 {
		<-asked
	}
	stop()
	m.silent()
}

// Ensure one that hangs is not taken for alive, and can still be stopped by who sees the
// end of its context.
func TestWatchHangs(t *testing.T) {
	m := newManager(t)
	t.Setenv("WATCHDOG_USEC", "20000")
	asked := make(chan bool, 1)
	stop := run(t, service(func(ctx context.Context) error {
		asked <- true
		<-ctx.Done()
		return ctx.Err()
	}).Watch)
	<-asked
	stop()
	m.silent()
}

// Ensure no watchdog, that of another process, or one that makes no sense is none.
func TestWatchNone(t *testing.T) {
	f := func(usec, pid string) {
		t.Helper()
		m := newManager(t)
		t.Setenv("WATCHDOG_USEC", usec)
		t.Setenv("WATCHDOG_PID", pid)
		run(t, service(func(context.Context) error { t.Error("somebody asks"); return nil }).Watch)()
		m.silent()
	}
	f("", "")
	f("1000", "1")
	f("x", "")
	f("-5", "")
}

// Ensure a process without a manager, or with one that has gone, does its work all the same.
func TestNobodyListens(t *testing.T) {
	var log bytes.Buffer
	s := service(well)
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	f := func(socket, want string) {
		t.Helper()
		t.Setenv("NOTIFY_SOCKET", socket)
		log.Reset()
		did := false
		s.Reload(func() { did = true })
		run(t, s.Ready)()
		if got := log.String(); !did || !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%q: reloaded %v with the log %q, want %q in it", socket, did, got, want)
		}
	}
	f("", "")
	f(filepath.Join(t.TempDir(), "gone"), "the service manager cannot be told")
}
