package shovel_test

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/bus/amqp"
	"tallystick/internal/forward"
	"tallystick/internal/shovel"
)

// Ensure that datagrams come through in their order, also when the broker is away, and when
// the shovel is stopped in between.
func TestThrough(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	o := s.cfg.Outputs["hub"]
	o.Envelope = shovel.Extended
	s.cfg.Outputs["hub"] = o
	s.start()
	s.send(0, 1000)
	s.inOrder(s.received(1000), 1000)

	s.broker.Down()
	s.send(1000, 1000)
	s.stop()
	s.start()
	s.send(2000, 10)
	s.broker.Up()
	ms := s.received(2010)
	s.inOrder(ms, 2010)
	for i, m := range ms {
		if m.Seq != uint64(i+1) || !strings.HasPrefix(m.Shoveler, "edge.") || m.Shoveler != ms[0].Shoveler || m.Arrival == 0 {
			t.Fatalf("message %d: got %+v", i, m)
		}
		if want := m.Shoveler + id(i+1); m.ID != want {
			t.Fatalf("message %d: got ID %s, want %s", i, m.ID, want)
		}
	}
}

// Ensure that an output which falls behind what is in memory goes on from the files, and in memory
// again once it has caught up.
func TestBehind(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	s.start()
	s.send(0, 10)
	s.inOrder(s.received(10), 10)
	s.broker.Down()
	n := 10
	for ; n*longSize < 2*shovel.RecentBytes; n++ {
		s.sendLong(n)
	}
	s.broker.Up()
	s.send(n, 100)
	s.inOrder(s.received(n+100), n+100)
	if got := s.counter("tallystick_shovel_lost_total"); got != 0 {
		t.Errorf("got %v datagrams told as lost, want none", got)
	}
}

// Ensure that what waits for a new output is what is in the queue, of which the first have fallen
// out, and that just this comes.
func TestNewOutput(t *testing.T) {
	s := newStation(t)
	s.cfg.Queue.MaxBytes = 1 << 20
	s.start()
	const count = 60
	for n := range count {
		s.sendLong(n)
	}
	s.received(count)
	s.stop()
	var away atomic.Bool
	var came atomic.Int64
	away.Store(true)
	late := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		came.Add(int64(strings.Count(readAll(t, r.Body), "\n")))
	}))
	defer late.Close()
	s.cfg.Outputs["late"] = shovel.Output{HTTP: forward.HTTPConfig{URL: late.URL}}
	s.start()
	waiting := func() int64 { return int64(s.shovel.Status(t.Context()).Outputs[1].Waiting) }
	want := waiting()
	if want == 0 || want > 20 {
		t.Errorf("got %d datagrams waiting, want about the 17 that there is room for", want)
	}
	away.Store(false)
	s.eventually(func() bool { return waiting() == 0 })
	if got := came.Load(); got != want {
		t.Errorf("got %d datagrams, want the %d that waited", got, want)
	}
	if got := s.counter("tallystick_shovel_lost_total"); got != 0 {
		t.Errorf("got %v datagrams told as lost, want none", got)
	}
}

// Ensure that what is wrong at the start is told, and leaves nothing open: the next start is good.
func TestStartErrors(t *testing.T) {
	s := newStation(t)
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(want string, change func(c *shovel.Config)) {
		t.Helper()
		cfg := s.cfg
		change(&cfg)
		x, err := shovel.New(t.Context(), cfg, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
		if x != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, %v, want an error with %q", x, err, want)
		}
	}
	f("not a directory", func(c *shovel.Config) { c.Queue.Dir = filepath.Join(file, "queue") })
	f("address already in use", func(c *shovel.Config) { c.UDP.Listen = []string{taken.LocalAddr().String()} })
	f("map: ", func(c *shovel.Config) { c.Map = map[string]string{"x": "y"} })
	f("metrics: ", func(c *shovel.Config) { c.Metrics = "256.0.0.1:1" })
	f("no such file", func(c *shovel.Config) {
		c.Outputs = map[string]shovel.Output{"a": {HTTP: forward.HTTPConfig{URL: "http://127.0.0.1:1", CAFile: file + ".none"}}}
	})
	s.start()
	f("another process", func(*shovel.Config) {})
	s.send(0, 1)
	s.inOrder(s.received(1), 1)
}

