package nats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tallystick/internal/bus"
	"tallystick/internal/run"
)

const (
	// defaultAckWait is after how long the broker gives out a message again of which it
	// heard nothing: much longer than a Handler ever waits for a checkpoint to copy
	// what it saves.
	defaultAckWait = 30 * time.Second
	// heartbeat is how often the broker says that it has nothing: it is asked anew
	// when it does not say so twice.
	heartbeat = 5 * time.Second
	// waitAgain, and as much again by chance, is between two attempts to find the
	// consumer.
	waitAgain = time.Second
)

// runStream finds the consumer and takes its messages, again and again: a stream
// may be away for a while, or be made anew.
func (s *Subscriber) runStream(ctx context.Context) error {
	for ctx.Err() == nil {
		err := s.consume(ctx)
		switch {
		case ctx.Err() != nil:
		case s.conn.nc.IsClosed():
			return fmt.Errorf("consume %s: %w", s.sub.Stream, err)
		case s.conn.connected(): // else it has been told
			s.log.Warn("nats: cannot consume, trying again", "stream", s.sub.Stream, "durable", s.sub.Durable, "err", err)
		}
		run.Wait(ctx, waitAgain+rand.N(waitAgain))
	}
	return nil
}

// consume takes messages until ctx ends, nil then, or the consumer is lost.
func (s *Subscriber) consume(ctx context.Context) error {
	if !s.conn.connected() {
		return nats.ErrDisconnected
	}
	consumer, err := s.consumer(ctx)
	if err != nil {
		return err
	}
	it, err := consumer.Messages(jetstream.PullMaxMessages(s.inFlight()), jetstream.PullHeartbeat(heartbeat))
	if err != nil {
		return err
	}
	s.log.Info("nats: consuming", "stream", s.sub.Stream, "durable", s.sub.Durable, "subject", s.sub.Subject)
	made := strconv.FormatInt(consumer.CachedInfo().Created.UnixNano(), 10)
	for err == nil {
		err = s.nextOf(ctx, it, made)
	}
	s.drainStream(ctx, it, made)
	return err
}

func (s *Subscriber) inFlight() int {
	if s.sub.InFlight == 0 {
		return MaxInFlight
	}
	return s.sub.InFlight
}

// consumer returns the durable consumer. One that is there is used as it is, so
// that whoever runs the broker may make it, and we need no right to.
//
//nolint:ireturn // the client library has no other type
func (s *Subscriber) consumer(ctx context.Context) (jetstream.Consumer, error) {
	c, err := s.conn.js.Consumer(ctx, s.sub.Stream, s.sub.Durable)
	if errors.Is(err, jetstream.ErrStreamNotFound) && s.sub.MaxBytes > 0 {
		err = s.makeStream(ctx)
		if err == nil {
			err = jetstream.ErrConsumerNotFound
		}
	}
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		c, err = s.conn.js.CreateConsumer(ctx, s.sub.Stream, jetstream.ConsumerConfig{
			Durable: s.sub.Durable, FilterSubject: s.sub.Subject,
			AckPolicy: jetstream.AckExplicitPolicy, AckWait: cmp.Or(s.sub.AckWait, defaultAckWait), MaxAckPending: s.inFlight(),
		})
	}
	if err != nil {
		return nil, err
	}
	return c, fit(c.CachedInfo().Config)
}

var errNoAck = errors.New("the consumer is there already, and does not want each message acknowledged")

// fit refuses a consumer with which messages could be lost.
func fit(cfg jetstream.ConsumerConfig) error {
	if cfg.AckPolicy != jetstream.AckExplicitPolicy {
		return errNoAck
	}
	return nil
}

// makeStream makes a stream that keeps each message until it is acknowledged. What
// does not fit is for the publisher to know: the oldest do not make room.
func (s *Subscriber) makeStream(ctx context.Context) error {
	_, err := s.conn.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: s.sub.Stream, Subjects: []string{s.sub.Subject}, Storage: jetstream.FileStorage,
		Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew, MaxBytes: s.sub.MaxBytes,
	})
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return nil // another of our processes was faster
	}
	return err
}

func (s *Subscriber) nextOf(ctx context.Context, it jetstream.MessagesContext, made string) error {
	m, err := it.Next(jetstream.NextContext(ctx))
	if err != nil {
		return err
	}
	s.answer(m, s.hand(ctx, message(m, made)))
	return nil
}

// message returns a message of the consumer that was made then. Its ID is what who
// published it calls it, if that is one: a broker that was killed may have it twice.
// Else it is its number in the stream, which with the time is another one after the
// consumer or the stream was made anew.
func message(m jetstream.Msg, made string) bus.Message {
	out := bus.Message{Data: m.Data()}
	meta, err := m.Metadata() // a consumer's message always has it
	if err == nil {
		out.Again = meta.NumDelivered > 1
	}
	if id, ok := bus.ParseID(m.Headers().Get(jetstream.MsgIDHeader)); ok {
		out.ID = id
	} else if err == nil {
		out.ID = bus.ID{Source: made, Number: meta.Sequence.Stream}
	}
	return out
}

// answer tells the broker. That it could not be told is no error: it gives out the
// message again.
func (s *Subscriber) answer(m jetstream.Msg, a bus.Answer) {
	var err error
	switch a {
	case bus.Taken:
		err = m.Ack()
	case bus.Poison:
		err = m.TermWithReason("malformed")
	case bus.Later:
		err = m.NakWithDelay(s.conn.retry)
	}
	if err != nil {
		s.log.Debug("nats: answer not sent", "answer", a, "err", err)
	}
}

// drainStream takes what has been received already. Without a broker nobody could
// be told, and it comes again.
func (s *Subscriber) drainStream(ctx context.Context, it jetstream.MessagesContext, made string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	defer it.Stop()
	if !s.conn.connected() {
		return
	}
	it.Drain()
	for s.nextOf(ctx, it, made) == nil {
	}
}
