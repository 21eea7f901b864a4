package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"tallystick/internal/bus"
)

// A Subscription is what one wants to hear.
type Subscription struct {
	Name    string // ours, in logs and counters
	Subject string // with JetStream: of the messages of the stream; empty is all
	Queue   string // core: each message goes to one of those with the same queue; empty: to everybody

	Stream  string // empty: core NATS
	Durable string // JetStream: the consumer, made if there is none
	// MaxBytes, if not 0, makes the stream if there is none, for messages of so many
	// bytes together. A publisher that wants to put more into it gets an error.
	MaxBytes int64

	// InFlight is how many messages may be here and not be done with; 0 is
	// MaxInFlight, or MaxWaiting without JetStream. With JetStream the rest stays
	// with the broker, without it is dropped.
	InFlight int
	// AckWait is, where the consumer is made here, after how long the broker gives out a
	// message again of which it heard nothing; 0 is 30 s.
	AckWait time.Duration
}

const (
	// MaxInFlight bounds the messages of a durable consumer that are given out and
	// not acknowledged: with the 1 MiB that brokers allow a message, 256 MiB.
	MaxInFlight = 256
	// MaxWaiting and maxWaitingBytes bound what of a core subscription waits here,
	// which has to last while the Handler waits for others: 65,536 messages, or
	// 64 MiB, whichever is first. It is the client library's own bound too.
	MaxWaiting      = 64 << 10
	maxWaitingBytes = 64 << 20
	// drainTime bounds how long a Subscriber that is told to stop goes on.
	drainTime = 5 * time.Second
)

// A Subscriber hands messages to a Handler.
type Subscriber struct {
	conn    *Conn
	sub     Subscription
	handler bus.Handler
	counts  *bus.SubCounts
	log     *slog.Logger

	core atomic.Pointer[nats.Subscription] // while it runs, without JetStream
	lost atomic.Int64                      // dropped, as core last told
}

// Subscribe returns a Subscriber that is not running yet. The error is that of
// registering its counters, which are told apart by its name.
func (c *Conn) Subscribe(sub Subscription, h bus.Handler) (*Subscriber, error) {
	s := &Subscriber{conn: c, sub: sub, handler: h, log: c.log.With("subscription", sub.Name)}
	var err error
	if s.counts, err = bus.NewSubCounts(c.reg, "nats", sub.Name, s.dropped); err != nil {
		return nil, fmt.Errorf("register counters of subscription %s: %w", sub.Name, err)
	}
	return s, nil
}

// Run hands over messages until ctx ends, then those that have been received
// already, and returns nil.
func (s *Subscriber) Run(ctx context.Context) error {
	if s.sub.Stream != "" {
		return s.runStream(ctx)
	}
	return s.runCore(ctx)
}

// hand gives m to the Handler.
func (s *Subscriber) hand(ctx context.Context, m bus.Message) bus.Answer {
	return s.counts.Hand(ctx, s.handler, m)
}

// runCore needs no broker: the client library tells it the subscription when it
// is there, each time.
func (s *Subscriber) runCore(ctx context.Context) error {
	sub, err := s.conn.nc.QueueSubscribeSync(s.sub.Subject, s.sub.Queue)
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", s.sub.Subject, err)
	}
	s.core.Store(sub)
	limit := s.sub.InFlight
	if limit == 0 {
		limit = MaxWaiting
	}
	if err := sub.SetPendingLimits(limit, maxWaitingBytes); err != nil {
		return fmt.Errorf("subscribe to %s: %w", s.sub.Subject, err)
	}
	s.log.Info("nats: subscribed", "subject", s.sub.Subject, "queue", s.sub.Queue)
	for ctx.Err() == nil {
		if err := s.next(ctx, sub); err != nil && ctx.Err() == nil {
			return fmt.Errorf("receive from %s: %w", s.sub.Subject, err)
		}
	}
	s.drainCore(ctx, sub)
	return nil
}

// next hands over the next message. That some were dropped is no error here: it
// is counted.
func (s *Subscriber) next(ctx context.Context, sub *nats.Subscription) error {
	m, err := sub.NextMsgWithContext(ctx)
	switch {
	case err == nil:
		s.hand(ctx, bus.Message{Data: m.Data})
	case errors.Is(err, nats.ErrSlowConsumer):
	default:
		return err
	}
	return nil
}

// drainCore takes the subscription back and hands over what came before that.
// Without a broker, nothing can come.
func (s *Subscriber) drainCore(ctx context.Context, sub *nats.Subscription) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if s.conn.connected() && sub.Drain() == nil {
		for s.next(ctx, sub) == nil {
		}
	}
	for n := waiting(sub); n > 0 && ctx.Err() == nil && s.next(ctx, sub) == nil; n-- {
	}
	s.dropped() // as long as it can be asked
	_ = sub.Unsubscribe()
}

// waiting returns how many messages the client library holds.
func waiting(sub *nats.Subscription) int {
	n, _, err := sub.Pending()
	if err != nil {
		return 0
	}
	return n
}

// dropped returns how many messages the client library had no room for.
func (s *Subscriber) dropped() float64 {
	if sub := s.core.Load(); sub != nil {
		if n, err := sub.Dropped(); err == nil { // else it is closed
			s.lost.Store(int64(n))
		}
	}
	return float64(s.lost.Load())
}
