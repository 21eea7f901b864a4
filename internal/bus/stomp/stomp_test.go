package stomp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/bus"
	"tallystick/internal/bus/amqp/amqptest"
	"tallystick/internal/bus/bustest"
	"tallystick/internal/bus/stomp"
	"tallystick/internal/bus/stomp/stomptest"
)

// A listener has one Subscriber, and what it heard, and a Publisher.
type listener struct {
	*stomp.Publisher
	t    *testing.T
	reg  *prometheus.Registry
	stop func() // ends the Subscriber, then the Publisher

	mu     sync.Mutex
	log    bytes.Buffer
	heard  []string
	ids    []bus.ID
	again  map[string]int // messages that were handed over again
	answer func(bus.Message) bus.Answer
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

func listen(t *testing.T, cfg stomp.Config, sub stomp.Subscription, answer func(bus.Message) bus.Answer) *listener {
	t.Helper()
	l := &listener{t: t, reg: prometheus.NewRegistry(), again: make(map[string]int), answer: answer}
	cfg.Retry = 50 * time.Millisecond
	conn, err := stomp.Connect(cfg, l.reg, slog.New(slog.NewTextHandler(l, nil)))
	if err != nil {
		t.Fatal(err)
	}
	sub.Name = "test"
	s, err := conn.Subscribe(sub, l.handle)
	if err != nil {
		t.Fatal(err)
	}
	l.Publisher = conn.Publisher()
	stopSub, stopPub := background(t, s.Run), background(t, l.Run)
	l.stop = sync.OnceFunc(func() { stopSub(); stopPub() })
	t.Cleanup(l.stop)
	return l
}

// background runs run, and returns what stops it.
func background(t *testing.T, run func(context.Context) error) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func (l *listener) handle(ctx context.Context, m bus.Message) bus.Answer {
	if ctx.Err() != nil {
		l.t.Error("the Handler was given a context that has ended")
	}
	a := l.answer(m)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard, l.ids = append(l.heard, string(m.Data)), append(l.ids, m.ID)
	if m.Again {
		l.again[string(m.Data)]++
	}
	return a
}

func (l *listener) texts() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.heard)
}

// hears waits until n messages have been heard.
func (l *listener) hears(n int) {
	l.t.Helper()
	until(l.t, "the messages", func() bool { return len(l.texts()) >= n })
}

// ready waits until the broker knows of the subscription.
func (l *listener) ready() {
	l.t.Helper()
	until(l.t, "a subscription", func() bool { return strings.Contains(l.logged(), "subscribed") })
}

func (l *listener) put(destination, text string) {
	l.t.Helper()
	if err := l.Publish(l.t.Context(), stomp.Publication{Destination: destination, Body: []byte(text)}); err != nil {
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
		if f.GetName() != "tallystick_stomp_"+name {
			continue
		}
		for _, m := range f.GetMetric() {
			got := []string{}
			for _, p := range m.GetLabel() {
				got = append(got, p.GetValue())
			}
			if len(labels) == 0 || slices.Contains(got, labels[0]) {
				return int(m.GetCounter().GetValue() + m.GetGauge().GetValue())
			}
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

// until waits until ok, for not more than a minute.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("a minute without %s", what)
		}
	}
}

func taken(bus.Message) bus.Answer { return bus.Taken }

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A broker is one that can be killed.
type broker interface {
	Up()
	Kill()
}

func TestActiveMQ(t *testing.T) {
	ca := bustest.NewAuthority(t)
	b := stomptest.StartTLS(t, ca)
	cfg := stomp.Config{URLs: []string{b.URL()}, User: stomptest.User, PasswordFile: file(t, "password", stomptest.Password)}
	all(on{t, b, cfg})
	t.Run("TLS", func(t *testing.T) {
		secure := cfg
		secure.URLs, secure.CAFile = []string{b.TLS()}, ca.File
		certificates(on{t, b, secure}, ca)
	})
}

