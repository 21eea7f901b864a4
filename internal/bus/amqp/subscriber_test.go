package amqp_test

import (
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	amqpgo "github.com/rabbitmq/amqp091-go"

	"tallystick/internal/bus"
	"tallystick/internal/bus/amqp"
)

// Exchange and queue are made where they are not there, and used as they are where
// they are; a message is acknowledged, ended or handed over again, as the Handler says.
func subscribes(x on) {
	t, b := x.t, x.Broker
	ch := b.Channel(t)
	refuse := map[string]int{"later": 3}
	l := listen(t, urls(b), amqp.Subscription{Queue: "q", Exchange: "x", ExchangeType: "topic", Key: "a.#", MaxBytes: 1 << 20}, func(m bus.Message) bus.Answer {
		switch text := string(m.Data); {
		case text == "poison":
			return bus.Poison
		case refuse[text] > 0:
			refuse[text]--
			return bus.Later
		}
		return bus.Taken
	})
	l.put("x", "a.b", "one")
	err := l.Publish(t.Context(), amqp.Publication{Exchange: "x", Key: "a", ID: bus.ID{Source: "s", Number: 5}, Body: []byte("two")})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"poison", "later", "three"} {
		l.put("x", "a", text)
	}
	l.hears(8)
	l.stop()
	heard := l.texts()
	slices.SortStableFunc(heard, func(a, b string) int { return strings.Compare(a[:2], b[:2]) }) // each is tried again in its own time
	if got, want := strings.Join(heard, " "), "later later later later one poison three two"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if l.ids[1] != (bus.ID{Source: "s", Number: 5}) || l.ids[0] != (bus.ID{}) {
		t.Errorf("got IDs %v", l.ids)
	}
	if got := drain(t, ch); len(got) > 0 {
		t.Errorf("the broker still has %q", got)
	}
	l.wantCount(8, "messages_total")
	l.wantCount(3, "redelivered_total")
	l.wantCount(4, "answers_total", "taken")
	l.wantCount(1, "answers_total", "poison")
	l.wantCount(3, "answers_total", "later")
	l.wantCount(0, "connected")

	if _, err := ch.QueueDeclare("mine", true, false, false, false, amqpgo.Table{"x-queue-type": "quorum"}); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []amqp.Subscription{{Queue: "mine"}, {Queue: "mine", Exchange: "amq.fanout", ExchangeType: "direct"}} {
		l := listen(t, urls(b), sub, taken)
		l.put("", "mine", "x")
		if sub.Exchange != "" {
			l.put("amq.fanout", "", "y")
			l.hears(2)
		}
		l.hears(1)
		l.stop()
	}
}

// What is not there is waited for, and looked for again when it goes away.
func queueGoes(x on) {
	t, b := x.t, x.Broker
	ch := b.Channel(t)
	l := listen(t, urls(b), amqp.Subscription{Queue: "q", Exchange: "x"}, taken)
	until(t, "a word", func() bool { return strings.Contains(l.logged(), "no exchange 'x'") })
	if err := ch.ExchangeDeclare("x", "fanout", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	l.put("x", "", "one")
	l.hears(1)
	if _, err := ch.QueueDelete("q", false, false, false); err != nil {
		t.Fatal(err)
	}
	l.put("x", "", "two")
	l.hears(2)
	if !strings.Contains(l.logged(), "the broker has ended it") {
		t.Errorf("that the queue went away is not told:\n%s", l.logged())
	}
	l.stop()
	if l.count("errors_total") < 2 {
		t.Errorf("got %d errors, want 2", l.count("errors_total"))
	}
	l.wantCount(0, "disconnects_total")
}

// With more of them held than were prefetched nothing else comes, and nothing is lost:
// who stops gives back what it could not take.
func full(x on) {
	t, b := x.t, x.Broker
	ch := b.Channel(t)
	b.Queue(ch, "q", "", "")
	full := listen(t, urls(b), amqp.Subscription{Queue: "q", Prefetch: 4}, func(bus.Message) bus.Answer { return bus.Later })
	var want []string
	for i := range 20 {
		want = append(want, strconv.Itoa(i))
		full.put("", "q", want[i])
	}
	full.hears(12)
	full.stop()
	for _, text := range full.texts() {
		if !slices.Contains(want[:4], text) {
			t.Errorf("%s was handed over: more than was asked for", text)
		}
	}
	l := listen(t, urls(b), amqp.Subscription{Queue: "q"}, taken)
	l.hears(20)
	l.stop()
	if got := l.texts(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(l.again) != 4 {
		t.Errorf("got %d messages that were given out before, want 4", len(l.again))
	}
}

// Nothing that was published is lost when the broker is killed, and nothing that was
// taken comes again but what could not be acknowledged.
func subscribesThroughKill(x on) {
	t, b := x.t, x.Broker
	b.Queue(b.Channel(t), "q", "", "")
	c := connect(t, urls(b))
	seen := make(map[string]int)
	var n atomic.Int64
	l := listen(t, urls(b), amqp.Subscription{Queue: "q"}, func(m bus.Message) bus.Answer {
		seen[m.ID.String()]++
		n.Store(int64(len(seen)))
		return bus.Taken
	})
	for i := range 2000 {
		p := amqp.Publication{Key: "q", ID: bus.ID{Source: "s", Number: uint64(i)}, Body: []byte("x")}
		until(t, "a confirmation", func() bool { return c.Publish(t.Context(), p) == nil })
		if i == 1000 {
			b.Kill()
			b.Up()
		}
	}
	until(t, "the messages", func() bool { return n.Load() == 2000 })
	l.stop()
	l.wantCount(1, "disconnects_total")
	l.wantCount(1, "reconnects_total")
	twice := 0
	for _, times := range seen {
		if times > 1 {
			twice++
		}
	}
	if twice > 2 { // the last one taken, and the last one published
		t.Errorf("%d messages came twice", twice)
	}
	if got := drain(t, b.Channel(t)); len(got) > 0 {
		t.Errorf("the broker still has %d messages", len(got))
	}
}

// Told to stop, a Subscriber hands over what has been received, and what it has not
// stays with the broker.
func stops(x on) {
	t, b := x.t, x.Broker
	ch := b.Channel(t)
	b.Queue(ch, "q", "", "")
	entered, leave := make(chan struct{}, 100), make(chan struct{})
	l := listen(t, urls(b), amqp.Subscription{Queue: "q", Prefetch: 10}, func(bus.Message) bus.Answer {
		entered <- struct{}{}
		<-leave
		return bus.Taken
	})
	for i := range 30 {
		l.put("", "q", strconv.Itoa(i))
	}
	<-entered
	time.AfterFunc(50*time.Millisecond, func() { close(leave) })
	l.stop()
	rest := drain(t, ch)
	if got := append(l.texts(), rest...); len(got) != 30 || len(l.texts()) < 10 || len(rest) == 0 {
		t.Errorf("got %d messages handed over and %d left, want 30 together, some of each", len(l.texts()), len(rest))
	}
}
