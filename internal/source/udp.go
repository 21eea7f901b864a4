package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/collect"
	"tallystick/internal/ingest"
)

// MaxDatagram is the largest datagram that is taken, in bytes: more than UDP over
// IPv4 or IPv6 can carry, jumbograms aside.
const MaxDatagram = 64 << 10

const (
	// batchSize is how many datagrams are handed over at once at most. With
	// MaxDatagram it is also the memory of a source: 2 MiB.
	batchSize = 32
	// gather is how long a batch waits for its next datagram. Under load it never
	// waits; else it delays a datagram by so much.
	gather = 500 * time.Microsecond
	// drainIdle is after how much silence a stopping source takes the kernel's
	// queue for empty, and drainMax how long it goes on under fire: a second is
	// more than any queue holds.
	drainIdle = 10 * time.Millisecond
	drainMax  = time.Second
)

// Config is what an operator may choose.
type Config struct {
	Listen []string `koanf:"listen"` // host:port each
	Buffer int      `koanf:"buffer"` // bytes that the kernel is asked to hold per socket; 0 is its default
}

// A Sink takes datagrams: ingest.Ingest. It counts what it refuses, and keeps
// nothing of a packet's Data after it returned.
type Sink interface {
	Packets(ctx context.Context, ps []collect.Packet) ingest.Result
}

// A UDP receives datagrams.
type UDP struct {
	conn   net.PacketConn
	sink   Sink
	counts *counts
	log    *slog.Logger
}

// NewUDP returns a source that receives on conn, which belongs to it then. The
// error is that of registering its counters, which are told apart by the address.
func NewUDP(conn net.PacketConn, sink Sink, reg prometheus.Registerer, log *slog.Logger) (*UDP, error) {
	c, err := newCounts(reg, conn.LocalAddr().String())
	if err != nil {
		return nil, fmt.Errorf("register counters of %s: %w", conn.LocalAddr(), err)
	}
	return &UDP{conn: conn, sink: sink, counts: c, log: log}, nil
}

// Run receives until ctx ends, hands over what the kernel holds by then, and
// returns nil. A read error is fatal, since a bound socket that cannot be read
// will not get better.
func (u *UDP) Run(ctx context.Context) error {
	defer u.conn.Close()
	// A deadline in the past ends a read that waits.
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		_ = u.conn.SetReadDeadline(time.Unix(1, 0)) // fails only on a socket that cannot be read either
	})
	b := newBatch(u)
	err := b.receive(ctx)
	if !stop() {
		<-woken // or its deadline would come in the middle of drain
	}
	if err == nil {
		err = b.drain(ctx)
	}
	if err != nil {
		return fmt.Errorf("receive on %s: %w", u.conn.LocalAddr(), err)
	}
	return nil
}

// receive hands over batches until ctx ends.
func (b *batch) receive(ctx context.Context) error {
	for {
		if err := b.conn.SetReadDeadline(time.Time{}); err != nil {
			return err
		}
		// After the deadline was taken back, or the one that ends the read might
		// have been before it.
		select {
		case <-ctx.Done():
			return nil
		default:
		}
		if err := b.fill(ctx, gather); err != nil {
			return err
		}
	}
}

// drain hands over what the kernel has already.
func (b *batch) drain(ctx context.Context) error {
	for end := time.Now().Add(drainMax); time.Now().Before(end); {
		if err := b.conn.SetReadDeadline(time.Now().Add(drainIdle)); err != nil {
			return err
		}
		if err := b.fill(ctx, 0); err != nil || b.silent {
			return err
		}
	}
	return nil
}

// fill reads a batch and hands it over: its first datagram when it comes, and
// those that follow within the given time, 0 for the deadline that is set. What
// was read is handed over also when an error comes after it.
func (b *batch) fill(ctx context.Context, within time.Duration) error {
	b.packets, b.silent = b.packets[:0], false
	var err error
	for n := 0; n < batchSize && err == nil; n++ {
		if n == 1 && within > 0 {
			err = b.conn.SetReadDeadline(time.Now().Add(within))
		}
		if err == nil {
			err = b.read(n)
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		b.silent, err = true, nil
	}
	if len(b.packets) > 0 {
		b.hand(ctx)
	}
	return err
}

// hand gives the batch to the Sink, also when ctx has ended: what was received is
// not thrown away.
func (b *batch) hand(ctx context.Context) {
	r := b.sink.Packets(context.WithoutCancel(ctx), b.packets)
	if r.Rejected > 0 {
		b.log.Debug("datagrams refused", "refused", r.Rejected, "first", r.Errors[:min(1, len(r.Errors))])
	}
}