func TestRabbitMQ(t *testing.T) {
	ca := bustest.NewAuthority(t)
	cert, key := ca.Files("broker")
	port, secure := bustest.FreePort(t), bustest.FreePort(t)
	b := amqptest.Start(t, amqptest.Plugins("rabbitmq_stomp"), amqptest.Config(fmt.Sprintf(`
stomp.listeners.tcp.1 = 127.0.0.1:%d
stomp.listeners.ssl.1 = 127.0.0.1:%d
stomp.ssl_cert_login = true
ssl_cert_login_from = common_name
ssl_options.cacertfile = %s
ssl_options.certfile = %s
ssl_options.keyfile = %s
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true`, port, secure, ca.File, cert, key)))
	url := fmt.Sprintf("stomp://127.0.0.1:%d", port)
	all(on{t, b, stomp.Config{URLs: []string{"stomp://127.0.0.1:1", url}, User: "guest", PasswordFile: file(t, "password", "guest")}})
	t.Run("TLS", func(t *testing.T) {
		certificates(on{t, b, stomp.Config{URLs: []string{fmt.Sprintf("stomps://127.0.0.1:%d/", secure)}, CAFile: ca.File}}, ca)
	})
}

// Certificates say who the broker is, and who we are.
func certificates(x on, ca *bustest.Authority) {
	cfg := x.cfg
	cfg.CertFile, cfg.KeyFile = ca.Files("guest")
	l := listen(x.t, cfg, stomp.Subscription{Destination: "/queue/tls"}, taken)
	l.put("/queue/tls", "x")
	l.hears(1)
	l.wantCount(1, "published_total")
	l.wantCount(1, "published_bytes_total")
	l.wantCount(0, "publish_failures_total")
	l.stop()
	cfg.CAFile = bustest.NewAuthority(x.t).File
	l = listen(x.t, cfg, stomp.Subscription{Destination: "/queue/tls"}, taken)
	until(x.t, "a word", func() bool { return strings.Contains(l.logged(), "unknown authority") })
	l.stop()
}

// on is what a test has that shares its broker with others.
type on struct {
	t *testing.T
	broker
	cfg stomp.Config
}

func all(x on) {
	for name, test := range map[string]func(on){
		"answers": answers, "full": full, "durable": durable, "refused": refused, "long": long, "killed": killed,
	} {
		x.t.Run(name, func(t *testing.T) { test(on{t, x.broker, x.cfg}) })
	}
}

// A message is acknowledged, ended or handed over again, as the Handler says, and has
// what was said of it.
func answers(x on) {
	refuse := map[string]int{"later": 3}
	l := listen(x.t, x.cfg, stomp.Subscription{Destination: "/queue/answers"}, func(m bus.Message) bus.Answer {
		switch text := string(m.Data); {
		case text == "poison":
			return bus.Poison
		case refuse[text] > 0:
			refuse[text]--
			return bus.Later
		}
		return bus.Taken
	})
	for i, text := range []string{"one", "t:w\x00o\n", "poison", "later", "three"} {
		p := stomp.Publication{Destination: "/queue/answers", ID: bus.ID{Source: `a:\b`, Number: uint64(i)}, ContentType: "text/plain", Body: []byte(text)}
		if err := l.Publish(x.t.Context(), p); err != nil {
			x.t.Fatal(err)
		}
	}
	l.hears(8)
	l.stop()
	heard := l.texts()
	slices.SortStableFunc(heard, func(a, b string) int { return strings.Compare(a[:2], b[:2]) }) // each is tried again in its own time
	if got, want := strings.Join(heard, " "), "later later later later one poison t:w\x00o\n three"; got != want {
		x.t.Errorf("got %q, want %q", got, want)
	}
	if l.ids[1] != (bus.ID{Source: `a:\b`, Number: 1}) {
		x.t.Errorf("got IDs %v", l.ids)
	}
	l.wantCount(8, "messages_total")
	l.wantCount(3, "redelivered_total")
	l.wantCount(4, "answers_total", "taken")
	l.wantCount(1, "answers_total", "poison")
	l.wantCount(0, "disconnects_total")

	l = listen(x.t, x.cfg, stomp.Subscription{Destination: "/queue/answers"}, taken)
	l.put("/queue/answers", "last")
	l.hears(1)
	l.stop()
	if got := l.texts(); len(got) != 1 {
		x.t.Errorf("got %q, want nothing of before", got)
	}
}

// With as many of them held as were prefetched nothing else comes, and nothing is
// lost: who stops gives back what it could not take.
func full(x on) {
	f := listen(x.t, x.cfg, stomp.Subscription{Destination: "/queue/full", Prefetch: 4}, func(bus.Message) bus.Answer { return bus.Later })
	var want []string
	for i := range 20 {
		want = append(want, strconv.Itoa(i))
		f.put("/queue/full", want[i])
	}
	f.hears(12)
	f.stop()
	for _, text := range f.texts() {
		if !slices.Contains(want[:4], text) {
			x.t.Errorf("%s was handed over: more than was asked for", text)
		}
	}
	l := listen(x.t, x.cfg, stomp.Subscription{Destination: "/queue/full"}, taken)
	l.hears(20)
	l.stop()
	if got := l.texts(); !slices.Equal(got, want) {
		x.t.Errorf("got %q, want %q", got, want)
	}
}

