package forward_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/bus/nats"
	"tallystick/internal/bus/nats/natstest"
	"tallystick/internal/forward"
	"tallystick/internal/ledger"
)

func TestMain(m *testing.M) {
	if natstest.Serve() {
		return
	}
	m.Run()
}

// inStream returns what the stream S has.
func inStream(t *testing.T, js jetstream.JetStream) (got []string) {
	t.Helper()
	s, err := js.Stream(t.Context(), "S")
	if err != nil {
		t.Fatal(err)
	}
	for seq := range s.CachedInfo().State.LastSeq {
		m, err := s.GetMsg(t.Context(), seq+1)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, ids(t, string(m.Data))...)
	}
	return got
}

// TestNATS: a broker that is killed, a process that begins again, and a place that was
// not saved: the stream has each record once.
func TestNATS(t *testing.T) {
	b := natstest.StartProcess(t)
	js := natstest.Stream(t, b.Client(), "S", "records")
	l := ledger.New(ledger.Config{})
	cfg := one(forward.Output{NATS: forward.NATSConfig{Subject: "records"}, History: true})
	var want []string
	for life := range 3 {
		dir := t.TempDir() // each begins with the history again
		conn, err := nats.Connect(nats.Config{URLs: []string{b.URL()}}, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		w := start(t, l, cfg, forward.Parts{Dir: dir, NATS: func(name string) (forward.NATS, error) { return conn.Publisher(name) }})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.outs[0].Run(ctx) }()
		for i := range 30 {
			id := 100*life + i + 1
			put(l, 1, id)
			want = append(want, fmt.Sprintf("%d.1 1", id))
			if i == 10 && life == 1 {
				b.Kill()
				b.Up()
			}
		}
		until(t, "all records", func() bool { return w.count("waiting") == 0 })
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		conn.Close()
	}
	if got := inStream(t, js); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// until waits until ok, for not more than half a minute.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 1500 {
		if ok() {
			return
		}
		<-tick.C
	}
	t.Fatalf("half a minute without %s", what)
}
