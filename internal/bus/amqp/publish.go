package amqp

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	amqp "github.com/rabbitmq/amqp091-go"

	"tallystick/internal/bus"
)

// maxUnconfirmed bounds how many messages of a connection are published and not
// confirmed. The broker confirms many at once, after it has written them.
const maxUnconfirmed = 1024

var (
	// ErrNoQueue is the error of a message that no queue wants: the exchange is there,
	// and nothing is bound to it for that key.
	ErrNoQueue = errors.New("no queue takes the message")
	// ErrRefused is the error of a message that a queue has no room for.
	ErrRefused = errors.New("the broker has refused the message")
)

// A Publication is a message on its way out. The broker keeps it on disk.
type Publication struct {
	Exchange    string // must be there; empty: the queue that is called Key
	Key         string
	ID          bus.ID         // zero: it has none
	ContentType string         // such as application/json
	Headers     map[string]any // values as AMQP has them: string, int64, bool, …
	Body        []byte
	// After, if it is there, is of a message that must be in front of this one: by another
	// channel than that one's the error is bus.ErrLost, and nothing is sent.
	After *bus.Receipt
}

// Publish publishes p and returns nil after the broker's confirmation. It waits for
// the broker, if it is not there or takes no messages, until ctx ends. It may be
// called from several goroutines at once.
func (c *Conn) Publish(ctx context.Context, p Publication) error {
	r, err := c.Send(ctx, p)
	if err != nil {
		return err
	}
	return r.Wait(ctx)
}

// Send publishes p, after what was sent before, and does not wait for the
// confirmation: many may be on their way. It waits for the broker as Publish does.
// The body must not be changed until the receipt is there.
func (c *Conn) Send(ctx context.Context, p Publication) (*bus.Receipt, error) {
	if err := amqp.Table(p.Headers).Validate(); err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	for {
		l, err := c.wants(ctx)
		if err != nil {
			return nil, fmt.Errorf("publish: %w", err)
		}
		r, err := l.send(ctx, p)
		if err == nil || ctx.Err() != nil || !errors.Is(err, errGone) {
			return r, err
		}
	}
}

// errGone is the error of what was not sent, since the channel or the connection is
// not there any more.
var errGone = errors.New("the connection is gone")

// send publishes p by l.
func (l *link) send(ctx context.Context, p Publication) (*bus.Receipt, error) {
	out, err := l.publisher(ctx)
	if err == nil {
		var r *bus.Receipt
		if r, err = out.send(ctx, p); err == nil {
			return r, nil
		}
		if errors.Is(err, bus.ErrLost) {
			return nil, fmt.Errorf("publish after what was sent before: %w", err)
		}
		if ctx.Err() == nil && out.ch.IsClosed() && !l.conn.IsClosed() {
			return nil, errGone // there is another channel at once
		}
		err = errGone
	}
	if errors.Is(err, errGone) {
		select {
		case <-l.gone: // Run finds out
		case <-ctx.Done():
			return nil, fmt.Errorf("publish: %w", ctx.Err())
		}
	}
	return nil, err
}

// publisher returns the channel that this connection publishes by, as soon as the
// broker takes messages.
func (l *link) publisher(ctx context.Context) (*publisher, error) {
	for {
		l.mu.Lock()
		blocked := l.blocked
		if blocked == nil {
			defer l.mu.Unlock()
			return l.open()
		}
		l.mu.Unlock()
		select {
		case <-blocked:
		case <-l.gone:
			return nil, errGone
		case <-ctx.Done():
			return nil, fmt.Errorf("publish: the broker takes no messages: %w", ctx.Err())
		}
	}
}

// open returns a channel for publishing; the broker closes one when something is
// wrong with what comes by it, such as an exchange that is not there. It is called
// under mu.
func (l *link) open() (*publisher, error) {
	if l.out != nil && !l.out.ch.IsClosed() {
		return l.out, nil
	}
	ch, err := l.conn.Channel()
	if err == nil {
		err = ch.Confirm(false)
	}
	if l.conn.IsClosed() {
		return nil, errGone
	}
	if err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	l.out = newPublisher(ch, l.counts)
	return l.out, nil
}

// A publisher is a channel that messages are published by.
type publisher struct {
	ch       *amqp.Channel
	turn     chan struct{} // holds a value while somebody publishes
	receipts *bus.Receipts
	counts   *bus.PubCounts
}

func newPublisher(ch *amqp.Channel, counts *bus.PubCounts) *publisher {
	p := &publisher{ch: ch, counts: counts, turn: make(chan struct{}, 1), receipts: bus.NewReceipts(maxUnconfirmed)}
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, maxUnconfirmed))
	// Not buffered: the broker gives a message back before it confirms it, and so it
	// is taken from here before its confirmation is there.
	returns := ch.NotifyReturn(make(chan amqp.Return))
	closes := ch.NotifyClose(make(chan *amqp.Error, 1))
	go p.listen(confirms, returns, closes)
	return p
}

// send publishes p.
func (p *publisher) send(ctx context.Context, m Publication) (*bus.Receipt, error) {
	if !p.receipts.Gave(m.After) {
		return nil, bus.ErrLost
	}
	if err := p.receipts.Room(ctx); err != nil {
		return nil, err
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		p.receipts.Leave()
		return nil, ctx.Err()
	}
	n := p.ch.GetNextPublishSeqNo()
	r, ok := p.receipts.Add(n, p.counts.Settled(len(m.Body)))
	if !ok {
		return nil, amqp.ErrClosed
	}
	if err := p.ch.PublishWithContext(ctx, m.Exchange, m.Key, true, false, m.publishing(n)); err != nil {
		p.receipts.Forget(n)
		return nil, err
	}
	return r, nil
}

// publishing returns the message as the client library has it. The number is in its
// correlation id: it tells which one it is that comes back.
func (m Publication) publishing(n uint64) amqp.Publishing {
	out := amqp.Publishing{
		DeliveryMode: amqp.Persistent, ContentType: m.ContentType, Headers: m.Headers,
		CorrelationId: strconv.FormatUint(n, 10), Body: m.Body,
	}
	if m.ID != (bus.ID{}) {
		out.MessageId = m.ID.String()
	}
	return out
}

// listen settles what the broker tells of, and in the end all else.
func (p *publisher) listen(confirms chan amqp.Confirmation, returns chan amqp.Return, closes chan *amqp.Error) {
	for confirms != nil || returns != nil {
		select {
		case c, ok := <-confirms:
			switch {
			case !ok:
				confirms = nil
			case c.Ack:
				p.receipts.Settle(c.DeliveryTag, nil)
			default:
				p.receipts.Settle(c.DeliveryTag, ErrRefused)
			}
		case r, ok := <-returns:
			if !ok {
				returns = nil
				continue
			}
			if n, err := strconv.ParseUint(r.CorrelationId, 10, 64); err == nil {
				p.receipts.Settle(n, ErrNoQueue)
			}
		}
	}
	if err := <-closes; err != nil {
		p.receipts.End(err)
	} else {
		p.receipts.End(nil)
	}
}
