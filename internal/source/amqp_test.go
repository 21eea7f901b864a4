package source_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"tallystick/internal/bus"
	"tallystick/internal/bus/amqp"
	"tallystick/internal/bus/amqp/amqptest"
	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/ingest"
	"tallystick/internal/ledger"
	"tallystick/internal/source"
)

// amqpStation returns a station with subscriptions to AMQP, and what publishes there.
func amqpStation(t *testing.T, b *amqptest.Broker, subs map[string]source.AMQPSubscription) (*station, *amqp.Conn) {
	t.Helper()
	s := bareStation(t, "amqp", 0, nil)
	log := slog.New(slog.DiscardHandler)
	conn, err := amqp.Connect(amqp.Config{URLs: []string{b.URL()}, Retry: 50 * time.Millisecond}, s.reg, log)
	if err != nil {
		t.Fatal(err)
	}
	parts := make(map[string]part)
	for name, sub := range subs {
		a, err := source.NewAMQP(conn, name, sub, s.ingest, s.reg, log)
		if err != nil {
			t.Fatal(err)
		}
		parts[name] = a.Run
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- conn.Run(ctx) }()
	s.run(parts, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, conn
}

func publish(t *testing.T, conn *amqp.Conn, p amqp.Publication) {
	t.Helper()
	eventually(t, "a queue", func() bool { return conn.Publish(t.Context(), p) == nil })
}

// What comes by AMQP is taken as what comes by NATS: packets of shovelers, claims and
// lines, each line once where its message has an ID, through a broker that is killed.
func TestAMQP(t *testing.T) {
	b := amqptest.Start(t)
	if err := b.Channel(t).ExchangeDeclare("shoveled-xrd", "fanout", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	s, conn := amqpStation(t, b, map[string]source.AMQPSubscription{
		"x": {Exchange: "shoveled-xrd", Kind: source.Packets},
		"c": {Exchange: "claims", ExchangeType: "topic", RoutingKey: "a.#", Kind: source.Claims},
		"l": {Exchange: "amq.topic", RoutingKey: "lines", Queue: "lines", Cluster: "alex"},
	})
	direct := bareStation(t, "direct", 0, nil)
	c, err := capture.Load(os.DirFS("../capture/testdata"), "s01_full_reads")
	if err != nil {
		t.Fatal(err)
	}
	messages, err := capture.Messages(c.Packets)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	claim := fmt.Sprintf(`{"run":"r","id":"1","server":"s:1","path":"/a","opened":%d,"outcome":"ok","asked":{"read":1}}`, now)
	publish(t, conn, amqp.Publication{Exchange: "claims", Key: "a.b", Body: []byte(claim + claim)})
	publish(t, conn, amqp.Publication{Exchange: "claims", Key: "a", Body: []byte("nonsense")})
	for i, p := range c.Packets {
		direct.ingest.Packets(t.Context(), []collect.Packet{{Remote: p.Remote, Data: p.Data}})
		publish(t, conn, amqp.Publication{Exchange: "shoveled-xrd", ContentType: "text/plain", Body: messages[i]})
		line := amqp.Publication{Exchange: "amq.topic", Key: "lines", ID: bus.ID{Source: "shovel", Number: uint64(i)}, Body: fmt.Appendf(nil, "count,hostname=h value=1 %d", now)}
		publish(t, conn, line)
		publish(t, conn, line) // as who had no confirmation does
		if i == len(c.Packets)/2 {
			b.Kill()
			b.Up()
		}
	}
	n := len(c.Packets)
	eventually(t, "all messages", func() bool {
		return s.count("accepted_total", "x") >= n && s.count("accepted_total", "l") >= 2*n && s.count("accepted_total", "c") >= 2
	})
	s.stop()
	// The broker that was killed may not know any more that it was told to end it.
	if got := s.count("answers_total", "c", "poison"); got < 1 || got != s.count("rejected_total", "c", ingest.ReasonSyntax) {
		t.Errorf("got %d messages that were ended, want 1 or 2, each for its syntax", got)
	}
	if n := len(s.ledger.Claims(ledger.Filter{})); n != 1 {
		t.Errorf("got %d claims, want 1", n)
	}
	if got := s.sum(); got != float64(n) {
		t.Errorf("got %v, want each of %d samples once", got, n)
	}
	if got := s.nodes()["alex"]; got != 1 {
		t.Errorf("got %d nodes, want 1", got)
	}
	s.wantTransfersOf(direct)
}

func TestAMQPSubscriptionCheck(t *testing.T) {
	f := func(s source.AMQPSubscription, want ...string) {
		t.Helper()
		var got []string
		for _, p := range s.Check("name") {
			got = append(got, p.Key+": "+p.Err.Error())
		}
		if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
			t.Errorf("%+v:\ngot  %s\nwant %s", s, g, w)
		}
	}
	f(source.AMQPSubscription{})
	f(source.AMQPSubscription{Exchange: "x", ExchangeType: "topic", RoutingKey: "#", MaxBytes: 1, Prefetch: 65535, Cluster: "c", Precision: "ms"})
	f(source.AMQPSubscription{ExchangeType: "topic", RoutingKey: "#", MaxBytes: 1},
		"routing_key: needs an exchange", "exchange_type: needs an exchange", "max_bytes: needs an exchange: without one, the queue is not made")
	f(source.AMQPSubscription{Exchange: "x", MaxBytes: -1, Prefetch: 65536}, "max_bytes: -1 is less than 0", "prefetch: 65536 is not from 0 to 65535")
	f(source.AMQPSubscription{Queue: strings.Repeat("q", 256)}, "queue: is longer than 255 bytes")
	f(source.AMQPSubscription{Kind: source.Claims, Cluster: "c"}, "kind: cluster and precision are for lines, not for claims")
}

func TestAMQPMixes(t *testing.T) {
	f := func(a, b source.AMQPSubscription, want bool) {
		t.Helper()
		if got := a.Mixes("a", "b", b); got != want {
			t.Errorf("%+v and %+v: got %v, want %v", a, b, got, want)
		}
	}
	f(source.AMQPSubscription{Cluster: "a"}, source.AMQPSubscription{Cluster: "b"}, false) // each has a queue of its own
	f(source.AMQPSubscription{Queue: "q", Cluster: "a"}, source.AMQPSubscription{Queue: "q", Cluster: "b"}, true)
	f(source.AMQPSubscription{Queue: "q", Cluster: "a"}, source.AMQPSubscription{Queue: "q", Cluster: "a"}, false)
	f(source.AMQPSubscription{Queue: "tallystick-b", Kind: source.Claims}, source.AMQPSubscription{}, true)
}
