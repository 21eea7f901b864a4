package source_test

import (
	"bytes"
	"context"
	"log/slog"
	"math"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/collect"
	"tallystick/internal/ingest"
	"tallystick/internal/source"
)

// A sink copies what it gets, and then spoils the original, which is the
// source's to use again.
type sink struct {
	mu      sync.Mutex
	got     []collect.Packet
	batches int
	entered chan struct{} // gets a value with each batch, if there is room
	gate    chan struct{} // if not nil, Packets waits for a value or the end of it
}

func (s *sink) Packets(ctx context.Context, ps []collect.Packet) ingest.Result {
	select {
	case s.entered <- struct{}{}:
	default:
	}
	if s.gate != nil {
		<-s.gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches++
	for _, p := range ps {
		s.got = append(s.got, collect.Packet{Remote: p.Remote, Data: bytes.Clone(p.Data), Arrival: p.Arrival})
		clear(p.Data)
	}
	if ctx.Err() != nil {
		return ingest.Result{Rejected: len(ps), Errors: []ingest.Reject{{Reason: "canceled"}}}
	}
	return ingest.Result{Accepted: len(ps)}
}

func (s *sink) texts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, p := range s.got {
		out = append(out, string(p.Data))
	}
	return out
}

// A fixture is a running source.
type fixture struct {
	t    *testing.T
	sink *sink
	reg  *prometheus.Registry
	log  *bytes.Buffer
	conn net.PacketConn
	stop func() error // ends Run and returns what it returned
}

func start(t *testing.T, conn net.PacketConn, gate chan struct{}) *fixture {
	t.Helper()
	f := &fixture{t: t, sink: &sink{entered: make(chan struct{}, 1), gate: gate}, reg: prometheus.NewRegistry(), log: new(bytes.Buffer), conn: conn}
	u, err := source.NewUDP([]net.PacketConn{conn}, f.sink, f.reg, slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- u.Run(ctx) }()
	f.stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { _ = f.stop() })
	return f
}

func listen(tb testing.TB, addr string, buffer int) net.PacketConn {
	tb.Helper()
	conns, err := source.Listen(tb.Context(), addr, source.Config{Buffer: buffer}, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	return conns[0]
}

func dial(t *testing.T, network string, to net.Addr) net.Conn {
	t.Helper()
	c, err := net.Dial(network, to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func send(t *testing.T, c net.Conn, data string) {
	t.Helper()
	if _, err := c.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
}

// wait waits until n datagrams are there.
func (f *fixture) wait(n int) {
	f.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); len(f.sink.texts()) < n; <-tick.C {
		if time.Now().After(end) {
			f.t.Fatalf("got %d datagrams in 10 s, want %d", len(f.sink.texts()), n)
		}
	}
}

func (f *fixture) count(name string) int {
	f.t.Helper()
	all, err := f.reg.Gather()
	if err != nil {
		f.t.Fatal(err)
	}
	for _, m := range all {
		if m.GetName() == "tallystick_udp_"+name {
			return int(m.GetMetric()[0].GetCounter().GetValue())
		}
	}
	f.t.Fatalf("no counter %s", name)
	return 0
}

func (f *fixture) wantCount(name string, want int) {
	f.t.Helper()
	if got := f.count(name); got != want {
		f.t.Errorf("%s: got %d, want %d", name, got, want)
	}
}

func TestUDP(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::]:0"} { // the second gets IPv4 as IPv6
		began := time.Now().UnixNano()
		f := start(t, listen(t, addr, 0), nil)
		_, port, _ := net.SplitHostPort(f.conn.LocalAddr().String())
		c, err := net.Dial("udp4", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		large := strings.Repeat("x", 65507) // the most that IPv4 carries
		for i, data := range []string{"one", "", large} {
			send(t, c, data)
			f.wait(i + 1)
		}
		if err := f.stop(); err != nil {
			t.Errorf("%s: got error %v, want none", addr, err)
		}
		if got := f.sink.texts(); len(got) != 3 || got[0] != "one" || got[1] != "" || got[2] != large {
			t.Errorf("%s: got other datagrams than were sent: %.50q", addr, got)
		}
		for _, p := range f.sink.got {
			if p.Remote != c.LocalAddr().String() {
				t.Errorf("%s: got remote %s, want %s", addr, p.Remote, c.LocalAddr())
			}
			if now := time.Now().UnixNano(); p.Arrival < began || p.Arrival > now {
				t.Errorf("%s: got arrival %d, want one from %d to %d", addr, p.Arrival, began, now)
			}
		}
		f.wantCount("datagrams_total", 3)
		f.wantCount("bytes_total", 3+65507)
		f.wantCount("truncated_total", 0)
		if _, err := f.conn.WriteTo([]byte("x"), c.LocalAddr()); err == nil {
			t.Error("the socket is open after Run")
		}
		c.Close()
	}
}

// While the Sink works, the kernel holds what comes; it is handed over in batches
// then, in order.
func TestUDPBatches(t *testing.T) {
	gate := make(chan struct{})
	f := start(t, listen(t, "127.0.0.1:0", 1<<20), gate)
	c := dial(t, "udp", f.conn.LocalAddr())
	send(t, c, "0")
	<-f.sink.entered
	for i := range 100 {
		send(t, c, strconv.Itoa(i+1))
	}
	close(gate)
	f.wait(101)
	for i, got := range f.sink.texts() {
		if got != strconv.Itoa(i) {
			t.Errorf("datagram %d: got %q", i, got)
		}
	}
	if err := f.stop(); err != nil {
		t.Error(err)
	}
	if f.sink.batches > 10 {
		t.Errorf("got 100 waiting datagrams in %d batches, want few", f.sink.batches-1)
	}
}

// What was received by the kernel before the stop is not lost.
func TestUDPStopDrains(t *testing.T) {
	gate := make(chan struct{})
	f := start(t, listen(t, "127.0.0.1:0", 1<<20), gate)
	c := dial(t, "udp", f.conn.LocalAddr())
	send(t, c, "0")
	<-f.sink.entered
	for i := range 300 {
		send(t, c, strconv.Itoa(i+1))
	}
	stopped := make(chan error)
	go func() { stopped <- f.stop() }()
	close(gate)
	if err := <-stopped; err != nil {
		t.Errorf("got error %v, want none", err)
	}
	if got := len(f.sink.texts()); got != 301 {
		t.Errorf("got %d datagrams, want 301", got)
	}
	if strings.Contains(f.log.String(), "canceled") {
		t.Error("the Sink was given a context that has ended")
	}
}

// A sender that does not let up cannot keep a source from stopping.
func TestUDPStopsUnderFire(t *testing.T) {
	f := start(t, listen(t, "127.0.0.1:0", 1<<20), nil)
	c := dial(t, "udp", f.conn.LocalAddr())
	ctx, cancel := context.WithCancel(t.Context())
	fire := make(chan struct{})
	go func() {
		defer close(fire)
		for ctx.Err() == nil {
			_, _ = c.Write([]byte("x")) // refused once the socket is closed
		}
	}()
	f.wait(100)
	began := time.Now()
	if err := f.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("stopping took %v", took)
	}
	cancel()
	<-fire
}

