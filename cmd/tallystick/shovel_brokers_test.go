//go:build e2e

package main_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	amqp091 "github.com/rabbitmq/amqp091-go"

	"tallystick/internal/bus"
	"tallystick/internal/bus/amqp/amqptest"
	"tallystick/internal/bus/stomp"
	"tallystick/internal/bus/stomp/stomptest"
	"tallystick/internal/capture"
	"tallystick/internal/shovel"
)

// A shovel loses nothing that it has received, and keeps its order, on the way to three
// brokers and a server at once: though each of them is killed in the middle, though it is
// killed itself, twice, and though its token is renewed, while it is connected and while it
// cannot be. What comes twice does so after a kill. The servers behind it count each once.
func TestShovelBrokers(t *testing.T) {
	const copies = 337 // of 119 datagrams: 40,103
	x := newEdge(t)
	x.send(copies / 4)
	x.renew()
	x.jet.Kill()
	x.active.Kill()
	x.shovel.kill()
	x.shovel = x.start()
	x.send(copies / 4)
	x.jet.Up()
	x.active.Up()
	x.byHTTP.kill()

	x.rabbit.Kill()
	x.send(copies / 4)
	x.writeToken(-time.Minute) // the broker takes no such
	x.rabbit.Up()
	x.until("told that the broker refuses", func() bool { return x.output("amqp").Problem != "" })
	x.shovel.kill()
	x.shovel = x.start()
	x.byHTTP = start(t, x.byHTTP.home)
	x.send(copies - 3*(copies/4) - 1)
	x.until("told that the broker refuses", func() bool { return x.output("amqp").Problem != "" })
	x.writeToken(time.Hour)
	x.until("all sent", func() bool {
		for _, o := range x.status().Outputs {
			if o.Waiting > 0 {
				return false
			}
		}
		return true
	})
	x.shovel.terminate()

	for name, got := range map[string][]string{"RabbitMQ": x.inRabbit(), "ActiveMQ": x.inActive(), "nats-server": x.inJet()} {
		x.inOrder(name, got)
	}
	want := copies * len(x.capture.Sessions)
	for _, p := range []*process{x.behind, x.byHTTP} {
		p.poll(time.Minute, "all transfers", func() bool { return len(p.transfers()) >= want })
	}
	x.behind.settled("/api/v1/transfers")
	for name, p := range map[string]*process{"RabbitMQ": x.behind, "HTTP": x.byHTTP} {
		if got := len(p.transfers()); got != want {
			t.Errorf("behind %s: got %d transfers, want %d", name, got, want)
		}
	}
}

// An edge is a shovel beside servers, and what is behind it.
type edge struct {
	*testing.T
	capture *capture.Capture
	rabbit  *amqptest.Broker
	active  *stomptest.Broker
	jet     *natsServer
	behind  *process // a server that hears RabbitMQ
	byHTTP  *process // one that the shovel sends to
	shovel  *process
	dir     string
	udp     string
	pages   string // host:port of /status
	signer  *rsa.PrivateKey

	copies int
	sent   map[string]int // datagrams with where they came from, and their places
}

const (
	atRabbit   = "shoveled-xrd" // the field's exchange
	firstToken = 5 * time.Second
)

func newEdge(t *testing.T) *edge {
	t.Helper()
	x := &edge{T: t, dir: t.TempDir(), udp: freeUDP(t), pages: freeTCP(t), sent: make(map[string]int)}
	var err error
	if x.capture, err = capture.Load(os.DirFS("../../internal/capture/testdata"), "s03_concurrent_users"); err != nil {
		t.Fatal(err)
	}
	x.jet = newJet(t)
	x.active = stomptest.Start(t)
	x.startRabbit()
	x.behind = x.serve("amqp:\n  urls: ['" + x.rabbit.URL() + "']\n  subscriptions:\n    x: {kind: packets, queue: serve}\n")
	x.byHTTP = x.serve("")
	x.file("token.http", x.byHTTP.token)
	x.file("password", stomptest.Password)
	x.writeToken(firstToken)
	_, port, err := net.SplitHostPort(x.udp)
	if err != nil {
		t.Fatal(err)
	}
	host, pages, err := net.SplitHostPort(x.pages)
	if err != nil {
		t.Fatal(err)
	}
	x.file("shovel.yaml", fmt.Sprintf(`
mq: amqp
amqp: {url: '%s', exchange: %s, token_location: %s}
listen: {ip: 127.0.0.1, port: %s}
queue_directory: %s
metrics: {ip: %s, port: %s}
to:
  nats: {envelope: extended, nats: {urls: ['nats://%s'], subject: x}}
  stomp: {envelope: extended, stomp: {urls: ['%s'], user: %s, password_file: %s, destination: /queue/x}}
  http: {http: {url: 'http://%s/api/v1/packets', token_file: %s}}
`, x.rabbit.URL(), atRabbit, x.in("token"), port, x.in("queue"), host, pages, x.jet.address(),
		x.active.URL(), stomptest.User, x.in("password"), x.byHTTP.http, x.in("token.http")))
	x.shovel = x.start()
	return x
}

