package stomp

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/go-stomp/stomp/v3/frame"

	"tallystick/internal/bus"
)

// A Subscription is what one wants to hear.
type Subscription struct {
	Name        string // ours, in logs and counters
	Destination string // as the broker has them: /queue/NAME, /topic/NAME, …
	// Durable, if not empty, is by which name the broker keeps what a topic has for us
	// while we are away.
	Durable string
	// Prefetch is how many messages may be here and not be done with; 0 is
	// DefaultPrefetch. The rest stays with the broker.
	Prefetch int
}

const (
	// DefaultPrefetch bounds the messages that are here, each of which is MaxBody
	// bytes at most.
	DefaultPrefetch = 256
	// MaxPrefetch is what RabbitMQ can count.
	MaxPrefetch = 1<<16 - 1
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
}

// Subscribe returns a Subscriber that is not running yet. The error is that of
// registering its counters, which are told apart by its name.
func (c *Conn) Subscribe(sub Subscription, h bus.Handler) (*Subscriber, error) {
	s := &Subscriber{conn: c, sub: sub, handler: h, log: c.log.With("subscription", sub.Name)}
	var err error
	if s.counts, err = bus.NewSubCounts(c.reg, "stomp", sub.Name, nil); err != nil {
		return nil, fmt.Errorf("register counters of subscription %s: %w", sub.Name, err)
	}
	return s, nil
}

// Run hands over messages until ctx ends, then those that have been received
// already, and returns nil.
func (s *Subscriber) Run(ctx context.Context) error {
	l := &line{Conn: s.conn, client: s.sub.Durable, room: s.prefetch(), log: s.log}
	l.run(ctx, s.consume)
	return nil
}

func (s *Subscriber) prefetch() int { return cmp.Or(s.sub.Prefetch, DefaultPrefetch) }

// consume takes messages until ctx ends or the session is over.
func (s *Subscriber) consume(ctx context.Context, on *session) error {
	r, err := on.send(ctx, s.subscribe(), nil)
	if err != nil {
		return err
	}
	if err := r.Wait(ctx); err != nil {
		return err
	}
	s.log.Info("stomp: subscribed", "destination", s.sub.Destination)
	take := func(d delivery, again bool) bool { return s.take(ctx, on, d, again) }
	if bus.TakeAll(ctx, on.messages, s.conn.cfg.Retry, take) {
		s.drain(ctx, on)
	}
	return nil
}

// subscribe returns the frame that subscribes. Each broker knows its own of the
// headers, and skips those of others.
func (s *Subscriber) subscribe() *frame.Frame {
	prefetch := strconv.Itoa(s.prefetch())
	f := frame.New(
		frame.SUBSCRIBE, frame.Id, cmp.Or(s.sub.Durable, "0"), frame.Destination, s.sub.Destination, frame.Ack, "client-individual",
		"prefetch-count", prefetch, "activemq.prefetchSize", prefetch,
	)
	if s.sub.Durable != "" {
		f.Header.Add("activemq.subscriptionName", s.sub.Durable)
		f.Header.Add("durable", "true")
		f.Header.Add("auto-delete", "false")
		f.Header.Add("x-queue-name", s.sub.Durable)
	}
	return f
}

// drain takes what has been received already. What it does not take, the broker
// gives out again.
func (s *Subscriber) drain(ctx context.Context, on *session) {
	for end := time.Now().Add(drainTime); time.Now().Before(end); {
		select {
		case d, ok := <-on.messages:
			if !ok {
				return
			}
			s.take(ctx, on, d, false)
		default:
			return
		}
	}
}

// take hands over one message and tells the broker, but if there was no room for it:
// false. That the broker could not be told is no error: it gives out the message again.
func (s *Subscriber) take(ctx context.Context, on *session, d delivery, again bool) bool {
	handler := s.handler
	if d.long {
		s.log.Warn("stomp: a message is too long, and is refused", "bytes", d.Header.Get(frame.ContentLength), "most", MaxBody)
		handler = func(context.Context, bus.Message) bus.Answer { return bus.Poison }
	}
	a := s.counts.Hand(ctx, handler, message(d, again))
	var err error
	switch a {
	case bus.Taken:
		err = on.write(frame.New(frame.ACK, frame.Id, d.Header.Get(frame.Ack)))
	case bus.Poison:
		err = on.write(frame.New(frame.NACK, frame.Id, d.Header.Get(frame.Ack), "requeue", "false"))
	case bus.Later:
		return false
	}
	if err != nil {
		s.log.Debug("stomp: answer not sent", "answer", a, "err", err)
	}
	return true
}

// message returns a message that came.
func message(d delivery, again bool) bus.Message {
	m := bus.Message{Data: d.Body, Again: again || d.Header.Get("redelivered") == "true"}
	m.ID, _ = bus.ParseID(cmp.Or(d.Header.Get(idHeader), d.Header.Get(amqpID)))
	return m
}
