package amqp_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	amqpgo "github.com/rabbitmq/amqp091-go"

	"tallystick/internal/bus"
	"tallystick/internal/bus/amqp"
)

// What is published is there, on disk and with all that was said of it, when Publish
// returns; what can go nowhere is an error, and harms nothing else.
func publishes(x on) {
	t, b := x.t, x.Broker
	ch := b.Channel(t)
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
	first, err := c.Send(t.Context(), amqp.Publication{Key: "q"})
	if err != nil {
		t.Fatal(err)
	}
	f(amqp.Publication{Key: "q", After: first}, nil, "nil")
	f(amqp.Publication{Exchange: "none", Key: "a"}, bus.ErrLost, "no exchange 'none'")
	f(amqp.Publication{Key: "q", After: first}, bus.ErrLost, "after what was sent before")
	f(amqp.Publication{Exchange: "amq.topic", Key: "a", Headers: map[string]any{"x": struct{}{}}}, nil, "not supported")
	f(amqp.Publication{Exchange: "amq.topic", Key: "a"}, nil, "nil")
	if got := drain(t, ch); len(got) != 3 {
		t.Errorf("got %q, want three messages", got)
	}
	for name, want := range map[string]int{"published_total": 4, "published_bytes_total": 9, "publish_failures_total": 3} {
		if got := c.count(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
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
func publishesThroughKill(x on) {
	t, b := x.t, x.Broker
	b.Queue(b.Channel(t), "q", "", "")
	c := connect(t, urls(b))
	var sure []string
	type sent struct {
		text    string
		receipt *bus.Receipt
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
		case errors.Is(err, bus.ErrLost):
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
	got := drain(t, b.Channel(t))
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
	if lost > 65 || len(sure)+lost != 3000 { // none, if those on the way were all confirmed just before
		t.Errorf("got %d confirmed and %d lost, want 3000 together, and at most 65 lost", len(sure), lost)
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
