package nats_test

import (
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"tallystick/internal/bus"
	"tallystick/internal/bus/nats"
	"tallystick/internal/bus/nats/natstest"
)

var stream = nats.Subscription{Subject: "a", Stream: "S", Durable: "d"}

// publish puts messages into the stream, each with its number.
func publish(t *testing.T, js jetstream.JetStream, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if _, err := js.Publish(t.Context(), "a", []byte(strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
	}
}

// makeConsumer makes one that gives out again sooner than ours.
func makeConsumer(t *testing.T, js jetstream.JetStream, ackWait time.Duration) {
	t.Helper()
	if _, err := js.CreateConsumer(t.Context(), "S", jetstream.ConsumerConfig{
		Durable: "d", AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait,
	}); err != nil {
		t.Fatal(err)
	}
}

// pending returns how many messages of the durable are not acknowledged: those
// given out and those not yet.
func pending(t *testing.T, js jetstream.JetStream) int {
	t.Helper()
	c, err := js.Consumer(t.Context(), "S", "d")
	if err != nil {
		t.Fatal(err)
	}
	info, err := c.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.NumAckPending + int(info.NumPending) //nolint:gosec // small
}

func wantAll(t *testing.T, got []string, n int) {
	t.Helper()
	have := make(map[string]bool)
	for _, text := range got {
		have[text] = true
	}
	for i := range n {
		if !have[strconv.Itoa(i)] {
			t.Errorf("message %d is lost", i)
		}
	}
	if len(have) != n {
		t.Errorf("got %d different messages, want %d", len(have), n)
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	b := natstest.Start(t)
	js := natstest.Stream(t, b.Client(), "S", "a", "b")
	publish(t, js, 0, 300) // more than are in flight; nobody listens yet
	if _, err := js.Publish(t.Context(), "b", []byte("not for us")); err != nil {
		t.Fatal(err)
	}
	l := listen(t, urls(b.URL()), stream, taken)
	l.hears(300)
	publish(t, js, 300, 600)
	l.hears(600)
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	for i, got := range l.texts() {
		if got != strconv.Itoa(i) {
			t.Fatalf("message %d: got %q", i, got)
		}
	}
	if got := pending(t, js); got != 0 {
		t.Errorf("got %d messages not acknowledged, want 0", got)
	}
	l.wantCount(0, "redelivered_total")
}

// Poison does not come again; what cannot be taken now does, until it is.
func TestStreamAnswers(t *testing.T) {
	t.Parallel()
	b := natstest.Start(t)
	js := natstest.Stream(t, b.Client(), "S", "a")
	var full atomic.Bool
	full.Store(true)
	l := listen(t, urls(b.URL()), stream, func(m bus.Message) bus.Answer {
		switch {
		case string(m.Data) == "0":
			return bus.Poison
		case full.Load():
			return bus.Later
		}
		return bus.Taken
	})
	publish(t, js, 0, 5)
	until(t, "a second time", func() bool { return l.count("redelivered_total") >= 4 })
	full.Store(false)
	until(t, "acknowledgements", func() bool { return pending(t, js) == 0 })
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	wantAll(t, l.texts(), 5)
	if n := l.again["0"]; n > 0 {
		t.Errorf("poison came %d times again", n)
	}
	for i := 1; i < 5; i++ {
		if l.again[strconv.Itoa(i)] == 0 {
			t.Errorf("message %d: is not said to come again", i)
		}
	}
	l.wantCount(1, "answers_total", "poison")
	l.wantCount(4, "answers_total", "taken")
	if n := l.count("answers_total", "later"); n < 4 {
		t.Errorf("got %d messages for later, want at least 4", n)
	}
}

// With no more in flight than allowed, the broker keeps the rest.
func TestStreamInFlight(t *testing.T) {
	t.Parallel()
	b := natstest.Start(t)
	js := natstest.Stream(t, b.Client(), "S", "a")
	publish(t, js, 0, 50)
	gate := make(chan struct{})
	sub := stream
	sub.InFlight = 7
	l := listen(t, urls(b.URL()), sub, func(bus.Message) bus.Answer { <-gate; return bus.Taken })
	<-l.entered
	c, err := js.Consumer(t.Context(), "S", "d")
	if err != nil {
		t.Fatal(err)
	}
	until(t, "messages in flight", func() bool {
		info, err := c.Info(t.Context())
		if err != nil || info.NumAckPending > 7 {
			t.Fatalf("got %d messages in flight, want 7 (%v)", info.NumAckPending, err)
		}
		return info.NumAckPending == 7
	})
	stopped := make(chan error)
	go func() { stopped <- l.stop() }()
	close(gate)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	// What was here was taken and acknowledged before the end.
	if got := len(l.texts()); got < 7 || pending(t, js) != 50-got {
		t.Errorf("got %d messages, and %d of 50 not acknowledged", got, pending(t, js))
	}
}

// The broker is killed, again and again, while messages go in and out: nothing is
// lost, and what was not acknowledged comes again.
func TestStreamBrokerKilled(t *testing.T) {
	t.Parallel()
	b := natstest.StartProcess(t)
	js := natstest.Stream(t, b.Client(), "S", "a")
	makeConsumer(t, js, time.Second)
	var unanswered atomic.Int64
	hold := make(chan struct{})
	l := listen(t, urls(b.URL()), stream, func(m bus.Message) bus.Answer {
		if string(m.Data) == "150" && !m.Again { // the broker dies while it is here
			unanswered.Add(1)
			<-hold
		}
		return bus.Taken
	})
	publish(t, js, 0, 200)
	until(t, "the message", func() bool { return unanswered.Load() == 1 })
	b.Kill()
	until(t, "a lost connection", func() bool { return l.count("connected") == 0 })
	close(hold)
	b.Up()
	publishAnyway(t, js, 200, 400)
	until(t, "acknowledgements", func() bool { return len(l.texts()) >= 400 && pending(t, js) == 0 })
	b.Kill()
	b.Up()
	publishAnyway(t, js, 400, 500)
	until(t, "acknowledgements", func() bool { return len(l.texts()) >= 500 && pending(t, js) == 0 })
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	wantAll(t, l.texts(), 500)
	if l.count("disconnects_total") < 2 || l.count("reconnects_total") < 2 {
		t.Error("the connection was not lost twice, or did not come back")
	}
}

// publishAnyway tries until the broker has it: it is just starting.
func publishAnyway(t *testing.T, js jetstream.JetStream, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		until(t, "an acknowledgement", func() bool {
			_, err := js.Publish(t.Context(), "a", []byte(strconv.Itoa(i)), jetstream.WithMsgID(strconv.Itoa(i)))
			return err == nil
		})
	}
}

// What a process got and did not acknowledge before it died, another gets.
func TestStreamOfTheDead(t *testing.T) {
	t.Parallel()
	b := natstest.Start(t)
	js := natstest.Stream(t, b.Client(), "S", "a")
	makeConsumer(t, js, 300*time.Millisecond)
	publish(t, js, 0, 3)
	dead, err := js.Consumer(t.Context(), "S", "d")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dead.Next(); err != nil { // and no word of it
		t.Fatal(err)
	}
	l := listen(t, urls(b.URL()), stream, taken)
	l.hears(3)
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	wantAll(t, l.texts(), 3)
	l.wantCount(1, "redelivered_total")
}

// A stream is made only where that is wanted, also by a process that came before
// its broker, and keeps nothing that is done with.
func TestStreamIsMade(t *testing.T) {
	t.Parallel()
	b := natstest.New(t)
	sub := stream
	not := listen(t, urls(b.URL()), sub, taken)
	sub.MaxBytes = 2000
	sub.Stream = "M"
	l := listen(t, urls(b.URL()), sub, taken)
	b.Up()
	l.ready()
	js, err := jetstream.New(b.Client())
	if err != nil {
		t.Fatal(err)
	}
	publish(t, js, 0, 3)
	l.hears(3)
	until(t, "an empty stream", func() bool {
		s, err := js.Stream(t.Context(), "M")
		return err == nil && s.CachedInfo().State.Msgs == 0
	})
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	// It is full: the publisher is told, and what is in it stays.
	refused := false
	for i := 0; i < 100 && !refused; i++ {
		_, err := js.Publish(t.Context(), "a", []byte(strings.Repeat("x", 100)))
		refused = err != nil
	}
	if !refused {
		t.Error("the stream takes more than max_bytes")
	}
	until(t, "a word about it", func() bool { return strings.Contains(not.logged(), "stream not found") })
	if _, err := js.Stream(t.Context(), "S"); err == nil {
		t.Error("a stream was made that nobody wanted")
	}
}

// A stream that is deleted and made anew is found again.
func TestStreamIsMadeAnew(t *testing.T) {
	t.Parallel()
	b := natstest.Start(t)
	nc := b.Client()
	js := natstest.Stream(t, nc, "S", "a")
	l := listen(t, urls(b.URL()), stream, taken)
	publish(t, js, 0, 1)
	l.hears(1)
	if err := js.DeleteStream(t.Context(), "S"); err != nil {
		t.Fatal(err)
	}
	natstest.Stream(t, nc, "S", "a")
	publish(t, js, 1, 2)
	l.hears(2)
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	if got := l.texts(); !slices.Equal(got, []string{"0", "1"}) {
		t.Errorf("got %q, want 0 and 1", got)
	}
}

// A consumer with which messages could be lost is not used.
func TestStreamConsumerWithoutAck(t *testing.T) {
	t.Parallel()
	b := natstest.Start(t)
	js := natstest.Stream(t, b.Client(), "S", "a")
	if _, err := js.CreateConsumer(t.Context(), "S", jetstream.ConsumerConfig{Durable: "d", AckPolicy: jetstream.AckNonePolicy}); err != nil {
		t.Fatal(err)
	}
	publish(t, js, 0, 1)
	l := listen(t, urls(b.URL()), stream, taken)
	until(t, "a word about it", func() bool { return strings.Contains(l.logged(), "does not want each message acknowledged") })
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	if got := l.texts(); len(got) > 0 {
		t.Errorf("got %q, want nothing", got)
	}
}

// A message is known by what who published it calls it, if that has a number.
func TestStreamIDs(t *testing.T) {
	b := natstest.Start(t)
	js := natstest.Stream(t, b.Client(), "S", "a")
	var ids []bus.ID
	l := listen(t, urls(b.URL()), nats.Subscription{Stream: "S", Durable: "d"}, func(m bus.Message) bus.Answer {
		ids = append(ids, m.ID)
		return bus.Taken
	})
	for _, id := range []string{"me/7", "8f14e45f"} {
		if _, err := js.Publish(t.Context(), "a", []byte("x"), jetstream.WithMsgID(id)); err != nil {
			t.Fatal(err)
		}
	}
	l.hears(2)
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	if ids[0] != (bus.ID{Source: "me", Number: 7}) || ids[1].Number != 2 || ids[1].Source == "" {
		t.Errorf("got IDs %v", ids)
	}
}
