package source_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tallystick/internal/bus"
	"tallystick/internal/bus/amqp"
	"tallystick/internal/bus/amqp/amqptest"
	"tallystick/internal/capture"
	"tallystick/internal/durable"
	"tallystick/internal/source"
	"tallystick/internal/wal"
)

// BenchmarkAMQP publishes as many messages of shovelers as it is told, each with the
// broker's confirmation, and then has them taken, log and collector included.
func BenchmarkAMQP(b *testing.B) {
	broker := amqptest.Start(b)
	log := wal.New(wal.Config{Dir: filepath.Join(b.TempDir(), "log"), Sync: wal.Interval, Interval: time.Second, SegmentBytes: 64 << 20},
		durable.OS{}, time.Now, slog.New(slog.DiscardHandler))
	s := bareStation(b, "amqp", 0, log)
	conn, err := amqp.Connect(amqp.Config{URLs: []string{broker.URL()}, Retry: time.Second}, s.reg, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	broker.Queue(broker.Channel(b), "q", "", "")
	in, err := source.NewAMQP(conn, "x", source.AMQPSubscription{Queue: "q", Kind: source.Packets}, s.ingest, s.reg, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	c, err := capture.Load(os.DirFS("../capture/testdata"), "s03_concurrent_users")
	if err != nil {
		b.Fatal(err)
	}
	messages, err := capture.Messages(c.Packets)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 3)
	go func() { done <- log.Run(ctx) }()
	go func() { done <- conn.Run(ctx) }()
	b.ResetTimer()
	began := time.Now()
	var last *bus.Receipt
	for i := range b.N {
		if last, err = conn.Send(ctx, amqp.Publication{Key: "q", Body: messages[i%len(messages)]}); err != nil {
			b.Fatal(err)
		}
	}
	if err := last.Wait(ctx); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "published/s")
	began = time.Now()
	go func() { done <- in.Run(ctx) }()
	eventually(b, "the messages", func() bool { return s.count("messages_total") == b.N })
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "taken/s")
	b.StopTimer()
	cancel()
	for range 3 {
		if err := <-done; err != nil {
			b.Error(err)
		}
	}
}
