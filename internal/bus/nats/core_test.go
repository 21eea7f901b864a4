package nats_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tallystick/internal/bus"
	"tallystick/internal/bus/nats"
	"tallystick/internal/bus/nats/natstest"
)

// Each message goes to one of those with the same queue, and to each without one.
func TestCoreQueue(t *testing.T) {
	t.Parallel()
	b := natstest.Start(t)
	queue := nats.Subscription{Subject: "a.>", Queue: "q"}
	first, second := listen(t, urls(b.URL()), queue, taken), listen(t, urls(b.URL()), queue, taken)
	alone := listen(t, urls(b.URL()), nats.Subscription{Subject: "a.*"}, taken)
	for _, l := range []*listener{first, second, alone} {
		l.ready()
	}
	nc := b.Client()
	var want []string
	for i := range 1000 {
		want = append(want, strconv.Itoa(i))
		if err := nc.Publish("a.b", []byte(want[i])); err != nil {
			t.Fatal(err)
		}
	}
	alone.hears(1000)
	until(t, "the queue's messages", func() bool { return len(first.texts())+len(second.texts()) >= 1000 })
	for _, l := range []*listener{first, second, alone} {
		if err := l.stop(); err != nil {
			t.Error(err)
		}
	}
	if got := alone.texts(); !slices.Equal(got, want) {
		t.Errorf("without a queue: got %d messages, or in another order, want 1000", len(got))
	}
	if len(first.texts()) == 0 || len(second.texts()) == 0 {
		t.Errorf("got %d and %d messages, want both to have some", len(first.texts()), len(second.texts()))
	}
	got := append(first.texts(), second.texts()...)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("with a queue: got %d messages, want each of 1000 once", len(got))
	}
	alone.wantCount(1000, "messages_total")
	alone.wantCount(2890, "bytes_total")
	alone.wantCount(1000, "answers_total", "taken")
	alone.wantCount(0, "dropped_total")
}

// What was received before the stop is handed over before Run returns, with the
// broker there and without.
func TestCoreStopDrains(t *testing.T) {
	for _, there := range []bool{true, false} {
		t.Run("broker="+strconv.FormatBool(there), func(t *testing.T) {
			t.Parallel()
			b := natstest.Start(t)
			gate := make(chan struct{})
			l := listen(t, urls(b.URL()), nats.Subscription{Subject: "a"}, func(bus.Message) bus.Answer { <-gate; return bus.Taken })
			l.ready()
			nc := b.Client()
			for i := range 100 {
				_ = nc.Publish("a", []byte(strconv.Itoa(i)))
			}
			if err := nc.Flush(); err != nil {
				t.Fatal(err)
			}
			<-l.entered
			if err := l.conn.Flush(); err != nil { // the broker's answer comes behind all that it sent
				t.Fatal(err)
			}
			if !there {
				b.Down()
				until(t, "a lost connection", func() bool { return l.count("connected") == 0 })
			}
			stopped := make(chan error)
			began := time.Now()
			go func() { stopped <- l.stop() }()
			close(gate)
			if err := <-stopped; err != nil {
				t.Errorf("got error %v, want none", err)
			}
			if got := len(l.texts()); got != 100 {
				t.Errorf("got %d messages, want 100", got)
			}
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("stopping took %v", took)
			}
		})
	}
}

// What comes faster than it is taken is dropped beyond the bound, and counted.
func TestCoreDrops(t *testing.T) {
	t.Parallel()
	b := natstest.Start(t)
	gate := make(chan struct{})
	l := listen(t, urls(b.URL()), nats.Subscription{Subject: "a", InFlight: 10}, func(bus.Message) bus.Answer { <-gate; return bus.Taken })
	l.ready()
	nc := b.Client()
	_ = nc.Publish("a", []byte("0"))
	<-l.entered
	for i := range 100 {
		_ = nc.Publish("a", []byte(strconv.Itoa(i+1)))
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	until(t, "drops", func() bool { return l.count("dropped_total") >= 90 })
	close(gate)
	l.hears(11)
	_ = nc.Publish("a", []byte("last")) // it goes on
	l.hears(12)
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	if got := l.texts(); len(got) != 12 || got[11] != "last" {
		t.Errorf("got %q, want the first 11 and the last", got)
	}
	l.wantCount(90, "dropped_total") // also when it can no longer be asked
	if !strings.Contains(l.logged(), "faster than they are taken") {
		t.Errorf("the log does not tell of it:\n%s", l.logged())
	}
}

// A broker that is down at the start, goes away and comes back does no harm.
func TestCoreBrokerComesAndGoes(t *testing.T) {
	t.Parallel()
	b := natstest.New(t)
	l := listen(t, urls(b.URL()), nats.Subscription{Subject: "a", Queue: "q"}, taken)
	l.wantCount(0, "connected")
	until(t, "a word about it", func() bool { return strings.Contains(l.logged(), "no connection") })
	for i := range 2 {
		b.Up()
		until(t, "a connection", func() bool { return l.count("connected") == 1 })
		if err := l.conn.Flush(); err != nil {
			t.Fatal(err)
		}
		_ = b.Client().Publish("a", []byte("x"))
		l.hears(i + 1)
		b.Down()
		until(t, "a lost connection", func() bool { return l.count("connected") == 0 })
	}
	until(t, "its count", func() bool { return l.count("disconnects_total") == 2 })
	l.wantCount(1, "reconnects_total")
	if err := l.stop(); err != nil {
		t.Error(err)
	}
}