// Ensure that a shovel takes in what comes though the tokens of its outputs are not there yet, says so, and
// sends it when they are.
func TestTokenComesLate(t *testing.T) {
	s := newStation(t)
	taken := make(chan string, 1)
	hub := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { taken <- r.Header.Get("Authorization") }))
	t.Cleanup(hub.Close)
	token := filepath.Join(t.TempDir(), "token")
	s.cfg.Outputs = map[string]shovel.Output{
		"serve": {HTTP: forward.HTTPConfig{URL: hub.URL, TokenFile: token}},
		"away": {AMQP: shovel.AMQPOutput{
			Broker:     amqp.Config{URLs: []string{"amqp://127.0.0.1:1"}, User: "x", TokenFile: token + ".none", Retry: time.Second},
			AMQPConfig: forward.AMQPConfig{Exchange: "x"},
		}},
	}
	s.start()
	s.send(0, 1)
	s.eventually(func() bool {
		outputs := s.shovel.Status(t.Context()).Outputs
		return strings.Contains(outputs[0].Problem, "no such file") && strings.Contains(outputs[1].Problem, "no such file")
	})
	if !s.log.has("key=http.token_file") || !s.log.has("key=amqp.token_file") {
		t.Error("the log does not tell the keys")
	}
	if err := os.WriteFile(token, []byte(" t0ken \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := <-taken; got != "Bearer t0ken" {
		t.Errorf("got %q", got)
	}
}

// Ensure that a datagram that the receiver refuses for good stops nothing behind it, also where it
// was alone when it came, and that the log tells when all goes again.
func TestRefused(t *testing.T) {
	s := newStation(t)
	taken := make(chan string, 1000)
	refused := make(chan struct{}, 1000)
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := readAll(t, r.Body)
		if strings.Contains(body, `"data":"`+poison+`"`) {
			refused <- struct{}{}
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for range strings.Count(body, "\n") {
			taken <- body
		}
	}))
	t.Cleanup(hub.Close)
	s.cfg.Outputs = map[string]shovel.Output{"serve": {HTTP: forward.HTTPConfig{URL: hub.URL}}}
	s.start()
	fmt.Fprint(s.to, "<statistics>")
	<-refused
	s.send(0, 20)
	for range 20 {
		<-taken
	}
	s.eventually(func() bool { return s.counter("tallystick_shovel_sent_total") == 20 })
	if got := s.counter("tallystick_shovel_refused_total"); got != 1 {
		t.Errorf("got %v refused, want 1", got)
	}
	s.eventually(func() bool { return s.log.has("sent again") })
}

// poison is <statistics> in base64.
const poison = "PHN0YXRpc3RpY3M+"

// Ensure that an output whose broker is not there says so before anything waits.
func TestTrouble(t *testing.T) {
	s := newStation(t)
	s.cfg.Outputs["away"] = shovel.Output{AMQP: shovel.AMQPOutput{
		Broker:     amqp.Config{URLs: []string{"amqp://127.0.0.1:1"}, Retry: time.Second},
		AMQPConfig: forward.AMQPConfig{Exchange: "x"},
	}}
	s.broker.Down()
	s.start()
	problems := func() (hub, away string) {
		for _, o := range s.shovel.Status(t.Context()).Outputs {
			if o.Name == "hub" {
				hub = o.Problem
			} else {
				away = o.Problem
			}
		}
		return hub, away
	}
	s.eventually(func() bool { hub, away := problems(); return hub != "" && strings.Contains(away, "connection refused") })
	if !s.log.has(`receiver="amqp://127.0.0.1:1 x"`) {
		t.Error("the log does not tell which receiver is away")
	}
	s.broker.Up()
	s.eventually(func() bool { hub, away := problems(); return hub == "" && away != "" })
}
