// Package natstest runs a real NATS broker, with JetStream, for tests only.
package natstest

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tallystick/internal/bus/bustest"
)

// within is how long a broker may take for anything.
const within = 20 * time.Second

// A Broker is a broker in this process.
type Broker struct {
	tb      testing.TB
	options server.Options
	srv     *server.Server
}

// Start starts a broker on a port of loopback, with a folder of its own for
// JetStream. It is stopped when the test ends.
func Start(tb testing.TB, change ...func(*server.Options)) *Broker {
	tb.Helper()
	b := New(tb, change...)
	b.Up()
	return b
}

// New returns a broker that is down. Its URL is good already: the port was free a
// moment ago.
func New(tb testing.TB, change ...func(*server.Options)) *Broker {
	tb.Helper()
	b := &Broker{tb: tb, options: server.Options{
		Host: "127.0.0.1", Port: bustest.FreePort(tb), JetStream: true, StoreDir: tb.TempDir(), NoLog: true, NoSigs: true,
	}}
	for _, c := range change {
		c(&b.options)
	}
	tb.Cleanup(b.Down)
	return b
}

// Up starts the broker, on the same port and folder as before.
func (b *Broker) Up() {
	b.tb.Helper()
	options := b.options
	srv, err := server.NewServer(&options)
	if err != nil {
		b.tb.Fatal(err)
	}
	srv.Start()
	if !srv.ReadyForConnections(within) {
		b.tb.Fatal("the broker does not start")
	}
	b.srv = srv
}

// Down stops the broker.
func (b *Broker) Down() {
	if b.srv != nil {
		b.srv.Shutdown()
		b.srv.WaitForShutdown()
		b.srv = nil
	}
}

// URL is where the broker is.
func (b *Broker) URL() string { return url(b.options.Port) }

// Client returns a connection of the test's own. It is closed when the test ends.
func (b *Broker) Client(options ...nats.Option) *nats.Conn {
	b.tb.Helper()
	return client(b.tb, b.URL(), options...)
}

func client(tb testing.TB, url string, options ...nats.Option) *nats.Conn {
	tb.Helper()
	nc, err := nats.Connect(url, append([]nats.Option{nats.MaxReconnects(-1), nats.ReconnectWait(10 * time.Millisecond)}, options...)...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(nc.Close)
	return nc
}

// Stream makes a stream of subjects, in files, and returns what speaks with it.
func Stream(tb testing.TB, nc *nats.Conn, name string, subjects ...string) jetstream.JetStream { //nolint:ireturn // the client library has no other type
	tb.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(tb.Context(), within)
	defer cancel()
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: subjects, Storage: jetstream.FileStorage}); err != nil {
		tb.Fatal(err)
	}
	return js
}
