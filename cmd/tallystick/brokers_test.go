//go:build e2e

package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/bus"
	"tallystick/internal/bus/amqp"
	"tallystick/internal/bus/amqp/amqptest"
	"tallystick/internal/bus/bustest"
	"tallystick/internal/bus/stomp"
	"tallystick/internal/bus/stomp/stomptest"
	"tallystick/internal/capture"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// A broker is one as operators install it, which can be killed.
type broker interface {
	Up()
	Kill()
}

// A relay is a broker between a publisher and a server.
type relay struct {
	broker
	config  string // of the server, for subscriptions x, c and l
	publish func(ctx context.Context, to string, id uint64, body []byte) error
}

// What shovelers, clients and collectors publish arrives, nothing lost and nothing
// doubled, though the broker is killed in the middle, and so is the server.
func TestBrokers(t *testing.T) {
	t.Run("RabbitMQ", func(t *testing.T) { through(t, rabbit(t)) })
	t.Run("ActiveMQ", func(t *testing.T) { through(t, active(t)) })
	t.Run("nats-server", func(t *testing.T) { through(t, jet(t)) })
}

func through(t *testing.T, r relay) {
	t.Helper()
	const lines, slots = 600, 100
	h := newHome(t)
	text, err := os.ReadFile(h.config)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "retention: {memory: 36500d, ledger: 36500d}\nmetrics: {relayed: {step: 1s, fold: sum}}\n"+r.config...)
	if err := os.WriteFile(h.config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := capture.Load(os.DirFS("../../internal/capture/testdata"), "s03_concurrent_users")
	if err != nil {
		t.Fatal(err)
	}
	messages, err := capture.Messages(c.Packets)
	if err != nil {
		t.Fatal(err)
	}
	put := func(to string, id int, body []byte) {
		t.Helper()
		for range 60 { // who publishes sends again, with the same ID, what was not confirmed
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			err = r.publish(ctx, to, uint64(id), body)
			cancel()
			if err == nil {
				return
			}
			pause(t.Context(), 100*time.Millisecond)
		}
		t.Fatalf("publish: %v", err)
	}
	p := start(t, h)
	base := time.Now().Unix() - 2*slots
	for n := range lines {
		put("l", n, fmt.Appendf(nil, "relayed,cluster=brokers,hostname=h value=1 %d", base+int64(n%slots)))
		if n < len(messages) {
			put("x", n, messages[n])
		}
		switch n {
		case lines / 6:
			r.Kill()
			r.Up()
		case lines / 4:
			p.kill()
			p = start(t, h)
		case lines / 3:
			r.Kill()
			p.kill()
			r.Up()
			p = start(t, h)
		}
	}
	for n := lines; n < len(messages); n++ {
		put("x", n, messages[n])
	}
	claims, err := json.Marshal(capture.Claims("r", c.Truth))
	if err != nil {
		t.Fatal(err)
	}
	put("c", 0, claims)
	var report validate.Report
	p.poll(time.Minute, "74 claims that match", func() bool {
		decode(t, p.get("/api/v1/validation", "application/json"), &report)
		return report.Totals.Verdicts[transfer.Match] == 74
	})
	if got, want := len(p.transfers()), len(c.Sessions); got != want {
		t.Errorf("got %d transfers, want %d", got, want)
	}
	a := &asker{process: p, row: &tally{name: "relayed"}}
	count := func() (sum float64, off int) {
		got := a.ask("brokers", false, base, base+slots)[place{"relayed", "h", ""}]
		for slot := range slots {
			v, _ := got.at(base + int64(slot))
			if sum += v; v != lines/slots {
				off++
			}
		}
		return sum, off
	}
	p.poll(time.Minute, "all lines", func() bool { sum, _ := count(); return sum >= lines })
	p = p.restart()
	a.process = p
	if sum, off := count(); sum != lines || off > 0 {
		t.Errorf("got %v lines counted, %d slots wrong, want %d", sum, off, lines)
	}
	p.terminate()
}

const subscriptions = `
    x: {kind: packets, %[1]s: %[2]sx%[3]s}
    c: {kind: claims, %[1]s: %[2]sc%[3]s}
    l: {%[1]s: %[2]sl%[3]s}
`

