package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"tallystick/benchmarks/process"
)

// A mark is where a phase begins.
type mark struct {
	at   time.Time
	used process.Usage
	sent uint64
	most *atomic.Int64 // bytes of memory at most since then,
	own  *atomic.Int64 // and of what is its own
	stop context.CancelFunc
}

// begin begins a phase, in which memory is looked at ten times a second.
func (b *bench) begin(ctx context.Context) mark {
	m := mark{at: time.Now(), used: b.shovel.Usage(), sent: b.sender.sent, most: new(atomic.Int64), own: new(atomic.Int64)}
	ctx, m.stop = context.WithCancel(ctx)
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			u := b.shovel.Usage()
			m.most.Store(max(m.most.Load(), u.RSS))
			m.own.Store(max(m.own.Load(), u.Own))
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}()
	return m
}

// end tells of a phase what every one has.
func (b *bench) end(name string, m mark) {
	m.stop()
	now := b.shovel.Usage()
	wall, cpu, sent := time.Since(m.at), now.CPU-m.used.CPU, b.sender.sent-m.sent
	fmt.Printf("%-8s %7.1f s  %9d sent (%6.0f/s)  %6.2f CPU-s (%4.1f %% of a core)  memory %3d MiB, at most %3d; its own %3d, at most %3d\n",
		name, wall.Seconds(), sent, float64(sent)/wall.Seconds(), cpu.Seconds(), 100*cpu.Seconds()/wall.Seconds(), now.RSS>>20, m.most.Load()>>20, now.Own>>20, m.own.Load()>>20)
}

// await waits until something is so.
func (b *bench) await(ctx context.Context, within time.Duration, is func() bool) error {
	ctx, stop := context.WithTimeout(ctx, within)
	defer stop()
	return b.shovel.Poll(ctx, is)
}

func (b *bench) beIdle(ctx context.Context) error {
	m := b.begin(ctx)
	end := m.at.Add(b.idle)
	if err := b.await(ctx, b.idle+time.Minute, func() bool { return time.Now().After(end) }); err != nil {
		return err
	}
	b.end("idle", m)
	return nil
}

func (b *bench) beSteady(ctx context.Context) error {
	m := b.begin(ctx)
	end := m.at.Add(b.steady)
	if err := b.sender.send(ctx, b.rate, func() bool { return time.Now().After(end) }); err != nil {
		return err
	}
	if err := b.allQueued(ctx); err != nil {
		return err
	}
	began := time.Now()
	if err := b.allArrived(ctx); err != nil {
		return err
	}
	b.end("steady", m)
	n := float64(b.sender.sent-m.sent) / 1e6
	fmt.Printf("         %.2f CPU-s per million; the last arrived %.2f s later\n", (b.shovel.Usage().CPU-m.used.CPU).Seconds()/n, time.Since(began).Seconds())
	return nil
}

// beAway fills the queue, and compares the memory at its first tenth with that of the rest.
func (b *bench) beAway(ctx context.Context) error {
	b.receiver.away.Store(true)
	for i, part := range []int{b.outage / 10, b.outage - b.outage/10} {
		m := b.begin(ctx)
		until := m.sent + uint64(part) //nolint:gosec // not negative
		if err := b.sender.send(ctx, b.outageRate, func() bool { return b.sender.sent >= until }); err != nil {
			return err
		}
		if err := b.allQueued(ctx); err != nil {
			return err
		}
		b.end([]string{"outage", "  longer"}[i], m)
	}
	bytes, err := process.DiskUse(b.dir)
	if err != nil {
		return err
	}
	_, waiting, err := b.shovel.queued(ctx)
	fmt.Printf("         %d datagrams wait, %d MiB on the disk\n", waiting, bytes>>20)
	return err
}

// drain lets the receiver come back, and goes on sending until nothing waits.
func (b *bench) drain(ctx context.Context) error {
	m := b.begin(ctx)
	before := b.receiver.arrived.Load()
	b.receiver.away.Store(false)
	limit := m.at.Add(30 * time.Minute)
	caughtUp := func() bool {
		behind := b.sender.sent - min(b.receiver.last.Load(), b.sender.sent)
		return behind < uint64(b.rate) || time.Now().After(limit) //nolint:gosec // not negative
	}
	if err := b.sender.send(ctx, b.rate, caughtUp); err != nil {
		return err
	}
	wall := time.Since(m.at)
	if err := b.allQueued(ctx); err != nil {
		return err
	}
	if err := b.allArrived(ctx); err != nil {
		return err
	}
	b.end("drain", m)
	fmt.Printf("         %.0f datagrams a second went out until it had caught up\n", float64(b.receiver.arrived.Load()-before)/wall.Seconds())
	return nil
}

// stop stops the shovel, and tells what arrived more than once.
func (b *bench) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	began := time.Now()
	peak := b.shovel.Usage().Peak
	_, err := b.shovel.Stop(ctx)
	fmt.Printf("stopped in %.2f s; memory at most %d MiB, with the pages of its binary; %d sent, %d arrived, %d out of order or again\n",
		time.Since(began).Seconds(), peak>>20, b.sender.sent, b.receiver.arrived.Load(), b.receiver.repeated.Load())
	return err
}

// allQueued waits until all that was sent is in the queue. The error says how many are not.
func (b *bench) allQueued(ctx context.Context) error {
	var all uint64
	err := b.await(ctx, 20*time.Second, func() bool {
		var err error
		all, _, err = b.shovel.queued(ctx)
		return err == nil && all >= b.sender.sent
	})
	if ctx.Err() == nil && err != nil {
		return fmt.Errorf("%d of %d datagrams came into the queue; the kernel dropped %d at the shovel's socket", all, b.sender.sent, b.shovel.dropped())
	}
	return err
}

// allArrived waits until the receiver has all that was sent.
func (b *bench) allArrived(ctx context.Context) error {
	err := b.await(ctx, 10*time.Minute, func() bool { return b.receiver.last.Load() >= b.sender.sent })
	if missing := b.receiver.missing.Load(); err == nil && missing > 0 {
		return fmt.Errorf("%d datagrams did not arrive", missing)
	}
	return err
}
