package forward

import (
	"context"
	"errors"
	"sync"
	"time"

	"tallystick/internal/bus"
	"tallystick/internal/bus/amqp"
	"tallystick/internal/bus/nats"
)

// A Message is a record on its way.
type Message struct {
	ID   bus.ID // of the transfer, and its revision: the same whenever it is sent
	Body []byte // JSON, without a line's end
}

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

// reasonOf returns the reason of an error of a Sender.
func reasonOf(err error) Reason {
	if f, ok := errors.AsType[*FailedError](err); ok {
		return f.Reason
	}
	return Unreachable
}

const (
	// window is how many messages may be on their way to an exchange: enough that it is
	// not the time of a confirmation that counts.
	window = 64
	// publishTime is how long the broker may take, also to come back.
	publishTime = 10 * time.Second
)

// An exchange sends to an exchange of AMQP, several messages at a time.
type exchange struct {
	cfg AMQPConfig
	to  AMQP
}

// Send implements Sender.
func (e exchange) Send(ctx context.Context, ms []Message) (done int, err error) {
	for done < len(ms) {
		part := ms[done:min(done+window, len(ms))]
		errs := make([]error, len(part))
		var all sync.WaitGroup
		for i, m := range part {
			all.Go(func() { errs[i] = e.publish(ctx, m) })
		}
		all.Wait()
		for _, err := range errs {
			if err != nil {
				return done, err
			}
			done++
		}
	}
	return done, nil
}

func (e exchange) publish(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	err := e.to.Publish(ctx, amqp.Publication{
		Exchange: e.cfg.Exchange, Key: e.cfg.RoutingKey, ID: m.ID, ContentType: "application/json", Body: m.Body,
	})
	if errors.Is(err, amqp.ErrRefused) {
		return failed(Busy, err)
	}
	return failed(Unreachable, err)
}

// A stream sends to a stream of NATS, which has each message once.
type stream struct {
	subject string
	to      NATS
}

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
