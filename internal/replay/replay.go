// Package replay makes transfers out of packets that were kept, as the server made
// them when they came:
//
//	archive, checkpoints, log ─▶ packets ─▶ ingest ─▶ collector ─▶ ledger ─▶ validate
//	                          └▶ claims ────────────────────────▶ ledger
//
// The clock is that of the packets: what waits in the collector is completed second by
// second, and before each packet up to its second, as ingest does. So the ledger, and
// every report of it, is what a server has that took all of it in.
//
// Packets are read one by one, and what they make is bounded as it is in the server
// (collect.max, ledger.max): memory does not grow with what is read.
package replay

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/checkpoint"
	"tallystick/internal/collect"
	"tallystick/internal/ingest"
	"tallystick/internal/ledger"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
	"tallystick/internal/wal"
)

// A Source has packets, in the order in which they came, and claims. A *checkpoint.View
// is one.
type Source interface {
	// Packets yields those that came in [from, to), in Unix seconds.
	Packets(ctx context.Context, from, to int64) iter.Seq2[checkpoint.Packet, error]
	Claims(ctx context.Context, from, to int64) iter.Seq2[*transfer.Claim, error]
}

// A Player replays.
type Player struct {
	Ledger *ledger.Ledger

	ingest  *ingest.Ingest
	clock   clock
	packets int
	claims  int
	refused int
}

// clock is a log that keeps nothing, and whose time is that of the packets.
type clock struct{ at time.Time }

// Commit implements ingest.Log.
func (c *clock) Commit(e wal.Entry) error {
	e.Apply(c.at)
	return nil
}

// Turn implements ingest.Log.
func (c *clock) Turn(f func(at time.Time)) { f(c.at) }

// nowhere takes samples that nobody asks for.
type nowhere struct{}

// Write implements ingest.Store.
func (nowhere) Write(_ selector.Path, pts ...store.Point) (int, error) { return len(pts), nil }

// WriteAll implements ingest.Store.
func (nowhere) WriteAll(samples []store.Sample) (int, error) { return len(samples), nil }

// FreeBefore implements ingest.Store.
func (nowhere) FreeBefore(selector.Path, int64) int { return 0 }

// New returns a Player with the collector and ledger that a server with this
// configuration has.
func New(c collect.Config, l ledger.Config) (*Player, error) {
	table, err := metric.NewTable(metric.XRootD(60)) // the step is of samples, which go nowhere
	if err != nil {
		return nil, err
	}
	p := &Player{Ledger: ledger.New(l)}
	p.ingest, err = ingest.New(ingest.Default(), ingest.Parts{
		Collector: func(out collect.Output) ingest.Collector { return collect.New(c, out) },
		Ledger:    p.Ledger, Store: nowhere{}, Table: table,
		Now: func() time.Time { return p.clock.at }, Metrics: prometheus.NewRegistry(), Log: &p.clock,
	})
	return p, err
}

// Counts returns how many packets and claims were replayed, and how many of them were
// refused, as they were when they came.
func (p *Player) Counts() (packets, claims, refused int) { return p.packets, p.claims, p.refused }

// At returns how far it has come.
func (p *Player) At() time.Time { return p.clock.at }

// Play replays what came in [from, to), in Unix seconds, and all claims. After each
// packet and claim it calls told.
func (p *Player) Play(ctx context.Context, s Source, from, to int64, told func()) error {
	for c, err := range s.Claims(ctx, -always, always) {
		if err != nil {
			return fmt.Errorf("read claims: %w", err)
		}
		p.claim(c)
		told()
	}
	for k, err := range s.Packets(ctx, from, to) {
		if err != nil {
			return fmt.Errorf("read packets: %w", err)
		}
		p.packet(ctx, k)
		told()
	}
	return nil
}

// always is a time after everything.
const always = 1 << 62

func (p *Player) claim(c *transfer.Claim) {
	p.claims++
	if _, err := p.Ledger.PutClaim(c); err != nil {
		p.refused++
	}
}

func (p *Player) packet(ctx context.Context, k checkpoint.Packet) {
	p.Advance(k.At)
	p.packets++
	if r := p.ingest.Packets(ctx, []collect.Packet{{Remote: k.Remote, Data: k.Data, Arrival: k.Arrival}}); r.Rejected > 0 {
		p.refused++
	}
}

// Advance lets the time pass: each second, what has waited long enough is completed.
func (p *Player) Advance(to time.Time) {
	if p.clock.at.IsZero() {
		p.clock.at = to
		p.ingest.Step()
	}
	for second := p.clock.at.Unix() + 1; second <= to.Unix(); second++ {
		p.clock.at = time.Unix(second, 0)
		p.ingest.Step()
	}
	if to.After(p.clock.at) {
		p.clock.at = to
	}
}

// A Log is a Source of what the log of a server has that no checkpoint has.
type Log struct {
	Records iter.Seq2[wal.Record, error]
}

// Packets implements Source.
func (l Log) Packets(ctx context.Context, from, to int64) iter.Seq2[checkpoint.Packet, error] {
	return func(yield func(checkpoint.Packet, error) bool) {
		more := true
		for r, err := range l.Records {
			if err = errors.Join(err, ctx.Err()); err != nil {
				yield(checkpoint.Packet{}, err)
				return
			}
			if t := r.At.Unix(); t < from || t >= to {
				continue
			}
			_ = ingest.RecordPackets(r.Payload, func(k collect.Packet) { // what cannot be read could not be applied
				more = more && yield(checkpoint.Packet{At: r.At, Remote: k.Remote, Data: k.Data, Arrival: k.Arrival}, nil)
			})
			if !more {
				return
			}
		}
	}
}

// Claims implements Source.
func (l Log) Claims(ctx context.Context, _, _ int64) iter.Seq2[*transfer.Claim, error] {
	return func(yield func(*transfer.Claim, error) bool) {
		for r, err := range l.Records {
			if err = errors.Join(err, ctx.Err()); err != nil {
				yield(nil, err)
				return
			}
			for _, c := range ingest.RecordClaims(r.Payload) {
				if !yield(c, nil) {
					return
				}
			}
		}
	}
}
