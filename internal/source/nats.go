package source

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/bus/nats"
	"tallystick/internal/collect"
	"tallystick/internal/ingest"
	"tallystick/internal/transfer"
)

// Sinks take what can come in by a bus: ingest.Ingest.
type Sinks interface {
	Sink
	Lines(ctx context.Context, body []byte, o ingest.LineOptions) ingest.Result
	Claims(ctx context.Context, cs []*transfer.Claim) ingest.Result
}

// A NATS receives the messages of one subscription.
type NATS struct {
	name   string
	sub    *nats.Subscriber
	take   func(ctx context.Context, data []byte, m ingest.Message) ingest.Result
	counts *natsCounts
	log    *slog.Logger
}

// NewNATS returns a source for the subscription of that name. Its default cluster
// and precision are its own: what comes by another one is not touched by them. The
// error is that of registering its counters.
func NewNATS(conn *nats.Conn, name string, sub Subscription, sinks Sinks, reg prometheus.Registerer, log *slog.Logger) (*NATS, error) {
	n := &NATS{name: name, take: taker(sub, sinks), log: log.With("subscription", name)}
	var err error
	if n.counts, err = newNATSCounts(reg, name); err != nil {
		return nil, fmt.Errorf("register counters of subscription %s: %w", name, err)
	}
	s := nats.Subscription{
		Name: name, Subject: sub.Subject, Queue: sub.Queue, Stream: sub.Stream,
		MaxBytes: sub.MaxBytes, InFlight: sub.InFlight,
	}
	if sub.Stream != "" {
		s.Durable = sub.consumer(name)
	}
	if sub.Kind == Packets {
		s.AckWait = packetsAckWait
	}
	n.sub, err = conn.Subscribe(s, n.handle)
	return n, err
}

// packetsAckWait is after how long packets are given out again of which the broker heard
// nothing. Those that follow do not wait for them, and the collector does for ten seconds
// (collect.Default).
const packetsAckWait = 5 * time.Second

// Run receives until ctx ends, hands over what has been received by then, and
// returns nil.
func (n *NATS) Run(ctx context.Context) error { return n.sub.Run(ctx) }

// handle takes one message. It is poison if nothing of it can ever be taken: where
// something can, the rest is counted, and the sender of a message has nobody to
// ask. For want of room all of it comes again, and only what was not taken is taken
// then: lines by the message that they are in, packets and claims are known themselves.
func (n *NATS) handle(ctx context.Context, m nats.Message) nats.Answer {
	r := n.take(ctx, m.Data, n.message(m.ID))
	n.counts.count(r)
	if r.Rejected > 0 {
		n.log.Debug("message refused", "accepted", r.Accepted, "refused", r.Rejected, "first", r.Errors[:min(1, len(r.Errors))])
	}
	switch {
	case r.Full > 0:
		return nats.Later
	case r.Rejected > 0 && r.Accepted == 0:
		return nats.Poison
	}
	return nats.Taken
}

// message returns what a message is called among those of all subscriptions, nothing for
// one that never comes again.
func (n *NATS) message(id nats.ID) ingest.Message {
	if id == (nats.ID{}) {
		return ingest.Message{}
	}
	return ingest.Message{Source: fmt.Sprintf("nats %s %d", n.name, id.Consumer), Number: id.Sequence}
}

// taker returns what takes a message of that kind.
func taker(sub Subscription, sinks Sinks) func(context.Context, []byte, ingest.Message) ingest.Result {
	switch sub.Kind {
	case Packets:
		decode := new(ingest.PacketDecoder).Decode
		return func(ctx context.Context, data []byte, _ ingest.Message) ingest.Result {
			return items(data, decode, func(ps []collect.Packet) ingest.Result { return sinks.Packets(ctx, ps) })
		}
	case Claims:
		return func(ctx context.Context, data []byte, _ ingest.Message) ingest.Result {
			return items(data, ingest.DecodeClaim, func(cs []*transfer.Claim) ingest.Result { return sinks.Claims(ctx, cs) })
		}
	case Lines:
	}
	o := ingest.LineOptions{Cluster: sub.Cluster, Precision: sub.Precision}
	return func(ctx context.Context, data []byte, m ingest.Message) ingest.Result {
		with := o
		with.Message = m
		return sinks.Lines(ctx, data, with)
	}
}
