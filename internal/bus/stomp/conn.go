package stomp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/bus"
	"tallystick/internal/run"
)

// reconnectWait, and as much again by chance, is between two attempts: a broker that
// starts anew is not run over by its clients.
const reconnectWait = 2 * time.Second

// A Conn is what is known of a broker. Each Subscriber and Publisher has its own
// connection to it.
type Conn struct {
	cfg    Config
	reg    prometheus.Registerer
	counts *bus.ConnCounts
	sent   *bus.PubCounts
	log    *slog.Logger

	wanted, there atomic.Int64 // connections
	trouble       bus.Trouble  // of the connection that was tried last
}

// Connect returns a Conn; connections are made when Subscribers and Publishers run. The
// error is that of the configuration: a file that cannot be read, or counters that
// cannot be registered.
func Connect(cfg Config, reg prometheus.Registerer, log *slog.Logger) (*Conn, error) {
	c := &Conn{cfg: cfg, reg: reg, log: log.With("urls", strings.Join(cfg.URLs, ","))}
	var err error
	if c.counts, err = bus.NewConnCounts(reg, "stomp"); err == nil {
		c.sent, err = bus.NewPubCounts(reg, "stomp")
	}
	if err == nil {
		err = bus.RegisterConnected(reg, "stomp", func() bool { return c.there.Load() == c.wanted.Load() })
	}
	if err != nil {
		return nil, fmt.Errorf("register counters of stomp: %w", err)
	}
	return c, nil
}

// Trouble returns since when there is no connection, and why; nil if nothing is wrong. Of
// several connections it is about the one that was tried last.
func (c *Conn) Trouble() (since time.Time, err error) { return c.trouble.Now() }

// A line is one connection, or the endeavour to have one, again and again.
type line struct {
	*Conn
	client string // by which the broker knows us, empty: it does not
	room   int    // for messages
	log    *slog.Logger

	next           int // URL to be tried
	failed, before bool
}

// run has use use one connection after the other until ctx ends. use returns nil if
// it was told to stop, or the connection is over.
func (l *line) run(ctx context.Context, use func(context.Context, *session) error) {
	l.wanted.Add(1)
	defer l.wanted.Add(-1)
	for ctx.Err() == nil {
		s, err := l.connect(ctx)
		switch {
		case err == nil:
			l.hold(ctx, s, use)
		case ctx.Err() == nil:
			l.fail(ctx, err)
		}
		run.Wait(ctx, reconnectWait+rand.N(reconnectWait))
	}
}

// connect tries all URLs in turn, beginning with the one that was good last.
func (l *line) connect(ctx context.Context) (*session, error) {
	var err error
	for range l.cfg.URLs {
		var at address
		if at, err = parse(l.cfg.URLs[l.next]); err == nil {
			var s *session
			if s, err = open(ctx, l.cfg, at, l.client, l.room); err == nil {
				return s, nil
			}
		}
		err = fmt.Errorf("%s: %w", at.hostPort, err)
		l.next = (l.next + 1) % len(l.cfg.URLs)
	}
	return nil, err
}

// hold has s used, and tells how it ended.
func (l *line) hold(ctx context.Context, s *session, use func(context.Context, *session) error) {
	if l.before {
		l.counts.Reconnects.Inc()
	}
	l.before, l.failed = true, false
	l.trouble.Over()
	l.log.Info("stomp: connected", "to", s.conn.RemoteAddr())
	l.there.Add(1)
	err := use(ctx, s)
	l.there.Add(-1)
	s.close(ctx)
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		err = s.why
	}
	l.counts.Disconnects.Inc()
	if strings.HasPrefix(err.Error(), "the broker says") {
		l.counts.Errors.Inc()
	}
	l.trouble.Is(err)
	l.log.Warn("stomp: connection lost, trying again", "err", err)
}

// fail counts an attempt that failed. The first is told, those after it only to who
// wants to hear everything.
func (l *line) fail(ctx context.Context, err error) {
	l.counts.Failures.Inc()
	level := slog.LevelDebug
	if !l.failed {
		level = slog.LevelWarn
	}
	l.failed = true
	l.trouble.Is(err)
	l.log.Log(ctx, level, "stomp: no connection, trying again", "err", err)
}

// errNoRun is the error of who publishes by a Publisher that has ended.
var errNoRun = errors.New("the publisher does not run any more")
