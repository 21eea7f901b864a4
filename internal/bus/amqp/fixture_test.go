package amqp_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
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

// drain takes all messages of the queue q, and returns their bodies.
func drain(t *testing.T, ch *amqpgo.Channel) (texts []string) {
	t.Helper()
	for {
		m, ok, err := ch.Get("q", true)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return texts
		}
		texts = append(texts, string(m.Body))
	}
}

// count returns a metric; labels are those of which it must have one.
func (r *running) count(name string, labels ...string) int {
	r.t.Helper()
	all, err := r.reg.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() != "tallystick_amqp_"+name {
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
	r.t.Fatalf("no metric %s", name)
	return 0
}

func (r *running) wantCount(want int, name string, labels ...string) {
	r.t.Helper()
	if got := r.count(name, labels...); got != want {
		r.t.Errorf("%s %v: got %d, want %d", name, labels, got, want)
	}
}

// A listener is a connection with one Subscriber, and what it heard.
type listener struct {
	*running
	stop func() // ends the Subscriber, then the connection

	mu     sync.Mutex
	heard  []string
	ids    []bus.ID
	again  map[string]int // messages that were handed over again
	answer func(bus.Message) bus.Answer
}

func listen(t *testing.T, cfg amqp.Config, sub amqp.Subscription, answer func(bus.Message) bus.Answer) *listener {
	t.Helper()
	l := &listener{running: connect(t, cfg), again: make(map[string]int), answer: answer}
	sub.Name = "test"
	s, err := l.Subscribe(sub, l.handle)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	l.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		l.running.stop()
	})
	t.Cleanup(l.stop)
	return l
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

func taken(bus.Message) bus.Answer { return bus.Taken }

// put publishes a message, and waits until it is there.
func (r *running) put(exchange, key, text string) {
	r.t.Helper()
	until(r.t, "a queue", func() bool {
		return r.Publish(r.t.Context(), amqp.Publication{Exchange: exchange, Key: key, Body: []byte(text)}) == nil
	})
}

// TestBroker runs what can be done with one broker: each start takes seconds.
func TestBroker(t *testing.T) {
	b := amqptest.Start(t)
	each(t, b, map[string]func(on){
		"publishes": publishes, "subscribes": subscribes, "queue goes": queueGoes, "full": full, "stops": stops,
	})
}

// TestKilled runs what kills the broker, and starts it again.
func TestKilled(t *testing.T) {
	b := amqptest.Start(t)
	each(t, b, map[string]func(on){
		"publishes": publishesThroughKill, "subscribes": subscribesThroughKill,
	})
}

// on is what a test has that shares its broker with others.
type on struct {
	t *testing.T
	*amqptest.Broker
}

// each runs tests that use the queue q and the exchange x.
func each(t *testing.T, b *amqptest.Broker, tests map[string]func(on)) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test(on{t, b})
			ch := b.Channel(t)
			_, err := ch.QueueDelete("q", false, false, false)
			if err == nil {
				err = ch.ExchangeDelete("x", false, false)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}