func rabbit(t *testing.T) relay {
	t.Helper()
	b := amqptest.Start(t)
	conn, err := amqp.Connect(amqp.Config{URLs: []string{b.URL()}, Retry: 1}, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	run(t, conn.Run)
	return relay{
		broker: b,
		config: "amqp:\n  urls: ['" + b.URL() + "']\n  subscriptions:" +
			fmt.Sprintf(subscriptions, "exchange", "", ", exchange_type: fanout"),
		publish: func(ctx context.Context, to string, id uint64, body []byte) error {
			return conn.Publish(ctx, amqp.Publication{Exchange: to, ID: bus.ID{Source: "e2e", Number: id}, Body: body})
		},
	}
}

func active(t *testing.T) relay {
	t.Helper()
	b := stomptest.Start(t)
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte(stomptest.Password), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := stomp.Config{URLs: []string{b.URL()}, User: stomptest.User, PasswordFile: password, Retry: 1}
	conn, err := stomp.Connect(cfg, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	out := conn.Publisher()
	run(t, out.Run)
	return relay{
		broker: b,
		config: fmt.Sprintf("stomp:\n  urls: ['%s']\n  user: %s\n  password_file: %s\n  subscriptions:", b.URL(), cfg.User, password) +
			fmt.Sprintf(subscriptions, "destination", "/queue/", ""),
		publish: func(ctx context.Context, to string, id uint64, body []byte) error {
			return out.Publish(ctx, stomp.Publication{Destination: "/queue/" + to, ID: bus.ID{Source: "e2e", Number: id}, Body: body})
		},
	}
}

// run runs something until the test ends.
func run(t *testing.T, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A natsServer is the program of that name.
type natsServer struct {
	t       *testing.T
	program string
	dir     string
	port    int
	kill    func()
}

func (n *natsServer) address() string { return "127.0.0.1:" + strconv.Itoa(n.port) }

// Up starts it.
func (n *natsServer) Up() {
	n.t.Helper()
	var err error
	n.kill, err = bustest.Start([]string{n.program, "-a", "127.0.0.1", "-p", strconv.Itoa(n.port), "-js", "-sd", n.dir}, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	for range 600 {
		conn, err := net.Dial("tcp", n.address())
		if err == nil {
			conn.Close()
			return
		}
		pause(n.t.Context(), 50*time.Millisecond)
	}
	n.t.Fatal("nats-server does not start")
}

// Kill ends it as kill -9 does.
func (n *natsServer) Kill() { n.kill() }

// startJet starts a nats-server. It is killed when the test ends.
func startJet(t *testing.T) *natsServer {
	t.Helper()
	program, err := exec.LookPath("nats-server")
	if err != nil {
		program = "/usr/sbin/nats-server"
	}
	if _, err := os.Stat(program); err != nil {
		t.Skip("nats-server is not installed (apt-get install nats-server)")
	}
	b := &natsServer{t: t, program: program, dir: t.TempDir(), port: bustest.FreePort(t)}
	b.Up()
	t.Cleanup(b.Kill)
	return b
}

// client returns a connection of the test's own. It is closed when the test ends.
func (n *natsServer) client() jetstream.JetStream { //nolint:ireturn // the client library has no other type
	n.t.Helper()
	nc, err := nats.Connect("nats://"+n.address(), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		n.t.Fatal(err)
	}
	return js
}

func jet(t *testing.T) relay {
	t.Helper()
	b := startJet(t)
	js := b.client()
	var text strings.Builder
	text.WriteString("nats:\n  urls: ['nats://" + b.address() + "']\n  subscriptions:\n")
	for name, kind := range map[string]string{"x": "packets", "c": "claims", "l": "lines"} {
		fmt.Fprintf(&text, "    %s: {kind: %s, subject: %s, stream: S%s, max_bytes: 100000000}\n", name, kind, name, name)
	}
	return relay{
		broker: b, config: text.String(),
		publish: func(ctx context.Context, to string, id uint64, body []byte) error {
			_, err := js.Publish(ctx, to, body, jetstream.WithMsgID(bus.ID{Source: "e2e-" + to, Number: id}.String()))
			return err
		},
	}
}
