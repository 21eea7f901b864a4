package amqp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	amqpgo "github.com/rabbitmq/amqp091-go"

	"tallystick/internal/bus"
	"tallystick/internal/bus/amqp"
	"tallystick/internal/bus/amqp/amqptest"
)

// A running is a connection that runs.
type running struct {
	*amqp.Conn
	t    *testing.T
	reg  *prometheus.Registry
	stop func()

	mu  sync.Mutex
	log bytes.Buffer
}

// Write takes the log.
func (r *running) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

func (r *running) logged() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

func connect(t *testing.T, cfg amqp.Config) *running {
	t.Helper()
	r := &running{t: t, reg: prometheus.NewRegistry()}
	if cfg.Retry == 0 {
		cfg.Retry = 50 * time.Millisecond
	}
	var err error
	if r.Conn, err = amqp.Connect(cfg, r.reg, slog.New(slog.NewTextHandler(r, nil))); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(r.stop)
	return r
}

func urls(b *amqptest.Broker) amqp.Config { return amqp.Config{URLs: []string{b.URL()}} }

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

// drain takes all messages of a queue, and returns their bodies.
func drain(t *testing.T, ch *amqpgo.Channel, queue string) (texts []string) {
	t.Helper()
	for {
		m, ok, err := ch.Get(queue, true)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return texts
		}
		texts = append(texts, string(m.Body))
	}
}

// What is published is there, on disk and with all that was said of it, when Publish
// returns; what can go nowhere is an error, and harms nothing else.
func TestPublish(t *testing.T) {
	b := amqptest.Start(t)
	ch := b.Channel()
	b.Queue(ch, "q", "amq.topic", "a.#")
	c := connect(t, urls(b))
	err := c.Publish(t.Context(), amqp.Publication{
		Exchange: "amq.topic", Key: "a.b", ID: bus.ID{Source: "me", Number: 7}, ContentType: "text/plain",
		Headers: map[string]any{"n": int64(1)}, Body: []byte("one"),
	})
	if err != nil {
		t.Fatal(err)
	}
	m, ok, err := ch.Get("q", true)
	if err != nil || !ok {
		t.Fatalf("got %v, %v, want a message", ok, err)
	}
	if string(m.Body) != "one" || m.MessageId != "me/7" || m.ContentType != "text/plain" ||
		m.Headers["n"] != int64(1) || m.DeliveryMode != amqpgo.Persistent {
		t.Errorf("got %+v", m)
	}
	f := func(p amqp.Publication, want error, text string) {
		t.Helper()
		p.Body = []byte("two")
		err := c.Publish(t.Context(), p)
		if want != nil && !errors.Is(err, want) || !strings.Contains(fmt.Sprint(err), text) {
			t.Errorf("%+v: got error %v, want %v with %q", p, err, want, text)
		}
	}
	f(amqp.Publication{Exchange: "amq.topic", Key: "b"}, amqp.ErrNoQueue, "no queue")
	f(amqp.Publication{Key: "nowhere"}, amqp.ErrNoQueue, "no queue")
	f(amqp.Publication{Exchange: "none", Key: "a"}, amqp.ErrLost, "no exchange 'none'")
	f(amqp.Publication{Exchange: "amq.topic", Key: "a", Headers: map[string]any{"x": struct{}{}}}, nil, "not supported")
	f(amqp.Publication{Exchange: "amq.topic", Key: "a"}, nil, "nil")
	if got := drain(t, ch, "q"); len(got) != 1 {
		t.Errorf("got %q, want one message", got)
	}
	if _, err := ch.QueueDeclare("small", true, false, false, false, amqpgo.Table{
		"x-max-length": 1, "x-overflow": "reject-publish",
	}); err != nil {
		t.Fatal(err)
	}
	f(amqp.Publication{Key: "small"}, nil, "nil")
	until(t, "a refusal", func() bool { // the limit is looked at with some delay
		return errors.Is(c.Publish(t.Context(), amqp.Publication{Key: "small"}), amqp.ErrRefused)
	})
}

// Many messages are on their way at once, in order; a broker that is killed in the
// middle loses none that it confirmed, and those that it did not are told.
func TestPublishBrokerKilled(t *testing.T) {
	b := amqptest.Start(t)
	b.Queue(b.Channel(), "q", "", "")
	c := connect(t, urls(b))
	var sure []string
	type sent struct {
		text    string
		receipt *amqp.Receipt
	}
	receipts := make(chan sent, 64)
	done := make(chan error, 1)
	go func() {
		defer close(receipts)
		for i := range 3000 {
			text := strconv.Itoa(i)
			r, err := c.Send(t.Context(), amqp.Publication{Key: "q", Body: []byte(text)})
			if err != nil {
				done <- err
				return
			}
			receipts <- sent{text, r}
		}
		done <- nil
	}()
	lost := 0
	killed := make(chan struct{})
	for s := range receipts {
		switch err := s.receipt.Wait(t.Context()); {
		case err == nil:
			sure = append(sure, s.text)
		case errors.Is(err, amqp.ErrLost):
			lost++
		default:
			t.Errorf("%s: %v", s.text, err)
		}
		if len(sure) == 1000 {
			b.Kill()
			go func() {
				defer close(killed)
				b.Up()
			}()
			sure = append(sure, "")
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	<-killed
	sure = slices.DeleteFunc(sure, func(s string) bool { return s == "" })
	got := drain(t, b.Channel(), "q")
	have := make(map[string]bool)
	last := -1
	for _, s := range got {
		var n int
		_, _ = fmt.Sscan(s, &n)
		if n <= last {
			t.Fatalf("%d comes after %d", n, last)
		}
		last = n
		have[s] = true
	}
	for _, s := range sure {
		if !have[s] {
			t.Errorf("%s was confirmed, and is not there", s)
		}
	}
	if lost == 0 || lost > 65 || len(sure)+lost != 3000 {
		t.Errorf("got %d confirmed and %d lost, want 3000 together, and some lost", len(sure), lost)
	}
}

// Who waits for a broker waits no longer than its context, or the connection.
func TestPublishWaits(t *testing.T) {
	c := connect(t, amqp.Config{URLs: []string{"amqp://127.0.0.1:1"}})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := c.Publish(ctx, amqp.Publication{Key: "q"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v, want %v", err, context.DeadlineExceeded)
	}
	got := make(chan error)
	go func() { got <- c.Publish(t.Context(), amqp.Publication{Key: "q"}) }()
	c.stop()
	if err := <-got; !errors.Is(err, amqp.ErrClosed) {
		t.Errorf("got error %v, want %v", err, amqp.ErrClosed)
	}
	if got := strings.Count(c.logged(), "level=WARN"); got != 1 {
		t.Errorf("got %d warnings that there is no broker, want 1:\n%s", got, c.logged())
	}
}