// What a topic has for us while we are away waits for us, if we said who we are.
func durable(x on) {
	sub := stomp.Subscription{Destination: "/topic/xrootd.shoveler", Durable: "tallystick-test"}
	l := listen(x.t, x.cfg, sub, taken)
	l.ready()
	l.put("/topic/xrootd.shoveler", "one")
	l.hears(1)
	l.stop()
	other := listen(x.t, x.cfg, stomp.Subscription{Destination: "/queue/other"}, taken)
	other.put("/topic/xrootd.shoveler", "two")
	other.stop()
	l = listen(x.t, x.cfg, sub, taken)
	l.hears(1)
	l.stop()
	if got := l.texts(); !slices.Equal(got, []string{"two"}) {
		x.t.Errorf("got %q, want two", got)
	}
}

// A broker that does not let us in is asked again, with what is in the file then.
func refused(x on) {
	cfg := x.cfg
	cfg.PasswordFile = file(x.t, "wrong", "wrong")
	l := listen(x.t, cfg, stomp.Subscription{Destination: "/queue/refused"}, taken)
	until(x.t, "a word", func() bool { return strings.Contains(l.logged(), "the broker says ERROR") })
	good, err := os.ReadFile(x.cfg.PasswordFile)
	if err == nil {
		err = os.WriteFile(cfg.PasswordFile, good, 0o600)
	}
	if err != nil {
		x.t.Fatal(err)
	}
	l.put("/queue/refused", "one")
	l.hears(1)
	if l.count("connect_failures_total") == 0 {
		x.t.Error("attempts that failed are not counted")
	}
	l.stop()
}

// A message that is too long is refused, and harms no other.
func long(x on) {
	l := listen(x.t, x.cfg, stomp.Subscription{Destination: "/queue/long"}, taken)
	l.ready()
	l.put("/queue/long", strings.Repeat("x", stomp.MaxBody+1))
	l.put("/queue/long", "short")
	l.hears(1)
	l.stop()
	if got := l.texts(); !slices.Equal(got, []string{"short"}) {
		x.t.Errorf("got %d messages, want one", len(got))
	}
	l.wantCount(1, "answers_total", "poison")
}

// Nothing that was published is lost when the broker is killed, and what it did not
// confirm can be sent again.
func killed(x on) {
	seen := make(map[string]int)
	var mu sync.Mutex
	l := listen(x.t, x.cfg, stomp.Subscription{Destination: "/queue/killed"}, func(m bus.Message) bus.Answer {
		mu.Lock()
		defer mu.Unlock()
		seen[m.ID.String()]++
		return bus.Taken
	})
	const n = 500
	for from := 0; from < n; from += 50 {
		var receipts []*bus.Receipt
		for i := range 50 {
			r, err := l.Send(x.t.Context(), stomp.Publication{Destination: "/queue/killed", ID: bus.ID{Source: "s", Number: uint64(from + i)}})
			if err != nil {
				x.t.Fatal(err)
			}
			receipts = append(receipts, r)
		}
		if from == n/2 {
			x.Kill()
			x.Up()
			after := stomp.Publication{Destination: "/queue/killed", After: receipts[0]}
			if _, err := l.Send(x.t.Context(), after); !errors.Is(err, bus.ErrLost) {
				x.t.Errorf("after a message of a connection that was lost: got %v, want %v", err, bus.ErrLost)
			}
		}
		for i, r := range receipts {
			for r.Wait(x.t.Context()) != nil {
				var err error
				if r, err = l.Send(x.t.Context(), stomp.Publication{Destination: "/queue/killed", ID: bus.ID{Source: "s", Number: uint64(from + i)}}); err != nil {
					x.t.Fatal(err)
				}
			}
		}
	}
	until(x.t, "the messages", func() bool { mu.Lock(); defer mu.Unlock(); return len(seen) == n })
	l.stop()
	if l.count("reconnects_total") < 2 {
		x.t.Errorf("got %d reconnects, want 2", l.count("reconnects_total"))
	}
}
