package amqp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	amqp "github.com/rabbitmq/amqp091-go"

	"tallystick/internal/bus"
	"tallystick/internal/run"
)

const (
	// reconnectWait, and as much again by chance, is between two attempts: a broker
	// that starts anew is not run over by its clients.
	reconnectWait = 2 * time.Second
	// dialTimeout is how long one attempt may take, until we are let in.
	dialTimeout = 5 * time.Second
	// heartbeat finds a broker that is gone without a word, in three of it.
	heartbeat = 10 * time.Second
	// renewEvery is how often a token's file is looked at.
	renewEvery = time.Second
	// closeTime is how long the broker may take to say goodbye.
	closeTime = 2 * time.Second
)

// ErrClosed is the error of a call for which there will be no connection any more.
var ErrClosed = errors.New("amqp: the connection is closed")

// A Conn is a connection to a broker, or the endeavour to have one, while it runs.
type Conn struct {
	cfg    Config
	reg    prometheus.Registerer
	counts *bus.ConnCounts
	sent   *bus.PubCounts
	log    *slog.Logger

	connects atomic.Int64
	trouble  bus.Trouble // why there is no connection

	mu      sync.Mutex
	link    *link         // nil: there is none now
	changed chan struct{} // closed when link changes
	ended   bool          // there will be none any more

	// Of Run alone.
	next   int  // URL to be tried
	failed bool // an attempt failed since the last connection
	before bool // there was a connection
}

// A link is one connection.
type link struct {
	conn   *amqp.Connection
	gone   chan struct{} // closed when it is lost
	counts *bus.PubCounts

	mu      sync.Mutex
	out     *publisher    // nil until something is published
	blocked chan struct{} // closed when the broker takes messages again; nil: it does
}

// Connect returns a connection that will be there when Run runs. The error is that
// of the configuration: a file that cannot be read, or counters that cannot be
// registered.
func Connect(cfg Config, reg prometheus.Registerer, log *slog.Logger) (*Conn, error) {
	c := &Conn{cfg: cfg, reg: reg, log: log.With("urls", strings.Join(cfg.URLs, ",")), changed: make(chan struct{})}
	var err error
	if c.counts, err = bus.NewConnCounts(reg, "amqp"); err == nil {
		c.sent, err = bus.NewPubCounts(reg, "amqp")
	}
	if err == nil {
		err = bus.RegisterConnected(reg, "amqp", c.connected)
	}
	if err != nil {
		return nil, fmt.Errorf("register counters of amqp: %w", err)
	}
	return c, nil
}

// Trouble returns since when there is no connection, and why; nil if nothing is wrong.
func (c *Conn) Trouble() (since time.Time, err error) { return c.trouble.Now() }

// Connects returns how often there was a connection, the first one counted.
func (c *Conn) Connects() int64 { return c.connects.Load() }

// Run holds a connection until ctx ends, and closes it then. What was acknowledged
// last is told to the broker first, if it is there.
func (c *Conn) Run(ctx context.Context) error {
	defer c.end()
	for ctx.Err() == nil {
		l, secret, err := c.dial(ctx)
		if err == nil {
			c.found(l)
			c.become(l)
			err = c.hold(ctx, l, secret)
			c.become(nil)
			close(l.gone)
			c.lost(ctx, err)
		} else if ctx.Err() == nil {
			c.fail(ctx, err)
		}
		run.Wait(ctx, reconnectWait+rand.N(reconnectWait))
	}
	return nil
}

// dial tries all URLs in turn, beginning with the one that was good last.
func (c *Conn) dial(ctx context.Context) (l *link, secret string, err error) {
	for range c.cfg.URLs {
		if l, secret, err = c.dialOne(ctx, c.cfg.URLs[c.next]); err == nil || ctx.Err() != nil {
			return l, secret, err
		}
		c.next = (c.next + 1) % len(c.cfg.URLs)
	}
	return nil, "", err
}

