package nats_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/bus/nats"
	"tallystick/internal/bus/nats/natstest"
)

// publisher returns one whose broker is there, and a look at its counters.
func publisher(t *testing.T, url string) (*nats.Publisher, *listener) {
	t.Helper()
	l := &listener{t: t, reg: prometheus.NewRegistry()}
	var err error
	if l.conn, err = nats.Connect(urls(url), l.reg, slog.New(slog.NewTextHandler(l, nil))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.conn.Close)
	p, err := l.conn.Publisher("test")
	if err != nil {
		t.Fatal(err)
	}
	return p, l
}

// numbered returns messages, each with its number.
func numbered(from, to int) (ms []nats.Outgoing) {
	for i := from; i < to; i++ {
		ms = append(ms, nats.Outgoing{Subject: "a", ID: strconv.Itoa(i), Data: []byte(strconv.Itoa(i))})
	}
	return ms
}

// inStream returns what the stream S has, in its order.
func inStream(t *testing.T, js jetstream.JetStream) (got []string) {
	t.Helper()
	s, err := js.Stream(t.Context(), "S")
	if err != nil {
		t.Fatal(err)
	}
	for seq := range s.CachedInfo().State.LastSeq {
		m, err := s.GetMsg(t.Context(), seq+1)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(m.Data))
	}
	return got
}

// All are there in their order, and those that are sent again are there once.
func TestPublish(t *testing.T) {
	t.Parallel()
	b := natstest.Start(t)
	js := natstest.Stream(t, b.Client(), "S", "a")
	p, l := publisher(t, b.URL())
	const n = 2*nats.MaxUnderWay + 100
	for range 2 {
		if got, err := p.Publish(t.Context(), numbered(0, n)...); got != n || err != nil {
			t.Fatalf("got %d, %v, want %d", got, err, n)
		}
	}
	got := inStream(t, js)
	if len(got) != n {
		t.Fatalf("got %d messages in the stream, want %d", len(got), n)
	}
	for i, text := range got {
		if text != strconv.Itoa(i) {
			t.Fatalf("message %d: got %q", i, text)
		}
	}
	l.wantCount(2*n, "published_total")
	l.wantCount(n, "published_again_total")
	l.wantCount(2*1726, "published_bytes_total")
	l.wantCount(0, "publish_failures_total")
	if got, err := p.Publish(t.Context()); got != 0 || err != nil {
		t.Errorf("nothing: got %d, %v", got, err)
	}
}

// What has no stream, or is too large, is an error, and how many came before it is told.
func TestPublishErrors(t *testing.T) {
	t.Parallel()
	b := natstest.Start(t)
	natstest.Stream(t, b.Client(), "S", "a")
	p, l := publisher(t, b.URL())
	f := func(bad nats.Outgoing, want error) {
		t.Helper()
		ms := append(numbered(0, 3), bad)
		if got, err := p.Publish(t.Context(), append(ms, numbered(3, 5)...)...); got != 3 || !errors.Is(err, want) {
			t.Errorf("got %d, %v, want 3, %v", got, err, want)
		} else if !strings.Contains(err.Error(), bad.Subject) {
			t.Errorf("%q does not name %s", err, bad.Subject)
		}
	}
	f(nats.Outgoing{Subject: "nobodys"}, jetstream.ErrNoStreamResponse)
	f(nats.Outgoing{Subject: "a", Data: make([]byte, 2<<20)}, natsgo.ErrMaxPayload)
	l.wantCount(2, "publish_failures_total")

	// A broker without JetStream, where somebody listens who does not answer.
	mute := natstest.Start(t, func(o *server.Options) { o.JetStream = false })
	deaf := mute.Client()
	if _, err := deaf.SubscribeSync("a"); err != nil {
		t.Fatal(err)
	}
	if err := deaf.Flush(); err != nil { // else the broker may not know yet that somebody listens
		t.Fatal(err)
	}
	p, l = publisher(t, mute.URL())
	until(t, "a connection", func() bool { return l.count("connected") == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got, err := p.Publish(ctx, numbered(0, 1)...); got != 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %d, %v, want none, %v", got, err, context.DeadlineExceeded)
	}
}

// Without a broker it is told at once. When it comes back, it is published to.
func TestPublishWithoutBroker(t *testing.T) {
	t.Parallel()
	b := natstest.New(t)
	p, l := publisher(t, b.URL())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if got, err := p.Publish(ctx, numbered(0, 5)...); got != 0 || !errors.Is(err, natsgo.ErrDisconnected) {
		t.Errorf("got %d, %v, want none, %v", got, err, natsgo.ErrDisconnected)
	}
	b.Up()
	until(t, "a connection", func() bool { return l.count("connected") == 1 })
	js := natstest.Stream(t, b.Client(), "S", "a")
	if got, err := p.Publish(ctx, numbered(0, 5)...); got != 5 || err != nil {
		t.Errorf("got %d, %v, want 5", got, err)
	}
	wantAll(t, inStream(t, js), 5)
}

// The broker is killed, again and again, while messages go in. Whoever sends again what
// was not acknowledged, with the same ID, has each there once.
func TestPublishBrokerKilled(t *testing.T) {
	t.Parallel()
	b := natstest.StartProcess(t)
	js := natstest.Stream(t, b.Client(), "S", "a")
	p, l := publisher(t, b.URL())
	const n = 1500
	all := make(chan struct{})
	go func() {
		defer close(all)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for ms := numbered(0, n); len(ms) > 0 && t.Context().Err() == nil; <-tick.C {
			done, err := p.Publish(t.Context(), ms...)
			if ms = ms[done:]; err == nil && len(ms) > 0 {
				t.Errorf("%d messages were left, and there was no error", len(ms))
			}
		}
	}()
	for _, at := range []int{n / 3, 2 * n / 3} {
		until(t, "messages", func() bool { return l.count("published_total") >= at })
		b.Kill()
		b.Up()
	}
	<-all
	got := inStream(t, js)
	if len(got) != n {
		t.Errorf("got %d messages in the stream, want %d", len(got), n)
	}
	wantAll(t, got, n)
	if l.count("publish_failures_total") == 0 {
		t.Error("the broker was killed, and no Publish failed")
	}
}

// What a Publisher has been given is the caller's again.
func TestPublishKeepsNothing(t *testing.T) {
	t.Parallel()
	b := natstest.Start(t)
	js := natstest.Stream(t, b.Client(), "S", "a")
	p, _ := publisher(t, b.URL())
	data := bytes.Repeat([]byte("x"), 1000)
	for i := range 50 {
		copy(data, bytes.Repeat([]byte{byte('a' + i%26)}, len(data)))
		if _, err := p.Publish(t.Context(), nats.Outgoing{Subject: "a", Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	for i, text := range inStream(t, js) {
		if text != strings.Repeat(string(rune('a'+i%26)), len(data)) {
			t.Fatalf("message %d: got %.10q…", i, text)
		}
	}
}

// A message that is too long for the broker is known as such.
func TestPublishTooLong(t *testing.T) {
	t.Parallel()
	b := natstest.Start(t, func(o *server.Options) { o.MaxPayload = 1000 })
	natstest.Stream(t, b.Client(), "S", "a")
	p, _ := publisher(t, b.URL())
	ms := numbered(0, 2)
	ms[1].Data = make([]byte, 2000)
	if done, err := p.Publish(t.Context(), ms...); done != 1 || !nats.TooLong(err) {
		t.Errorf("got %d, %v, want 1 and that the next is too long", done, err)
	}
	if nats.TooLong(context.Canceled) || nats.TooLong(nil) {
		t.Error("another error is one of length")
	}
}