func (x *edge) in(name string) string { return filepath.Join(x.dir, name) }

func (x *edge) file(name, text string) {
	x.Helper()
	if err := os.WriteFile(x.in(name), []byte(text), 0o600); err != nil {
		x.Fatal(err)
	}
}

// startRabbit starts a RabbitMQ that knows guest, and whoever has a token.
func (x *edge) startRabbit() {
	x.Helper()
	var err error
	if x.signer, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		x.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&x.signer.PublicKey)
	if err != nil {
		x.Fatal(err)
	}
	x.file("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	x.rabbit = amqptest.Start(x.T, amqptest.Plugins("rabbitmq_auth_backend_oauth2"), amqptest.Config(`
auth_backends.1 = rabbit_auth_backend_internal
auth_backends.2 = rabbit_auth_backend_oauth2
auth_oauth2.resource_server_id = rabbitmq
auth_oauth2.default_key = k1
auth_oauth2.signing_keys.k1 = `+x.in("key.pem")))
	ch := x.rabbit.Channel(x.T)
	if err := ch.ExchangeDeclare(atRabbit, amqp091.ExchangeFanout, true, false, false, false, nil); err != nil {
		x.Fatal(err)
	}
	for _, queue := range []string{"serve", "check"} {
		x.rabbit.Queue(ch, queue, atRabbit, "")
	}
}

// writeToken writes a token that is good for so long.
func (x *edge) writeToken(d time.Duration) {
	x.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"sub": "shoveler", "aud": "rabbitmq", "exp": time.Now().Add(d).Unix(), "scope": "rabbitmq.write:*/*",
	})
	token.Header["kid"] = "k1"
	text, err := token.SignedString(x.signer)
	if err != nil {
		x.Fatal(err)
	}
	x.file("token", text+"\n")
}

// renew renews the token, and fails unless the connection that there is goes on with the new one
// when the first one has ended.
func (x *edge) renew() {
	x.Helper()
	x.writeToken(time.Hour)
	ended := time.Now().Add(firstToken + time.Second)
	x.until("the end of the first token", func() bool { return time.Now().After(ended) })
	x.send(1)
	x.until("all sent to RabbitMQ", func() bool { return x.output("amqp").Waiting == 0 })
	if want := "\nshoveler_rabbitmq_reconnects{output=\"amqp\"} 1\n"; !strings.Contains(string(x.shovel.get("/metrics", "text/plain")), want) {
		x.Errorf("there was more than one connection to RabbitMQ, or none: /metrics has no %q", want)
	}
}

// serve starts a server that has room for all.
func (x *edge) serve(more string) *process {
	x.Helper()
	h := newHome(x.T)
	f, err := os.OpenFile(h.config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		x.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("retention: {memory: 36500d, ledger: 36500d}\n" + more); err != nil {
		x.Fatal(err)
	}
	return start(x.T, h)
}

// start starts the shovel, and returns when it receives.
func (x *edge) start() *process {
	x.Helper()
	p := launch(x.T, home{dir: x.dir, http: x.pages}, "shovel", "--config", x.in("shovel.yaml"))
	p.waitOutput(30*time.Second, "shoveling")
	return p
}

func (x *edge) status() (s shovel.Status) {
	x.Helper()
	decode(x.T, x.shovel.get("/status", "application/json"), &s)
	return s
}

func (x *edge) output(name string) shovel.OutputStatus {
	x.Helper()
	for _, o := range x.status().Outputs {
		if o.Name == name {
			return o
		}
	}
	x.Fatalf("there is no output %s", name)
	return shovel.OutputStatus{}
}

func (x *edge) until(what string, done func() bool) {
	x.Helper()
	x.shovel.poll(time.Minute, what, done)
}

// send sends the capture so many times, each as if it were of other servers, and returns when
// all of that is in the queue.
func (x *edge) send(copies int) {
	x.Helper()
	for range copies {
		x.copies++
		x.sendOne(x.copies)
		if x.copies%4 == 0 {
			x.queued()
		}
	}
	x.queued()
}

// queued waits until everything sent is in the queue.
func (x *edge) queued() {
	x.Helper()
	end := time.Now().Add(20 * time.Second)
	for x.status().Queue.Next != uint64(len(x.sent))+1 {
		if time.Now().After(end) {
			x.Fatalf("%d datagrams sent, the next in the queue is %d", len(x.sent), x.status().Queue.Next)
		}
	}
}

// sendOne sends the capture as if it were of another server: what came from one port there
// comes from one here.
func (x *edge) sendOne(nth int) {
	x.Helper()
	ip := net.IPv4(127, 1, byte(nth>>8), byte(nth))
	conns := make(map[string]net.Conn)
	for i := range x.capture.Packets {
		p := &x.capture.Packets[i]
		conn := conns[p.Remote]
		if conn == nil {
			d := net.Dialer{LocalAddr: &net.UDPAddr{IP: ip}}
			var err error
			if conn, err = d.DialContext(x.Context(), "udp", x.udp); err != nil {
				x.Fatal(err)
			}
			defer conn.Close()
			conns[p.Remote] = conn
		}
		data := ofAnother(p.Data, nth)
		if _, err := conn.Write(data); err != nil {
			x.Fatal(err)
		}
		x.sent[conn.LocalAddr().String()+" "+string(data)] = len(x.sent)
	}
}

// The port and the id of the server in the capture.
const recordedPort, recordedID = 21094, 56308042893772

// ofAnother returns a recorded datagram as that of another server, whose port and id are so much
// higher: as text, and the id as the low six bytes of a number (XrdXrootdMonData.hh, isTime).
func ofAnother(data []byte, nth int) []byte {
	text := func(n int) []byte { return strconv.AppendInt(nil, int64(n), 10) }
	raw := func(n int) []byte {
		return []byte{byte(n >> 40), byte(n >> 32), byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	}
	for _, x := range [][2][]byte{
		{text(recordedPort), text(recordedPort + nth)}, {text(recordedID), text(recordedID + nth)}, {raw(recordedID), raw(recordedID + nth)},
	} {
		data = bytes.ReplaceAll(data, x[0], x[1])
	}
	return data
}

// inOrder fails unless got is all that was sent, in its order, but for what comes again after
// a kill.
func (x *edge) inOrder(name string, got []string) {
	x.Helper()
	const kills = 3 // two of the shovel's, one of the broker's
	next, most, jumps := 0, 0, 0
	for _, m := range got {
		n, ok := x.sent[m]
		switch {
		case !ok:
			x.Fatalf("%s: nobody sent %q", name, m)
		case n > next:
			x.Fatalf("%s: got datagram %d, want %d", name, n, next)
		case n < next:
			jumps++
		}
		next = n + 1
		most = max(most, next)
	}
	x.Logf("%s: %d messages, %d again, %d times", name, len(got), len(got)-most, jumps)
	if most != len(x.sent) || jumps > kills {
		x.Errorf("%s: got %d datagrams, want %d, and %d times some again, want at most %d", name, most, len(x.sent), jumps, kills)
	}
}

// datagram returns what a message is of, in the way of edge.sent.
func (x *edge) datagram(body []byte) string {
	x.Helper()
	var m struct {
		Remote string
		Data   []byte
	}
	if err := json.Unmarshal(body, &m); err != nil {
		x.Fatalf("%v in %q", err, body)
	}
	return m.Remote + " " + string(m.Data)
}

func (x *edge) inRabbit() (got []string) {
	x.Helper()
	ch := x.rabbit.Channel(x.T)
	in, err := ch.Consume("check", "", true, false, false, false, nil)
	if err != nil {
		x.Fatal(err)
	}
	for m := range until(in) {
		if m.DeliveryMode != amqp091.Persistent || m.ContentType != "text/plain" {
			x.Fatalf("got delivery mode %d and %s, want a persistent text/plain", m.DeliveryMode, m.ContentType)
		}
		got = append(got, x.datagram(m.Body))
	}
	return got
}

func (x *edge) inActive() (got []string) {
	x.Helper()
	cfg := stomp.Config{URLs: []string{x.active.URL()}, User: stomptest.User, PasswordFile: x.in("password"), Retry: 1}
	conn, err := stomp.Connect(cfg, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		x.Fatal(err)
	}
	bodies := make(chan []byte)
	s, err := conn.Subscribe(stomp.Subscription{Name: "check", Destination: "/queue/x"}, func(_ context.Context, m bus.Message) bus.Answer {
		bodies <- bytes.Clone(m.Data)
		return bus.Taken
	})
	if err != nil {
		x.Fatal(err)
	}
	ctx, cancel := context.WithCancel(x.Context())
	var done sync.WaitGroup
	done.Go(func() { _ = s.Run(ctx) })
	for body := range until(bodies) {
		got = append(got, x.datagram(body))
	}
	cancel()
	done.Wait()
	return got
}

func (x *edge) inJet() (got []string) {
	x.Helper()
	js := x.jet.client()
	c, err := js.OrderedConsumer(x.Context(), "X", jetstream.OrderedConsumerConfig{})
	if err != nil {
		x.Fatal(err)
	}
	it, err := c.Messages()
	if err != nil {
		x.Fatal(err)
	}
	defer it.Stop()
	for {
		m, err := it.Next(jetstream.NextMaxWait(silence))
		if err != nil {
			return got
		}
		got = append(got, x.datagram(m.Data()))
	}
}

// silence is after how long nothing more is expected.
const silence = 2 * time.Second

// until returns what comes until there is silence.
func until[T any](in <-chan T) func(yield func(T) bool) {
	return func(yield func(T) bool) {
		for {
			select {
			case v := <-in:
				if !yield(v) {
					return
				}
			case <-time.After(silence):
				return
			}
		}
	}
}

// newJet starts a nats-server with a stream X of the subject x.
func newJet(t *testing.T) *natsServer {
	t.Helper()
	b := startJet(t)
	js := b.client()
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "X", Subjects: []string{"x"}}); err != nil {
		t.Fatal(err)
	}
	return b
}
