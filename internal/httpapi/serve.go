package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Patience is how long a server waits for clients.
type Patience struct {
	Header time.Duration // for the head of a request, once its connection is there or its first byte has come
	Idle   time.Duration // for the next request
	Grace  time.Duration // for requests in flight, when it stops
}

// DefaultPatience is for clients that may be far away.
func DefaultPatience(grace time.Duration) Patience {
	return Patience{Header: 5 * time.Second, Idle: time.Minute, Grace: grace}
}

// Serve returns a part of the process that serves h on lns, at least one, until its
// context ends. Requests in flight may then take p.Grace to finish; the connections of
// those that do not are cut. When the part has returned, no handler is running
// any more: what is stopped after it sees the last of what came in. Connections are counted in open.
func Serve(lns []net.Listener, h http.Handler, p Patience, open prometheus.Gauge, log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		base, cut := context.WithCancel(context.WithoutCancel(ctx))
		defer cut()
		g := &gate{handler: h}
		srv := &http.Server{
			Handler:           g,
			ReadHeaderTimeout: p.Header, // and of the handshake of TLS
			IdleTimeout:       p.Idle,
			MaxHeaderBytes:    32 << 10, // a token has about 350 bytes
			HTTP2:             &http.HTTP2Config{SendPingTimeout: p.Idle, PingTimeout: p.Header, WriteByteTimeout: p.Idle},
			ConnState:         func(_ net.Conn, s http.ConnState) { count(open, s) },
			BaseContext:       func(net.Listener) context.Context { return base },
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		}
		failed := make(chan error, len(lns))
		for _, ln := range lns {
			go func() { failed <- srv.Serve(ln) }()
		}
		var err error
		left, grace := len(lns), p.Grace
		select {
		case err = <-failed:
			left, grace = left-1, 0
		case <-ctx.Done():
		}
		err = errors.Join(err, stop(ctx, srv, grace, cut, g, log))
		for range left {
			if e := <-failed; !errors.Is(e, http.ErrServerClosed) {
				err = errors.Join(err, e)
			}
		}
		return err
	}
}

// count counts a connection that has come to be in a state.
func count(open prometheus.Gauge, s http.ConnState) {
	switch s {
	case http.StateNew:
		open.Inc()
	case http.StateClosed, http.StateHijacked:
		open.Dec()
	case http.StateActive, http.StateIdle:
	}
}

// stop ends srv within grace and the little that handlers need to notice it.
func stop(
	ctx context.Context, srv *http.Server, grace time.Duration, cut func(), g *gate, log *slog.Logger,
) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := srv.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		log.Warn("requests were cut off", "grace", grace)
		err = srv.Close() // first: who hears of the end would answer as if all were done
		cut()
	}
	g.close()
	return err
}

// A gate knows when all handlers have returned.
type gate struct {
	handler http.Handler

	mu     sync.RWMutex // held for reading by each handler
	closed bool
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if !g.closed {
		g.handler.ServeHTTP(w, r)
	}
}

// close waits until no handler is running; none runs after it.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}
