package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"syscall"
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
	// MaxDatagram it is also the memory of a socket: 4 MiB.
	batchSize = 64
	// gather is how long a batch waits for its next datagram. Under load it never
	// waits; else it delays a datagram by so much.
	gather = 500 * time.Microsecond
	// drainIdle is after how much silence a stopping source takes the kernel's
	// queue for empty, where the kernel cannot be asked, and drainMax how long it
	// goes on under fire: a second is more than any queue holds.
	drainIdle = 10 * time.Millisecond
	drainMax  = time.Second
)

// Config is what an operator may choose.
type Config struct {
	Listen []string `koanf:"listen"` // host:port each
	Buffer int      `koanf:"buffer"` // bytes that the kernel is asked to hold per socket; 0 is its default
	// Sockets is how many there are for each address, each with a goroutine of its own.
	// The kernel gives what comes from one address and port always to the same one.
	Sockets int `koanf:"sockets"`
}

// MaxSockets is more than there are processors for.
const MaxSockets = 256

// A Sink takes datagrams: ingest.Ingest. It counts what it refuses, and keeps
// nothing of a packet's Data after it returned.
type Sink interface {
	Packets(ctx context.Context, ps []collect.Packet) ingest.Result
}

// A UDP receives datagrams at one address.
type UDP struct {
	conns  []net.PacketConn
	sink   Sink
	counts *counts
	log    *slog.Logger
}

// NewUDP returns a source that receives on conns, at least one, which belong to it then
// and have the same address. The error is that of registering its counters, which are
// told apart by the address. Several conns call the sink at once.
func NewUDP(conns []net.PacketConn, sink Sink, reg prometheus.Registerer, log *slog.Logger) (*UDP, error) {
	addr := conns[0].LocalAddr()
	c, err := newCounts(reg, addr.String())
	if err != nil {
		return nil, fmt.Errorf("register counters of %s: %w", addr, err)
	}
	return &UDP{conns: conns, sink: sink, counts: c, log: log}, nil
}

// Run receives until ctx ends, hands over what the kernel holds by then, and
// returns nil. A read error is fatal, since a bound socket that cannot be read
// will not get better.
func (u *UDP) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error)
	for _, conn := range u.conns {
		go func() { done <- u.run(ctx, conn) }()
	}
	var errs []error
	for range u.conns {
		err := <-done
		errs = append(errs, err)
		if err != nil {
			cancel() // one that cannot be read ends all
		}
	}
	return errors.Join(errs...)
}

// run receives on one of the sockets.
func (u *UDP) run(ctx context.Context, conn net.PacketConn) error {
	defer conn.Close()
	// A deadline in the past ends a read that waits.
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		_ = conn.SetReadDeadline(time.Unix(1, 0)) // fails only on a socket that cannot be read either
	})
	b := newBatch(u, conn)
	err := b.receive(ctx)
	if !stop() {
		<-woken // or its deadline would come in the middle of drain
	}
	if err == nil {
		err = b.drain(ctx)
	}
	if err != nil {
		return fmt.Errorf("receive on %s: %w", conn.LocalAddr(), err)
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

// drain hands over what the kernel has already. Where it can be asked without waiting,
// no clock says when there is nothing more: a machine that is busy may take its time.
func (b *batch) drain(ctx context.Context) error {
	var within time.Duration
	if b.flags = dontWait; b.many == nil || dontWait == 0 {
		within = drainIdle
	}
	for end := time.Now().Add(drainMax); time.Now().Before(end); {
		var deadline time.Time
		if within > 0 {
			deadline = time.Now().Add(within)
		}
		if err := b.conn.SetReadDeadline(deadline); err != nil {
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
	waiting := within == 0
	n := 0
	for n < batchSize && err == nil {
		if n > 0 && !waiting {
			waiting = true
			err = b.conn.SetReadDeadline(time.Now().Add(within))
		}
		if err == nil {
			var got int
			got, err = b.read(n)
			n += got
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || b.flags != 0 && errors.Is(err, syscall.EAGAIN) {
		b.silent, err = n == 0, nil
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
