package forward

import (
	"cmp"
	"context"
	"errors"
	"time"

	"tallystick/internal/bus"
	"tallystick/internal/bus/amqp"
	"tallystick/internal/bus/nats"
	"tallystick/internal/bus/stomp"
)

// A Message is a record on its way.
type Message struct {
	ID   bus.ID // the same whenever it is sent; of a record the transfer, and its revision
	Body []byte // JSON, without a line's end
	// ContentType is what a broker is told of the body; empty: application/json.
	ContentType string
}

func (m Message) contentType() string { return cmp.Or(m.ContentType, "application/json") }

// A Sender hands messages to a receiver. It is used by one goroutine.
type Sender interface {
	// Send returns how many messages, from the first on, the receiver has acknowledged.
	// The error is about the one after them; it is a *FailedError. ms is the caller's.
	Send(ctx context.Context, ms []Message) (done int, err error)
}

// A Reason is why something was not sent, as the label of its counter.
type Reason string

// The reasons.
const (
	Unreachable Reason = "unreachable" // no connection, no answer
	Busy        Reason = "busy"        // the receiver says: later
	Denied      Reason = "denied"      // the receiver does not know us
	Refused     Reason = "refused"     // the receiver will never take this record
	Disk        Reason = "disk"        // of our own: a file, or the place
	Unencoded   Reason = "encode"      // it cannot be made a record
)

// reasons are all of them.
func reasons() []Reason { return []Reason{Unreachable, Busy, Denied, Refused, Disk, Unencoded} }

// A FailedError is why a message was not sent. If it is Refused, trying again is in vain.
type FailedError struct {
	Reason Reason
	Err    error
}

func (e *FailedError) Error() string { return e.Err.Error() }

func (e *FailedError) Unwrap() error { return e.Err }

// failed returns err with its reason, unless it has one.
func failed(why Reason, err error) error {
	var known *FailedError
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &FailedError{why, err}
}

// ReasonOf returns the reason of an error of a Sender.
func ReasonOf(err error) Reason {
	if f, ok := errors.AsType[*FailedError](err); ok {
		return f.Reason
	}
	return Unreachable
}

const (
	// window is how many messages may be on their way to a broker: enough that it is not
	// the time of a confirmation that counts.
	window = 512
	// publishTime is how long the broker may take, also to come back.
	publishTime = 10 * time.Second
)

// A publishing publishes one message, behind the one that after is of, and does not wait for
// its confirmation. A connection that came since then does not have what is to be in front of
// it: that is an error.
type publishing func(ctx context.Context, m Message, after *bus.Receipt) (*bus.Receipt, error)

// Send implements Sender.
func (p publishing) Send(ctx context.Context, ms []Message) (done int, err error) {
	for done < len(ms) && err == nil {
		var n int
		n, err = p.send(ctx, ms[done:min(done+window, len(ms))])
		done += n
	}
	return done, err
}

// send sends as many messages as may be on their way at once.
func (p publishing) send(ctx context.Context, ms []Message) (done int, err error) {
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	var receipts []*bus.Receipt
	var last *bus.Receipt
	for _, m := range ms {
		if last, err = p(ctx, m, last); err != nil {
			break
		}
		receipts = append(receipts, last)
	}
	for _, r := range receipts {
		if err := r.Wait(ctx); err != nil {
			return done, published(err)
		}
		done++
	}
	return done, published(err)
}

func published(err error) error {
	if errors.Is(err, amqp.ErrRefused) {
		return failed(Busy, err)
	}
	return failed(Unreachable, err)
}

// ToAMQP returns a Sender to an exchange of AMQP, several messages at a time, in their
// order.
func ToAMQP(cfg AMQPConfig, to AMQP) Sender { //nolint:ireturn // all are Senders
	return publishing(func(ctx context.Context, m Message, after *bus.Receipt) (*bus.Receipt, error) {
		return to.Send(ctx, amqp.Publication{
			Exchange: cfg.Exchange, Key: cfg.RoutingKey, ID: m.ID, ContentType: m.contentType(), Body: m.Body, After: after,
		})
	})
}

// ToSTOMP returns a Sender to a destination of STOMP, several messages at a time, in their
// order.
func ToSTOMP(destination string, to STOMP) Sender { //nolint:ireturn // all are Senders
	return publishing(func(ctx context.Context, m Message, after *bus.Receipt) (*bus.Receipt, error) {
		return to.Send(ctx, stomp.Publication{
			Destination: destination, ID: m.ID, ContentType: m.contentType(), Body: m.Body, After: after,
		})
	})
}

// A stream sends to a stream of NATS, which has each message once.
type stream struct {
	subject string
	to      NATS
}

// ToNATS returns a Sender to a subject of NATS, of which a stream has the messages.
func ToNATS(subject string, to NATS) Sender { return stream{subject, to} } //nolint:ireturn // all are Senders

// Send implements Sender.
func (s stream) Send(ctx context.Context, ms []Message) (done int, err error) {
	out := make([]nats.Outgoing, len(ms))
	for i, m := range ms {
		out[i] = nats.Outgoing{Subject: s.subject, ID: m.ID.String(), Data: m.Body}
	}
	done, err = s.to.Publish(ctx, out...)
	if nats.TooLong(err) {
		return done, failed(Refused, err)
	}
	return done, failed(Unreachable, err)
}
