package amqp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"tallystick/internal/bus"
	"tallystick/internal/run"
)

// A Subscription is what one wants to hear: what is in a queue.
type Subscription struct {
	Name  string // ours, in logs and counters
	Queue string // used as it is if it is there

	// Exchange, if not empty, is what the queue is bound to, with Key, and the queue
	// is made if it is not there: durable, and for MaxBytes together if that is not
	// 0. A publisher that wants to put more into it is refused. Without an exchange,
	// queue and bindings are others' work.
	Exchange string
	Key      string
	MaxBytes int64
	// ExchangeType, such as topic, makes the exchange if it is not there.
	ExchangeType string

	// Prefetch is how many messages may be here and not be done with; 0 is
	// DefaultPrefetch. The rest stays with the broker.
	Prefetch int
}

const (
	// DefaultPrefetch bounds the messages that are here. How large each may be is the
	// broker's bound: RabbitMQ's max_message_size.
	DefaultPrefetch = 256
	// MaxPrefetch is what the protocol can say.
	MaxPrefetch = 1<<16 - 1
	// drainTime bounds how long a Subscriber that is told to stop goes on.
	drainTime = 5 * time.Second
	// waitAgain, and as much again by chance, is between two attempts to consume.
	waitAgain = time.Second
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
	if s.counts, err = bus.NewSubCounts(c.reg, "amqp", sub.Name, nil); err != nil {
		return nil, fmt.Errorf("register counters of subscription %s: %w", sub.Name, err)
	}
	return s, nil
}

// Run hands over messages until ctx ends, then those that have been received
// already, and returns nil. It needs the connection to run.
func (s *Subscriber) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		l, err := s.conn.wants(ctx)
		if err != nil {
			return ignore(ctx, fmt.Errorf("consume %s: %w", s.sub.Queue, err))
		}
		if err = s.consume(ctx, l); err != nil && !l.conn.IsClosed() { // else it is told by the connection
			s.conn.counts.Errors.Inc()
			s.log.Warn("amqp: cannot consume, trying again", "queue", s.sub.Queue, "err", err)
		}
		run.Wait(ctx, waitAgain+rand.N(waitAgain))
	}
	return nil
}

// ignore returns err, but if ctx has ended: that is no error.
func ignore(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return nil
	default:
		return err
	}
}

// errEnded is the error of a consumer that the broker has ended.
var errEnded = errors.New("the broker has ended it: the queue or the channel is gone")

// consume takes messages until ctx ends, nil then, or the channel is lost.
func (s *Subscriber) consume(ctx context.Context, l *link) error {
	if err := s.declare(l.conn); err != nil {
		return err
	}
	ch, err := l.conn.Channel()
	if err != nil {
		return err
	}
	defer closeChannel(ch)
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	if err := ch.Qos(cmp.Or(s.sub.Prefetch, DefaultPrefetch), 0, false); err != nil {
		return err
	}
	messages, err := ch.Consume(s.sub.Queue, consumerTag, false, false, false, false, nil)
	if err != nil {
		return err
	}
	s.log.Info("amqp: consuming", "queue", s.sub.Queue, "exchange", s.sub.Exchange)
	take := func(m amqp.Delivery, again bool) bool { return s.take(ctx, m, again) }
	if bus.TakeAll(ctx, messages, s.conn.cfg.Retry, take) {
		s.drain(ctx, ch, messages)
		return nil
	}
	select {
	case err := <-closed:
		if err != nil {
			return err
		}
	default:
	}
	return errEnded
}

// consumerTag is the name of the one consumer of a channel.
const consumerTag = "tallystick"

// take hands over one message and tells the broker, but if there was no room for it:
// false. That the broker could not be told is no error: it gives out the message again.
func (s *Subscriber) take(ctx context.Context, d amqp.Delivery, again bool) bool {
	m := bus.Message{Data: d.Body, Again: d.Redelivered || again}
	m.ID, _ = bus.ParseID(d.MessageId)
	a := s.counts.Hand(ctx, s.handler, m)
	var err error
	switch a {
	case bus.Taken:
		err = d.Ack(false)
	case bus.Poison:
		err = d.Reject(false)
	case bus.Later:
		return false
	}
	if err != nil {
		s.log.Debug("amqp: answer not sent", "answer", a, "err", err)
	}
	return true
}

// drain takes what has been received already. What it does not take, the broker
// gives out again.
func (s *Subscriber) drain(ctx context.Context, ch *amqp.Channel, messages <-chan amqp.Delivery) {
	if ch.Cancel(consumerTag, true) != nil { // it does not wait for the broker: that may be away
		return
	}
	for end := time.Now().Add(drainTime); time.Now().Before(end); {
		m, ok := <-messages
		if !ok {
			return
		}
		s.take(ctx, m, false)
	}
}

// closeChannel gives back what is not answered. A broker that does not answer is
// not waited for: its connection will end, and so will the goroutine.
func closeChannel(ch *amqp.Channel) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = ch.Close()
	}()
	t := time.NewTimer(closeTime)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	}
}

// declare sees to it that the queue is there, and bound.
func (s *Subscriber) declare(conn *amqp.Connection) error {
	if s.sub.Exchange == "" {
		return once(conn, s.hasQueue)
	}
	err := once(conn, s.hasExchange)
	if isNotFound(err) && s.sub.ExchangeType != "" {
		err = once(conn, s.makeExchange)
	}
	if err != nil {
		return err
	}
	if err = once(conn, s.hasQueue); isNotFound(err) {
		err = once(conn, s.makeQueue)
	}
	if err != nil {
		return err
	}
	return once(conn, s.bind)
}

// once does something on a channel of its own: the broker closes one on which
// something could not be done.
func once(conn *amqp.Connection, do func(*amqp.Channel) error) error {
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	defer closeChannel(ch)
	return do(ch)
}

func isNotFound(err error) bool {
	told, is := errors.AsType[*amqp.Error](err)
	return is && told.Code == amqp.NotFound
}

func (s *Subscriber) hasQueue(ch *amqp.Channel) error {
	_, err := ch.QueueDeclarePassive(s.sub.Queue, true, false, false, false, nil)
	return err
}

func (s *Subscriber) makeQueue(ch *amqp.Channel) error {
	args := amqp.Table{}
	if s.sub.MaxBytes > 0 {
		args["x-max-length-bytes"], args["x-overflow"] = s.sub.MaxBytes, "reject-publish"
	}
	_, err := ch.QueueDeclare(s.sub.Queue, true, false, false, false, args)
	return err
}

// hasExchange does not look at the type: whoever made it knows.
func (s *Subscriber) hasExchange(ch *amqp.Channel) error {
	return ch.ExchangeDeclarePassive(s.sub.Exchange, cmp.Or(s.sub.ExchangeType, "direct"), true, false, false, false, nil)
}

func (s *Subscriber) makeExchange(ch *amqp.Channel) error {
	return ch.ExchangeDeclare(s.sub.Exchange, s.sub.ExchangeType, true, false, false, false, nil)
}

func (s *Subscriber) bind(ch *amqp.Channel) error {
	return ch.QueueBind(s.sub.Queue, s.sub.Key, s.sub.Exchange, false, nil)
}
