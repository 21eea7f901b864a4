package nats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// MaxUnderWay bounds the messages of one Publish that are sent and not acknowledged:
	// enough that a broker some milliseconds away is not waited for after each.
	MaxUnderWay = 256
	// ackTime is how long the broker may take to acknowledge a message. One that is not
	// there is found sooner, by its connection.
	ackTime = 10 * time.Second
)

// An Outgoing is a message for a stream.
type Outgoing struct {
	Subject string
	// ID tells the broker which messages are the same: of those that it has had in the
	// stream's window (two minutes, if nobody chose) it keeps the first. Empty: none is.
	ID   string
	Data []byte // must not change until Publish has returned
}

// TooLong reports whether an error of Publish is that a message is longer than those that
// the broker takes: it never will take that one.
func TooLong(err error) bool { return errors.Is(err, nats.ErrMaxPayload) }

// A Publisher puts messages into streams.
type Publisher struct {
	conn   *Conn
	counts *pubCounts
}

// Publisher returns one whose counters are told apart by its name. The error is that
// of registering them.
func (c *Conn) Publisher(name string) (*Publisher, error) {
	counts, err := newPubCounts(c.reg, name)
	if err != nil {
		return nil, fmt.Errorf("register counters of publisher %s: %w", name, err)
	}
	return &Publisher{conn: c, counts: counts}, nil
}

// Publish sends messages in their order, MaxUnderWay of them at once, and returns how
// many of the first ones are in their streams: all, or there is an error. Of the others
// some may be there too; whoever sends them again, with their IDs, has each there once.
// It does not wait for a broker that is away, and it may be called at once.
func (p *Publisher) Publish(ctx context.Context, ms ...Outgoing) (done int, err error) {
	defer func() {
		if err != nil {
			p.counts.failures.Inc()
			err = fmt.Errorf("publish to %s: %w", ms[done].Subject, err)
		}
	}()
	sent := make([]jetstream.PubAckFuture, 0, len(ms))
	for i := range ms {
		if i >= MaxUnderWay {
			if err := p.acknowledged(ctx, sent[done]); err != nil {
				return done, err
			}
			done++
		}
		f, err := p.send(&ms[i])
		if err != nil {
			// Those that are under way may have done better.
			n, _ := p.await(ctx, sent[done:])
			return done + n, err
		}
		sent = append(sent, f)
	}
	n, err := p.await(ctx, sent[done:])
	return done + n, err
}

// send sends a message.
//
//nolint:ireturn // the client library has no other type
func (p *Publisher) send(m *Outgoing) (jetstream.PubAckFuture, error) {
	if !p.conn.connected() {
		return nil, nats.ErrDisconnected // the client library would keep it and try, and nobody would know
	}
	options := []jetstream.PublishOpt{jetstream.WithRetryAttempts(0)} // later it would be out of order
	if m.ID != "" {
		options = append(options, jetstream.WithMsgID(m.ID))
	}
	return p.conn.js.PublishMsgAsync(&nats.Msg{Subject: m.Subject, Data: m.Data}, options...)
}

// await waits for the acknowledgements of messages, and returns how many of the first
// ones came.
func (p *Publisher) await(ctx context.Context, sent []jetstream.PubAckFuture) (int, error) {
	for i, f := range sent {
		if err := p.acknowledged(ctx, f); err != nil {
			return i, err
		}
	}
	return len(sent), nil
}

// acknowledged waits for the acknowledgement of a message.
func (p *Publisher) acknowledged(ctx context.Context, f jetstream.PubAckFuture) error {
	select {
	case ack := <-f.Ok():
		p.counts.messages.Inc()
		p.counts.bytes.Add(float64(len(f.Msg().Data)))
		if ack.Duplicate {
			p.counts.again.Inc()
		}
		return nil
	case err := <-f.Err():
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
