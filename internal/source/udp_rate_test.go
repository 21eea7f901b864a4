package source_test

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/ipv4"

	"tallystick/internal/capture"
	"tallystick/internal/durable"
	"tallystick/internal/source"
	"tallystick/internal/wal"
)

// BenchmarkUDPRate sends RATE packets a second of real servers to all that takes them,
// log and collector included, and fails if one is lost: -benchtime 250000x is five
// seconds of 50,000. Each server has a socket of its own, and begins a new life when it
// has told all of its capture.
func BenchmarkUDPRate(b *testing.B) {
	for _, c := range []struct {
		name          string
		rate, sockets int
	}{{"50k", 50_000, 1}, {"50k-4sockets", 50_000, 4}, {"100k", 100_000, 1}} {
		b.Run(c.name, func(b *testing.B) { rate(b, c.rate, c.sockets) })
	}
}

func rate(b *testing.B, perSecond, sockets int) {
	b.Helper()
	log := wal.New(wal.Config{Dir: filepath.Join(b.TempDir(), "log"), Sync: wal.Interval, Interval: time.Second, SegmentBytes: 64 << 20},
		durable.OS{}, time.Now, slog.New(slog.DiscardHandler))
	s := bareStation(b, "udp", 0, log)
	quiet := slog.New(slog.DiscardHandler)
	conns, err := source.Listen(b.Context(), "127.0.0.1:0", source.Config{Buffer: 32 << 20, Sockets: sockets}, quiet)
	if err != nil {
		b.Fatal(err)
	}
	addr := conns[0].LocalAddr()
	u, err := source.NewUDP(conns, s.ingest, prometheus.NewRegistry(), quiet)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 2)
	go func() { done <- log.Run(ctx) }()
	stopped := make(chan error, 1)
	udp, stop := context.WithCancel(b.Context())
	go func() { stopped <- u.Run(udp) }()
	servers := newServers(b, addr, 8)
	b.ResetTimer()
	began := time.Now()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for sent := 0; sent < b.N; <-tick.C {
		for due := min(b.N, int(time.Since(began).Seconds()*float64(perSecond))); sent < due; {
			sent += servers[sent%len(servers)].send(b, min(due-sent, 32))
		}
	}
	took := time.Since(began)
	stop()
	if err := <-stopped; err != nil {
		b.Error(err)
	}
	b.StopTimer()
	cancel()
	if err := <-done; err != nil {
		b.Error(err)
	}
	got := 0
	for _, n := range s.collector.Stats().Packets {
		got += int(n)
	}
	b.ReportMetric(float64(b.N)/took.Seconds(), "packets/s")
	b.ReportMetric(float64(b.N-got), "lost")
	if got != b.N {
		b.Errorf("sent %d packets, %d came", b.N, got)
	}
}

// A server sends the packets of a capture again and again.
type server struct {
	conn     *ipv4.PacketConn
	packets  [][]byte
	next     int
	messages []ipv4.Message
}

func newServers(b *testing.B, to net.Addr, n int) (out []*server) {
	b.Helper()
	c, err := capture.Load(os.DirFS("../capture/testdata"), "s03_concurrent_users")
	if err != nil {
		b.Fatal(err)
	}
	for range n {
		conn, err := net.Dial("udp", to.String())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		udp, _ := conn.(*net.UDPConn)
		s := &server{conn: ipv4.NewPacketConn(udp)}
		for _, p := range c.Packets {
			if p.Remote == c.Packets[0].Remote && len(p.Data) >= 8 {
				s.packets = append(s.packets, append([]byte(nil), p.Data...))
			}
		}
		out = append(out, s)
	}
	return out
}

// send sends some packets, and returns how many.
func (s *server) send(b *testing.B, most int) int {
	b.Helper()
	s.messages = s.messages[:0]
	for range min(most, len(s.packets)-s.next) {
		s.messages = append(s.messages, ipv4.Message{Buffers: [][]byte{s.packets[s.next]}})
		s.next++
	}
	n, err := s.conn.WriteBatch(s.messages, 0)
	if err != nil {
		b.Fatal(err)
	}
	s.next -= len(s.messages) - n
	if s.next == len(s.packets) {
		s.next = 0
		for _, p := range s.packets { // the start of the server is in each
			binary.BigEndian.PutUint32(p[4:], binary.BigEndian.Uint32(p[4:])+1)
		}
	}
	return n
}
