package nats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/bus"
)

const (
	// reconnectWait and as much again by chance are between two attempts at all
	// servers: a broker that starts anew is not run over by its clients.
	reconnectWait = 2 * time.Second
	// dialTimeout is how long one attempt may take. The first attempts are made
	// before Connect returns, one for each URL.
	dialTimeout = 2 * time.Second
	// pingEvery and pingsOut find a broker that is gone without a word, in 40 s.
	pingEvery = 20 * time.Second
	pingsOut  = 2
	// flushTime is how long the broker may take to hear our last acknowledgements.
	flushTime = 2 * time.Second
)

// A Conn is a connection to a broker, or the endeavour to have one.
type Conn struct {
	nc      *nats.Conn
	late    atomic.Pointer[nats.Conn] // nc, for callbacks, which may come before Connect has it
	js      jetstream.JetStream
	retry   time.Duration
	reg     prometheus.Registerer
	counts  *bus.ConnCounts
	log     *slog.Logger
	trouble bus.Trouble // why there is no connection
	failed  atomic.Bool // an attempt failed since the last connection
}

// Connect returns a connection that is there or will be. The error is that of the
// configuration: a file that cannot be read, or counters that cannot be registered.
func Connect(cfg Config, reg prometheus.Registerer, log *slog.Logger) (*Conn, error) {
	c := &Conn{retry: cfg.Retry, reg: reg, log: log.With("urls", strings.Join(cfg.URLs, ","))}
	options, err := cfg.options()
	if err != nil {
		return nil, fmt.Errorf("connect to nats: %w", err)
	}
	if c.counts, err = bus.NewConnCounts(reg, "nats"); err != nil {
		return nil, fmt.Errorf("register counters of nats: %w", err)
	}
	c.nc, err = nats.Connect(strings.Join(cfg.URLs, ","), append(options, c.patience()...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to nats: %w", err)
	}
	c.late.Store(c.nc)
	if !c.nc.IsConnected() {
		c.trouble.Is(cmp.Or(c.nc.LastError(), nats.ErrNoServers))
		c.counts.Failures.Inc()
	}
	if c.js, err = jetstream.New(c.nc, jetstream.WithPublishAsyncTimeout(ackTime)); err == nil {
		err = bus.RegisterConnected(reg, "nats", c.nc.IsConnected)
	}
	if err != nil {
		c.nc.Close()
		return nil, fmt.Errorf("connect to nats: %w", err)
	}
	return c, nil
}

// patience returns the options that make a connection try for ever, and tell of it.
func (c *Conn) patience() []nats.Option {
	return []nats.Option{
		nats.Name("tallystick"),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(),
		nats.CustomReconnectDelay(c.delay),
		nats.Timeout(dialTimeout),
		nats.PingInterval(pingEvery),
		nats.MaxPingsOutstanding(pingsOut),
		nats.ConnectHandler(c.onConnect),
		nats.ReconnectHandler(c.onReconnect),
		nats.DisconnectErrHandler(c.onDisconnect),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { c.fail(err) }),
		nats.ErrorHandler(c.onError),
	}
}

// Run holds the connection until ctx ends, and closes it then. What was
// acknowledged last is told to the broker first, if it is there.
func (c *Conn) Run(ctx context.Context) error {
	<-ctx.Done()
	c.Close()
	return nil
}

// Close closes the connection.
func (c *Conn) Close() {
	if c.nc.IsConnected() {
		_ = c.nc.FlushTimeout(flushTime) // what it was not told it gives out again
	}
	c.nc.Close()
}

// connected reports whether the broker is there, as far as is known.
func (c *Conn) connected() bool { return c.nc.IsConnected() }

// Trouble returns since when there is no connection, and why; nil if nothing is wrong.
func (c *Conn) Trouble() (since time.Time, err error) { return c.trouble.Now() }

func (c *Conn) onConnect(nc *nats.Conn) {
	c.failed.Store(false)
	c.trouble.Over()
	c.log.Info("nats: connected", "to", nc.ConnectedUrlRedacted())
}

func (c *Conn) onReconnect(nc *nats.Conn) {
	c.counts.Reconnects.Inc()
	c.onConnect(nc)
}

func (c *Conn) onDisconnect(nc *nats.Conn, err error) {
	if nc.IsClosed() {
		return // by us
	}
	c.counts.Disconnects.Inc()
	c.trouble.Is(cmp.Or(err, nats.ErrDisconnected))
	c.log.Warn("nats: connection lost, trying again", "err", err)
}

// delay returns how long to wait before all servers are tried again. It is asked
// before the first time too. That a server was reached and did not let us in is
// told nowhere else.
func (c *Conn) delay(attempts int) time.Duration {
	if attempts > 1 {
		c.counts.Failures.Inc()
		if nc := c.late.Load(); nc != nil && nc.LastError() != nil {
			c.fail(nc.LastError())
		}
	}
	return reconnectWait + rand.N(reconnectWait)
}

// fail tells of the first attempt that failed, and of those after it only who
// wants to hear everything.
func (c *Conn) fail(err error) {
	c.trouble.Is(err)
	level := slog.LevelDebug
	if !c.failed.Swap(true) {
		level = slog.LevelWarn
	}
	c.log.Log(context.Background(), level, "nats: no connection, trying again", "err", err)
}

// onError is told what belongs to no call. A slow consumer's drops are counted by
// its Subscriber.
func (c *Conn) onError(_ *nats.Conn, sub *nats.Subscription, err error) {
	c.counts.Errors.Inc()
	attrs := []any{"err", err}
	if sub != nil {
		attrs = append(attrs, "subject", sub.Subject)
	}
	if errors.Is(err, nats.ErrSlowConsumer) {
		c.log.Warn("nats: messages come faster than they are taken, and are dropped", attrs...)
		return
	}
	c.log.Warn("nats: error", attrs...)
}