// Stopping at any moment ends Run: the deadline that wakes it is not lost.
func TestUDPStopAtOnce(t *testing.T) {
	for i := range 50 {
		f := start(t, listen(t, "127.0.0.1:0", 0), nil)
		if i%2 == 0 {
			send(t, dial(t, "udp", f.conn.LocalAddr()), "x")
		}
		if err := f.stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// Only a socket that is not UDP brings a datagram that is too long.
func TestUDPTruncated(t *testing.T) {
	conn, err := net.ListenPacket("unixgram", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	f := start(t, conn, nil)
	c := dial(t, "unixgram", conn.LocalAddr())
	for _, size := range []int{source.MaxDatagram + 1, source.MaxDatagram - 1} {
		send(t, c, strings.Repeat("x", size))
	}
	f.wait(1)
	if err := f.stop(); err != nil {
		t.Error(err)
	}
	if got := f.sink.texts(); len(got) != 1 || len(got[0]) != source.MaxDatagram-1 {
		t.Errorf("got %d datagrams, want the one that fits", len(got))
	}
	f.wantCount("truncated_total", 1)
	f.wantCount("datagrams_total", 2)
}

func TestUDPKernelDrops(t *testing.T) {
	gate := make(chan struct{})
	f := start(t, listen(t, "127.0.0.1:0", 4096), gate)
	c := dial(t, "udp", f.conn.LocalAddr())
	send(t, c, "0")
	<-f.sink.entered
	for range 200 {
		send(t, c, strings.Repeat("x", 1000))
	}
	close(gate)
	f.wait(2)
	send(t, c, "last") // brings the number
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); <-tick.C {
		if texts := f.sink.texts(); texts[len(texts)-1] == "last" {
			break
		}
	}
	got, dropped := len(f.sink.texts()), f.count("kernel_dropped_total")
	if got+dropped != 202 || dropped == 0 {
		t.Errorf("got %d datagrams and %d dropped, want 202 together, and some dropped", got, dropped)
	}
}

func TestListenBuffer(t *testing.T) {
	f := func(buffer int, warns bool) {
		t.Helper()
		var log bytes.Buffer
		conns, err := source.Listen(t.Context(), "127.0.0.1:0", source.Config{Buffer: buffer}, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		source.Close(conns)
		if got := strings.Contains(log.String(), "rmem_max"); got != warns {
			t.Errorf("%d bytes: the log has %q, want a warning: %v", buffer, &log, warns)
		}
	}
	f(0, false)
	f(4096, false)
	f(1<<30+1, true) // more than the kernel ever gives
}

func TestUDPReadError(t *testing.T) {
	conn := listen(t, "127.0.0.1:0", 0)
	conn.Close()
	if err := start(t, conn, nil).stop(); err == nil {
		t.Error("a closed socket: got no error")
	}
}

func TestListenErrors(t *testing.T) {
	conn := listen(t, "127.0.0.1:0", 0)
	defer conn.Close()
	for _, addr := range []string{conn.LocalAddr().String(), "nowhere", "127.0.0.1:99999"} {
		if c, err := source.Listen(t.Context(), addr, source.Config{Sockets: 2}, slog.New(slog.DiscardHandler)); err == nil {
			source.Close(c)
			t.Errorf("listen on %s: got no error", addr)
		}
	}
}

// Several sockets share a registry, but none is counted twice.
func TestNewUDPCounters(t *testing.T) {
	reg := prometheus.NewRegistry()
	one, two := listen(t, "127.0.0.1:0", 0), listen(t, "127.0.0.1:0", 0)
	defer one.Close()
	defer two.Close()
	f := func(conn net.PacketConn, ok bool) {
		t.Helper()
		if _, err := source.NewUDP([]net.PacketConn{conn}, &sink{}, reg, slog.New(slog.DiscardHandler)); (err == nil) != ok {
			t.Errorf("got error %v, want none: %v", err, ok)
		}
	}
	f(one, true)
	f(two, true)
	f(one, false)
}

// With several sockets for one address, all that comes is taken, and what one sender
// sends stays in order.
func TestUDPSockets(t *testing.T) {
	conns, err := source.Listen(t.Context(), "127.0.0.1:0", source.Config{Sockets: 4, Buffer: 1 << 20}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	got, reg := &sink{}, prometheus.NewRegistry()
	u, err := source.NewUDP(conns, got, reg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- u.Run(ctx) }()
	const senders, each = 32, 20
	var all []net.Conn
	for range senders {
		all = append(all, dial(t, "udp", conns[0].LocalAddr()))
	}
	for i := range each {
		for _, c := range all {
			send(t, c, strconv.Itoa(i))
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	next := make(map[string]int)
	for _, p := range got.got {
		if string(p.Data) != strconv.Itoa(next[p.Remote]) {
			t.Fatalf("got %s of %s, want %d", p.Data, p.Remote, next[p.Remote])
		}
		next[p.Remote]++
	}
	if len(got.got) != senders*each {
		t.Errorf("got %d datagrams, want %d", len(got.got), senders*each)
	}
	for _, c := range conns {
		if _, err := c.WriteTo([]byte("x"), all[0].LocalAddr()); err == nil {
			t.Error("a socket is open after Run")
		}
	}
}

// A counter is a Sink that only tells how many datagrams came.
type counter chan int

func (c counter) Packets(_ context.Context, ps []collect.Packet) ingest.Result {
	c <- len(ps)
	return ingest.Result{Accepted: len(ps)}
}

// flow returns a function that sends a datagram to a running source and waits
// until it has come out.
func flow(tb testing.TB) func() {
	tb.Helper()
	conn := listen(tb, "127.0.0.1:0", 0)
	got := make(counter, 1)
	ctx, cancel := context.WithCancel(tb.Context())
	done := make(chan error, 1)
	u, err := source.NewUDP([]net.PacketConn{conn}, got, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	go func() { done <- u.Run(ctx) }()
	c, err := net.Dial("udp", conn.LocalAddr().String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Error(err)
		}
		c.Close()
	})
	data := make([]byte, 1000)
	return func() {
		if _, err := c.Write(data); err != nil {
			tb.Fatal(err)
		}
		<-got
	}
}

func TestUDPAllocs(t *testing.T) {
	one := flow(t)
	one()
	// Of a batch of one; a datagram is the sender's address, which the library makes.
	least := math.Inf(1) // the race detector has pools lose some
	for range 100 {
		least = min(least, testing.AllocsPerRun(1, one))
	}
	if least > 5 {
		t.Errorf("got %v allocations per batch, want at most 5", least)
	}
}

func BenchmarkUDP(b *testing.B) {
	one := flow(b)
	b.SetBytes(1000)
	b.ReportAllocs()
	for b.Loop() {
		one()
	}
}
