package source

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/bus"
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

// A taker hands what is in the messages of one subscription to the Sinks.
type taker struct {
	name   string // of the broker and the subscription
	take   func(ctx context.Context, data []byte, m ingest.Message) ingest.Result
	counts *busCounts
	log    *slog.Logger
}

func newTaker(broker, name string, c Content, by cutter, sinks Sinks, reg prometheus.Registerer, log *slog.Logger) (*taker, error) {
	t := &taker{name: broker + " " + name, take: takes(c, sinks, by), log: log.With("subscription", name)}
	var err error
	if t.counts, err = newBusCounts(reg, broker, name); err != nil {
		return nil, fmt.Errorf("register counters of subscription %s: %w", name, err)
	}
	return t, nil
}

// handle takes one message. It is poison if nothing of it can ever be taken: where
// something can, the rest is counted, and the sender of a message has nobody to
// ask. For want of room all of it comes again, and only what was not taken is taken
// then: lines by the message that they are in, packets and claims are known themselves.
func (t *taker) handle(ctx context.Context, m bus.Message) bus.Answer {
	r := t.take(ctx, m.Data, t.message(m.ID))
	t.counts.count(r)
	if r.Rejected > 0 {
		t.log.Debug("message refused", "accepted", r.Accepted, "refused", r.Rejected, "first", r.Errors[:min(1, len(r.Errors))])
	}
	switch {
	case r.Full > 0:
		return bus.Later
	case r.Rejected > 0 && r.Accepted == 0:
		return bus.Poison
	}
	return bus.Taken
}

// message returns what a message is called among those of all subscriptions, nothing for
// one without a name of its own.
func (t *taker) message(id bus.ID) ingest.Message {
	if id == (bus.ID{}) {
		return ingest.Message{}
	}
	return ingest.Message{Source: t.name + " " + id.Source, Number: id.Number}
}

// takes returns what takes a message with that in it. by cuts it into packets and claims.
func takes(c Content, sinks Sinks, by cutter) func(context.Context, []byte, ingest.Message) ingest.Result {
	switch c.Kind {
	case Packets:
		decode := new(ingest.PacketDecoder).Decode
		return func(ctx context.Context, data []byte, _ ingest.Message) ingest.Result {
			return by.packets(data, decode, func(ps []collect.Packet) ingest.Result { return sinks.Packets(ctx, ps) })
		}
	case Claims:
		return func(ctx context.Context, data []byte, _ ingest.Message) ingest.Result {
			return by.claims(data, ingest.DecodeClaim, func(cs []*transfer.Claim) ingest.Result { return sinks.Claims(ctx, cs) })
		}
	case Lines:
	}
	o := ingest.LineOptions{Cluster: c.Cluster, Precision: c.Precision}
	return func(ctx context.Context, data []byte, m ingest.Message) ingest.Result {
		with := o
		with.Message = m
		return sinks.Lines(ctx, data, with)
	}
}

// A cutter says what is in some bytes, and hands it over.
type cutter struct {
	packets func([]byte, func([]byte) (collect.Packet, *ingest.MessageError), func([]collect.Packet) ingest.Result) ingest.Result
	claims  func([]byte, func([]byte) (*transfer.Claim, *ingest.MessageError), func([]*transfer.Claim) ingest.Result) ingest.Result
}

func ofMessages() cutter { return cutter{items[collect.Packet], items[*transfer.Claim]} }

func ofLines() cutter { return cutter{lineItems[collect.Packet], lineItems[*transfer.Claim]} }
