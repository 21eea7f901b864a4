//go:build e2e

package main_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"tallystick/internal/bus/nats/natstest"
)

// A stream is a stream of a broker that stays up, with a consumer for each subject. The
// broker gives out again after four seconds what was not acknowledged.
type stream struct {
	broker    *natstest.Broker
	js        jetstream.JetStream
	consumers []jetstream.Consumer
}

func newStream(t *testing.T) *stream {
	t.Helper()
	subjects := []string{"lines", "packets", "claims"}
	b := natstest.Start(t)
	s := &stream{broker: b, js: natstest.Stream(t, b.Client(), "CRASH", subjects...)}
	for _, subject := range subjects {
		c, err := s.js.CreateConsumer(t.Context(), "CRASH", jetstream.ConsumerConfig{
			Durable: "tallystick-" + subject, FilterSubject: subject, AckPolicy: jetstream.AckExplicitPolicy,
			AckWait: 4 * time.Second, MaxAckPending: 256,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.consumers = append(s.consumers, c)
	}
	return s
}

// publish gives a message to the broker, which has it then.
func (s *stream) publish(ctx context.Context, t *testing.T, subject string, data []byte) {
	t.Helper()
	if _, err := s.js.Publish(context.WithoutCancel(ctx), subject, data); err != nil {
		t.Errorf("publish: %v", err)
	}
}

// drain waits until the broker has nothing left.
func (s *stream) drain(p *process) {
	p.t.Helper()
	p.poll(2*time.Minute, "done with all messages", func() bool {
		for _, c := range s.consumers {
			info, err := c.Info(p.t.Context())
			if err != nil || info.NumPending > 0 || info.NumAckPending > 0 {
				return false
			}
		}
		return true
	})
}

// streamSums publishes counts that add up.
type streamSums struct {
	*sums

	stream *stream
}

func newStreamSums(s *stream, begin int64, r *rand.Rand) *streamSums {
	sums := newSums("stream", begin, r)
	sums.tally = tally{name: "stream lines", unit: "samples"}
	return &streamSums{sums, s}
}

func (s *streamSums) write(ctx context.Context, to *sender) bool {
	n := size(s.r, 100)
	body, adds := s.lines(n)
	s.stream.publish(ctx, to.t, "lines", body)
	s.add(adds)
	s.sent(acknowledged, n)
	pause(ctx, rand.N(maxPause))
	return true
}

// verify waits for what the broker has, if it is to be exact. If not, there is nothing that
// is too much.
func (s *streamSums) verify(a *asker, all bool) {
	a.t.Helper()
	if all {
		s.stream.drain(a.process)
		s.compare(a, s.got(a))
		return
	}
	for cell, got := range s.got(a) {
		if want := s.want[cell]; got > want {
			a.wrong(&s.doubled, 1, "h%d at %d has %d, want %d at most", cell%sumSeries, s.slot(cell), got, want)
		}
	}
}

// streamPackets publishes packets.
type streamPackets struct {
	tally

	stream *stream
	plays  *plays
}

func newStreamPackets(s *stream, p *plays) *streamPackets {
	return &streamPackets{tally: tally{name: "stream packets", unit: "packets"}, stream: s, plays: p}
}

func (s *streamPackets) row() *tally { return &s.tally }

func (s *streamPackets) write(ctx context.Context, to *sender) bool {
	for _, m := range s.plays.next(1) {
		s.stream.publish(ctx, to.t, "packets", []byte(m))
		s.sent(acknowledged, 1)
	}
	pause(ctx, rand.N(maxPause))
	return true
}

func (*streamPackets) verify(*asker, bool) {}

// streamClaims publishes claims.
type streamClaims struct {
	*claims

	stream *stream
}

func newStreamClaims(s *stream, begin int64, r *rand.Rand) *streamClaims {
	return &streamClaims{newClaims("stream", begin, r), s}
}

func (s *streamClaims) write(ctx context.Context, to *sender) bool {
	for _, c := range s.take(1) {
		body, err := json.Marshal(c)
		if err != nil {
			to.t.Error(err)
		}
		s.stream.publish(ctx, to.t, "claims", body)
		s.state[len(s.state)-1] = acknowledged
		s.sent(acknowledged, 1)
	}
	pause(ctx, rand.N(maxPause))
	return true
}

func (s *streamClaims) verify(a *asker, all bool) {
	a.t.Helper()
	if all {
		s.stream.drain(a.process)
		s.claims.verify(a, true)
	}
}
