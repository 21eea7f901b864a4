package shovel_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/bus/nats"
	"tallystick/internal/bus/nats/natstest"
	"tallystick/internal/forward"
	"tallystick/internal/shovel"
	"tallystick/internal/systemd"
)

const within = 20 * time.Second

// A station is a shovel at work, and a broker that it sends to.
type station struct {
	*testing.T
	broker *natstest.Broker
	cfg    shovel.Config
	reg    *prometheus.Registry
	to     net.Conn
	shovel *shovel.Shovel
	sent   int // to it, since it was started
	stop   func()
	log    journal
}

// A journal is what was logged.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) has(text string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Contains(j.text.String(), text)
}

// newStation returns one that does not run yet.
func newStation(t *testing.T) *station {
	t.Helper()
	b := natstest.Start(t)
	natstest.Stream(t, b.Client(), "xrootd", "xrootd")
	cfg := shovel.Default()
	cfg.ID = "edge"
	cfg.UDP.Listen, cfg.UDP.Buffer = []string{"127.0.0.1:0"}, 4<<20
	cfg.Queue.Dir = t.TempDir()
	cfg.Metrics = ""
	cfg.Outputs = map[string]shovel.Output{"hub": {NATS: shovel.NATSOutput{
		Broker:     nats.Config{URLs: []string{b.URL()}, Retry: time.Second},
		NATSConfig: forward.NATSConfig{Subject: "xrootd"},
	}}}
	return &station{T: t, broker: b, cfg: cfg}
}

// start runs the shovel until stop is called, or the test ends.
func (s *station) start() {
	s.Helper()
	s.reg = prometheus.NewRegistry()
	x, err := shovel.New(s.Context(), s.cfg, s.reg, slog.New(slog.NewTextHandler(&s.log, nil)))
	if err != nil {
		s.Fatal(err)
	}
	s.shovel, s.sent = x, 0
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		done <- x.Run(ctx, &systemd.Service{Alive: x.Alive, Status: func() string { return x.Line(ctx) }})
	}()
	s.to, err = net.Dial("udp", x.Addrs()[0].String())
	if err != nil {
		s.Fatal(err)
	}
	stopped := false
	s.stop = func() {
		s.Helper()
		if stopped {
			return
		}
		stopped = true
		s.to.Close()
		cancel()
		if err := <-done; err != nil {
			s.Errorf("run: %v", err)
		}
	}
	s.Cleanup(s.stop)
}

// send sends datagrams that can be XRootD's, numbered from first on.
func (s *station) send(first, count int) {
	s.Helper()
	for i := range count {
		if _, err := s.to.Write(datagram(first + i)); err != nil {
			s.Fatal(err)
		}
		s.sent++
		if i%64 == 63 { // no more than the kernel holds
			s.eventually(func() bool { return s.counter("shoveler_packets_received") >= float64(s.sent-512) })
		}
	}
}

// longSize is that of a long datagram, in bytes.
const longSize = 60_000

// sendLong sends a long datagram, and waits until no more are on their way than the kernel holds.
func (s *station) sendLong(n int) {
	s.Helper()
	b := append(datagram(n), make([]byte, longSize-16)...)
	binary.BigEndian.PutUint16(b[2:], longSize)
	if _, err := s.to.Write(b); err != nil {
		s.Fatal(err)
	}
	s.sent++
	s.eventually(func() bool { return s.counter("shoveler_packets_received") >= float64(s.sent-16) })
}

func datagram(n int) []byte {
	b := []byte{'f', byte(n), 0, 16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint64(b[8:], uint64(n))
	return b
}

// A message is what the broker has.
type message struct {
	Remote, Version, Shoveler string
	Data                      []byte
	Seq                       uint64
	Arrival                   int64  `json:"arrival_ns"`
	ID                        string `json:"-"`
}

func (m message) number() int { return int(binary.BigEndian.Uint64(m.Data[8:])) }

// received waits until the broker has so many messages, and returns all that it has.
func (s *station) received(count int) []message {
	s.Helper()
	js, err := jetstream.New(s.broker.Client())
	if err != nil {
		s.Fatal(err)
	}
	stream, err := js.Stream(s.Context(), "xrootd")
	if err != nil {
		s.Fatal(err)
	}
	var last uint64
	s.eventually(func() bool {
		info, err := stream.Info(s.Context())
		if err != nil {
			s.Fatal(err)
		}
		last = info.State.LastSeq
		return last >= uint64(count)
	})
	out := make([]message, last)
	for i := range out {
		raw, err := stream.GetMsg(s.Context(), uint64(i+1))
		if err != nil {
			s.Fatal(err)
		}
		if err := json.Unmarshal(raw.Data, &out[i]); err != nil {
			s.Fatal(err)
		}
		out[i].ID = raw.Header.Get("Nats-Msg-Id")
	}
	return out
}

// readAll returns what is in a body.
func readAll(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// inOrder fails unless ms are the datagrams from 0 to count-1, each once.
func (s *station) inOrder(ms []message, count int) {
	s.Helper()
	if len(ms) != count {
		s.Fatalf("got %d messages, want %d", len(ms), count)
	}
	for i, m := range ms {
		if m.number() != i {
			s.Fatalf("message %d: got datagram %d", i, m.number())
		}
	}
}

func (s *station) eventually(cond func() bool) {
	s.Helper()
	deadline := time.Now().Add(within)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		if time.Now().After(deadline) {
			s.Fatal("it does not happen")
		}
		<-tick.C
	}
}

// counter returns the sum of a counter over its labels.
func (s *station) counter(name string) (sum float64) {
	s.Helper()
	families, err := s.reg.Gather()
	if err != nil {
		s.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func id(n int) string { return fmt.Sprintf("/%d", n) }