// dialOne makes one attempt, with what is in the files now.
func (c *Conn) dialOne(ctx context.Context, address string) (l *link, secret string, err error) {
	if secret, err = c.cfg.secret(); err != nil {
		return nil, "", err
	}
	secure, err := c.cfg.tls()
	if err != nil {
		return nil, "", err
	}
	stop := func() bool { return true }
	conn, err := amqp.DialConfig(address, amqp.Config{
		SASL: c.cfg.who(secret), TLSClientConfig: secure, Heartbeat: heartbeat,
		Properties: amqp.Table{"product": "tallystick", "connection_name": "tallystick"},
		Dial: func(network, addr string) (net.Conn, error) {
			raw, err := dialTCP(ctx, network, addr)
			if err == nil {
				stop = context.AfterFunc(ctx, func() { _ = raw.Close() }) // it is not waited for
			}
			return raw, err
		},
	})
	stop()
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", address, err)
	}
	return &link{conn: conn, gone: make(chan struct{}), counts: c.sent}, secret, nil
}

// dialTCP connects, and bounds the time for what comes until we are let in; the
// client library takes that back then.
func dialTCP(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	raw, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if err := raw.SetDeadline(time.Now().Add(dialTimeout)); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return raw, nil
}

// hold holds a connection until it is lost, which is the error, or ctx ends.
func (c *Conn) hold(ctx context.Context, l *link, secret string) error {
	closed := l.conn.NotifyClose(make(chan *amqp.Error, 1))
	blocked := l.conn.NotifyBlocked(make(chan amqp.Blocking, 1))
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return l.conn.CloseDeadline(time.Now().Add(closeTime))
		case err := <-closed:
			if err == nil { // by us, or without a word
				return amqp.ErrClosed
			}
			return err
		case b, ok := <-blocked:
			if !ok {
				blocked = nil
				continue
			}
			c.block(l, b)
		case <-tick.C:
			secret = c.renew(l, secret)
		}
	}
}

// block notes that the broker takes no messages for now, or does again.
func (c *Conn) block(l *link, b amqp.Blocking) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case b.Active && l.blocked == nil:
		l.blocked = make(chan struct{})
		c.counts.Errors.Inc()
		c.log.Warn("amqp: the broker takes no messages for now", "reason", b.Reason)
	case !b.Active && l.blocked != nil:
		close(l.blocked)
		l.blocked = nil
		c.log.Info("amqp: the broker takes messages again")
	}
}

// renew tells the broker a token that is not the one it knows, and returns the one
// that it knows then. One that it does not like ends the connection, and the next
// one tells the reason.
func (c *Conn) renew(l *link, known string) string {
	if c.cfg.TokenFile == "" {
		return known
	}
	secret, err := c.cfg.secret()
	if err != nil || secret == known { // the file may be in the middle of being replaced
		return known
	}
	if err := l.conn.UpdateSecret(secret, "token renewed"); err != nil {
		c.counts.Errors.Inc()
		c.log.Warn("amqp: the broker refuses the new token", "err", err)
		return secret
	}
	c.log.Info("amqp: token renewed")
	return secret
}

// found tells of a new connection.
func (c *Conn) found(l *link) {
	c.connects.Add(1)
	c.trouble.Over()
	if c.before {
		c.counts.Reconnects.Inc()
	}
	c.before, c.failed = true, false
	c.log.Info("amqp: connected", "to", l.conn.RemoteAddr())
}

// become makes l the connection there is.
func (c *Conn) become(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = l
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Conn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	close(c.changed)
	c.changed = make(chan struct{})
}

// wants returns the connection there is, if there is none when there is one.
func (c *Conn) wants(ctx context.Context) (*link, error) {
	for {
		c.mu.Lock()
		l, changed, ended := c.link, c.changed, c.ended
		c.mu.Unlock()
		switch {
		case l != nil:
			return l, nil
		case ended:
			return nil, ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (c *Conn) connected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link != nil
}

// lost tells that a connection was lost, if that was not our wish.
func (c *Conn) lost(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	c.counts.Disconnects.Inc()
	c.trouble.Is(err)
	c.log.Warn("amqp: connection lost, trying again", "err", err)
}

// fail counts an attempt that failed. The first is told, those after it only to who
// wants to hear everything.
func (c *Conn) fail(ctx context.Context, err error) {
	c.counts.Failures.Inc()
	level := slog.LevelDebug
	if !c.failed {
		level = slog.LevelWarn
	}
	c.failed = true
	c.trouble.Is(err)
	c.log.Log(ctx, level, "amqp: no connection, trying again", "err", err)
}
