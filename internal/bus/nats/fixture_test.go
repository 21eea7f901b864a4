package nats_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/bus"
	"tallystick/internal/bus/nats"
	"tallystick/internal/bus/nats/natstest"
)

func TestMain(m *testing.M) {
	if !natstest.Serve() {
		m.Run()
	}
}

// A listener is a connection with one Subscriber, and what it heard.
type listener struct {
	t    *testing.T
	reg  *prometheus.Registry
	conn *nats.Conn
	stop func() error // ends the Subscriber, then the connection

	mu      sync.Mutex
	log     bytes.Buffer
	heard   []string
	again   map[string]int // messages that were told to be given out again
	answer  func(bus.Message) bus.Answer
	entered chan struct{} // gets a value with each message, if there is room
}

// Write takes the log.
func (l *listener) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.Write(p)
}

func (l *listener) logged() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.String()
}

func (l *listener) handle(ctx context.Context, m bus.Message) bus.Answer {
	if ctx.Err() != nil {
		l.t.Error("the Handler was given a context that has ended")
	}
	select {
	case l.entered <- struct{}{}:
	default:
	}
	a := l.answer(m)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, string(m.Data))
	if m.Again {
		l.again[string(m.Data)]++
	}
	clear(m.Data) // it is not the Handler's any more
	return a
}

func (l *listener) texts() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.heard)
}

func taken(bus.Message) bus.Answer { return bus.Taken }

func listen(t *testing.T, cfg nats.Config, sub nats.Subscription, answer func(bus.Message) bus.Answer) *listener {
	t.Helper()
	l := &listener{t: t, reg: prometheus.NewRegistry(), again: make(map[string]int), answer: answer, entered: make(chan struct{}, 1)}
	if cfg.Retry == 0 {
		cfg.Retry = 50 * time.Millisecond
	}
	var err error
	l.conn, err = nats.Connect(cfg, l.reg, slog.New(slog.NewTextHandler(l, nil)))
	if err != nil {
		t.Fatal(err)
	}
	sub.Name = "test"
	s, err := l.conn.Subscribe(sub, l.handle)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	l.stop = sync.OnceValue(func() error {
		cancel()
		err := <-done
		l.conn.Close()
		return err
	})
	t.Cleanup(func() { _ = l.stop() })
	return l
}

func urls(u string) nats.Config { return nats.Config{URLs: []string{u}} }

// until waits until ok, for not more than half a minute.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("half a minute without %s", what)
		}
	}
}

// hears waits until n messages have been heard.
func (l *listener) hears(n int) {
	l.t.Helper()
	until(l.t, "the messages", func() bool { return len(l.texts()) >= n })
}

// ready waits until the broker knows of the subscription.
func (l *listener) ready() {
	l.t.Helper()
	until(l.t, "a subscription", func() bool {
		return l.count("connected") == 1 && (strings.Contains(l.logged(), "subscribed") || strings.Contains(l.logged(), "consuming"))
	})
	if err := l.conn.Flush(); err != nil {
		l.t.Fatal(err)
	}
}

// count returns a metric; labels are those of which it must have one.
func (l *listener) count(name string, labels ...string) int {
	l.t.Helper()
	all, err := l.reg.Gather()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() != "tallystick_nats_"+name {
			continue
		}
		for _, m := range f.GetMetric() {
			got := []string{}
			for _, p := range m.GetLabel() {
				got = append(got, p.GetValue())
			}
			if len(labels) > 0 && !slices.Contains(got, labels[0]) {
				continue
			}
			return int(m.GetCounter().GetValue() + m.GetGauge().GetValue())
		}
	}
	l.t.Fatalf("no metric %s", name)
	return 0
}

func (l *listener) wantCount(want int, name string, labels ...string) {
	l.t.Helper()
	if got := l.count(name, labels...); got != want {
		l.t.Errorf("%s %v: got %d, want %d", name, labels, got, want)
	}
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
