package forward_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/bus"
	"tallystick/internal/bus/amqp"
	"tallystick/internal/bus/amqp/amqptest"
	"tallystick/internal/forward"
	"tallystick/internal/ledger"
)

// TestAMQP: records go to an exchange, and are in the queues behind it, at least once,
// through a broker that is killed, each with its name.
func TestAMQP(t *testing.T) {
	b := amqptest.Start(t)
	ch := b.Channel(t)
	if err := ch.ExchangeDeclare("xrd.detailed", "topic", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	conn, err := amqp.Connect(amqp.Config{URLs: []string{b.URL()}, Retry: amqp.DefaultRetry}, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	cfg := one(forward.Output{AMQP: forward.AMQPConfig{Exchange: "xrd.detailed", RoutingKey: "a.b"}})
	w := start(t, ledger.New(ledger.Config{}), cfg, forward.Parts{Dir: t.TempDir(), AMQP: conn})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- conn.Run(ctx) }()
	go func() { done <- w.outs[0].Run(ctx) }()
	want := make(map[string]bool)
	add := func(from, to int) {
		for id := from; id < to; id++ {
			put(w.ledger, 1, id)
			want[fmt.Sprintf("%d.1 1", id)] = true
		}
	}
	add(1, 300)
	until(t, "a word that no queue has them", func() bool { return w.count("errors_total") > 0 })
	b.Queue(ch, "all", "xrd.detailed", "#")
	until(t, "the first records", func() bool { return w.count("waiting") == 0 })
	b.Kill()
	add(300, 400)
	b.Up()
	until(t, "all records", func() bool { return w.count("waiting") == 0 })
	stop()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	got := make(map[string]bool)
	ch = b.Channel(t)
	for {
		m, ok, err := ch.Get("all", true)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		id := ids(t, string(m.Body))[0]
		name, ok := bus.ParseID(m.MessageId)
		if !ok || name.Number != 1 || m.ContentType != "application/json" || m.RoutingKey != "a.b" || m.DeliveryMode != 2 {
			t.Fatalf("message %q, %s, %s, %d", m.MessageId, m.ContentType, m.RoutingKey, m.DeliveryMode)
		}
		got[id] = true
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %d records, want %d: %.300q", len(got), len(want), slices.Sorted(maps.Keys(got)))
	}
}
