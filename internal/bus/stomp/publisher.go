package stomp

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/go-stomp/stomp/v3/frame"

	"tallystick/internal/bus"
)

// idHeader has a message's ID, and so has amqpID, which RabbitMQ makes the message_id
// of AMQP of, and the other way round.
const (
	idHeader = "tallystick-id"
	amqpID   = "amqp-message-id"
)

// A Publication is a message on its way out. The broker keeps it on disk.
type Publication struct {
	Destination string // as the broker has them: /queue/NAME, /topic/NAME, …
	ID          bus.ID // zero: it has none
	ContentType string // such as application/json
	Body        []byte
	// After, if it is there, is of a message that must be in front of this one: by another
	// connection than that one's the error is bus.ErrLost, and nothing is sent.
	After *bus.Receipt
}

// A Publisher publishes messages while it runs.
type Publisher struct {
	conn *Conn

	mu      sync.Mutex
	on      *session      // nil: there is none now
	changed chan struct{} // closed when on changes
	ended   bool
}

// Publisher returns one that is not running yet.
func (c *Conn) Publisher() *Publisher { return &Publisher{conn: c, changed: make(chan struct{})} }

// Run holds a connection until ctx ends, and returns nil.
func (p *Publisher) Run(ctx context.Context) error {
	l := &line{Conn: p.conn, log: p.conn.log}
	l.run(ctx, func(ctx context.Context, s *session) error {
		p.become(s, false)
		defer p.become(nil, false)
		select {
		case <-s.over:
		case <-ctx.Done():
		}
		return nil
	})
	p.become(nil, true)
	return nil
}

func (p *Publisher) become(s *session, ended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.on, p.ended = s, ended
	close(p.changed)
	p.changed = make(chan struct{})
}

// Publish publishes m and returns nil after the broker's receipt. It waits for the
// broker, if it is not there, until ctx ends. It may be called from several goroutines
// at once.
func (p *Publisher) Publish(ctx context.Context, m Publication) error {
	r, err := p.Send(ctx, m)
	if err != nil {
		return err
	}
	return r.Wait(ctx)
}

// Send publishes m, after what was sent before, and does not wait for the receipt:
// many may be on their way. It waits for the broker as Publish does.
func (p *Publisher) Send(ctx context.Context, m Publication) (*bus.Receipt, error) {
	for {
		s, err := p.wants(ctx)
		if err != nil {
			return nil, fmt.Errorf("publish to %s: %w", m.Destination, err)
		}
		if !s.receipts.Gave(m.After) {
			return nil, fmt.Errorf("publish to %s: after what was sent before: %w", m.Destination, bus.ErrLost)
		}
		r, err := s.send(ctx, m.frame(), p.conn.sent.Settled(len(m.Body)))
		switch {
		case err == nil:
			return r, nil
		case !errors.Is(err, errOver):
			return nil, fmt.Errorf("publish to %s: %w", m.Destination, err)
		}
		select {
		case <-s.over: // Run finds out
		case <-ctx.Done():
		}
	}
}

func (m Publication) frame() *frame.Frame {
	f := frame.New(
		frame.SEND, frame.Destination, m.Destination, "persistent", "true",
		frame.ContentLength, strconv.Itoa(len(m.Body)),
	)
	if m.ContentType != "" {
		f.Header.Add(frame.ContentType, m.ContentType)
	}
	if m.ID != (bus.ID{}) {
		f.Header.Add(idHeader, m.ID.String())
		f.Header.Add(amqpID, m.ID.String())
	}
	f.Body = m.Body
	return f
}

// wants returns the session there is, if there is none when there is one.
func (p *Publisher) wants(ctx context.Context) (*session, error) {
	for {
		p.mu.Lock()
		s, changed, ended := p.on, p.changed, p.ended
		p.mu.Unlock()
		switch {
		case ended:
			return nil, errNoRun
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case s != nil && !s.isOver():
			return s, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

func (s *session) isOver() bool {
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}
