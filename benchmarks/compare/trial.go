package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tallystick/benchmarks/process"
	"tallystick/benchmarks/workload"
)

// A trial is one peer in one round.
type trial struct {
	*bench
	*candidate

	w     *workload.Workload
	peer  peer
	at    place
	log   string
	proc  *process.Process
	drive *driver
	put   func(row row, value float64)
	last  func(row row) float64 // what was put last

	brokerProc *process.Process // if it takes from one
	brokerURL  string

	before  process.Usage // of the new server
	sent    *sending
	ended   time.Time // when it was killed
	answers tally     // of questions
}

// measure runs the parts of a round that are wanted for a peer: above all large requests, questions, and
// a restart; and small requests, and kill -9.
func (b *bench) measure(ctx context.Context, round int, c *candidate, t *table) error {
	b.say("round %d of %d: %s", round+1, b.rounds, c.name)
	for _, p := range b.parts() {
		if !slices.Contains(b.only, p.name) {
			continue
		}
		if err := b.part(ctx, c, p.load, t, p.do); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// A part is what one fresh server is measured at. It does nothing with a peer that cannot do it.
type part struct {
	name string
	load workload.Config
	do   func(*trial, context.Context) error
}

// parts are all there are, in their order.
func (b *bench) parts() []part {
	short, many := b.load, b.load
	short.Slots = b.small
	many.Nodes, many.Parts, many.Slots = b.manyNodes, b.manyParts, 1
	return []part{
		{"large", b.load, (*trial).large},
		{"small", short, (*trial).killed},
		{"nats", b.load, (*trial).overNATS},
		{"many", many, (*trial).many},
		{"calm", b.load, (*trial).calm},
		{"saving", b.load, (*trial).saving},
	}
}

// part runs one part, with a fresh server on an empty folder.
func (b *bench) part(ctx context.Context, c *candidate, load workload.Config, into *table, do func(*trial, context.Context) error) error {
	w, err := recent(load)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(b.dir, "compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	t := &trial{bench: b, candidate: c, w: w, peer: c.peer(), log: filepath.Join(dir, "log")}
	t.put = func(r row, value float64) { into.put(c.name, r, value) }
	t.last = func(r row) float64 { return into.last(c.name, r) }
	t.at = place{bin: c.bin, dir: filepath.Join(dir, "data"), conf: filepath.Join(dir, "conf")}
	for _, d := range []string{t.at.dir, t.at.conf} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return err
		}
	}
	defer func() {
		for _, p := range []*process.Process{t.proc, t.brokerProc} {
			if p != nil {
				p.Kill()
			}
		}
	}()
	return do(t, ctx)
}

func (t *trial) large(ctx context.Context) error {
	return t.steps(ctx, t.start, t.empty, t.fill, t.settled, t.questions, t.all, t.stop, t.restart)
}

func (t *trial) killed(ctx context.Context) error {
	return t.steps(ctx, t.start, t.fillSmall, t.kill, t.kept)
}

func (*trial) steps(ctx context.Context, all ...func(context.Context) error) error {
	for _, step := range all {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// launch starts the server, and returns before it is there.
func (t *trial) launch(ctx context.Context) (err error) {
	if t.at.addr, err = process.FreeAddr(ctx); err != nil {
		return err
	}
	cmd, err := t.peer.command(ctx, t.at, t.w)
	if err != nil {
		return err
	}
	t.drive = newDriver(t.at.addr)
	t.proc, err = process.Start(cmd, t.log)
	return err
}

// start starts the server, and returns when it takes requests.
func (t *trial) start(ctx context.Context) error {
	if err := t.launch(ctx); err != nil {
		return err
	}
	if err := t.isReady(ctx); err != nil {
		return err
	}
	for _, r := range t.peer.begin() {
		if _, _, err := t.drive.do(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// patience is how long a server may take to come, or to go.
const patience = 10 * time.Minute

func (t *trial) isReady(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	return t.proc.Poll(ctx, func() bool {
		_, _, err := t.drive.do(ctx, t.peer.ready())
		return err == nil
	})
}

// empty waits until the new server is idle, and looks how large it is.
func (t *trial) empty(ctx context.Context) error {
	if err := t.idle(ctx, min(3*time.Second, t.settle), min(10*time.Second, t.settle)); err != nil {
		return err
	}
	t.before = t.proc.Usage()
	return nil
}

// idle waits for so long at least, then until the server has done nothing for three
// seconds, and not longer than most.
func (t *trial) idle(ctx context.Context, least, most time.Duration) error {
	const little = 60 * time.Millisecond // of processor time, in three seconds
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	used := []time.Duration{t.proc.Usage().CPU}
	for began := time.Now(); time.Since(began) < most; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		used = append(used, t.proc.Usage().CPU)
		if n := len(used); n > 3 && used[n-1]-used[n-4] < little && time.Since(began) >= least {
			return nil
		}
	}
	return nil
}

// fill sends everything in large requests.
func (t *trial) fill(ctx context.Context) error {
	profiled := t.profile(ctx, "ingest")
	if err := errors.Join(t.send(ctx, t.size), profiled()); err != nil {
		return err
	}
	t.put(ingestLarge, perMillion(t.proc.Usage().CPU-t.before.CPU, t.w))
	t.put(writeMedian, t.sent.took.at(0.5))
	t.put(writeSlow, t.sent.took.at(0.99))
	return nil
}

// fillSmall sends everything in requests of a node each.
func (t *trial) fillSmall(ctx context.Context) error {
	before := t.proc.Usage().CPU
	profiled := t.profile(ctx, "small")
	if err := errors.Join(t.send(ctx, t.w.AtOnce()), profiled()); err != nil {
		return err
	}
	t.put(ingestSmall, perMillion(t.proc.Usage().CPU-before, t.w))
	return nil
}

func perMillion(cpu time.Duration, w *workload.Workload) float64 {
	return cpu.Seconds() / float64(w.Samples()) * 1e6
}

// send sends everything, and tells how it goes.
func (t *trial) send(ctx context.Context, size int) error {
	t.sent = newSending(t.w)
	s := t.sent
	done := make(chan error, 1)
	began := time.Now()
	go func() { done <- t.drive.fill(ctx, t.peer, t.w, t.senders, size, s) }()
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err != nil {
				return fmt.Errorf("%w\n%s", err, t.proc.LastWords())
			}
			t.say("%s: %d samples, %d a request, in %v", t.name, s.acked.Load(), size, time.Since(began).Round(time.Second/10))
			return nil
		case <-tick.C:
			t.say("%s: %.1f million of %.1f", t.name, float64(s.acked.Load())/1e6, float64(t.w.Samples())/1e6)
		}
	}
}

// enough is how long a server is given at least for what it does later: what it has taken is in
// files by then, whoever it is.
const enough = 20 * time.Second

// settled waits until the server is idle, and looks how large it is.
func (t *trial) settled(ctx context.Context) error {
	if err := t.idle(ctx, min(enough, t.settle), t.settle); err != nil {
		return err
	}
	u, n := t.proc.Usage(), float64(t.w.Samples())
	t.put(ingestAll, perMillion(u.CPU-t.before.CPU, t.w))
	t.put(memory, mebi(u.RSS))
	t.put(memoryPeak, mebi(u.Peak))
	t.put(memorySample, float64(u.RSS-t.before.RSS)/n)
	return t.disk(diskLoaded)
}

func mebi(n int64) float64 { return float64(n) / (1 << 20) }

func (t *trial) disk(r row) error {
	n, err := process.DiskUse(t.at.dir)
	t.put(r, float64(n)/float64(t.w.Samples()))
	return err
}

// stop stops the server in order.
func (t *trial) stop(ctx context.Context) error {
	ctx, end := context.WithTimeout(ctx, patience)
	defer end()
	before, began := t.proc.Usage(), time.Now()
	last, err := t.proc.Stop(ctx)
	if err != nil {
		return err
	}
	t.put(stopCPU, (last.CPU - before.CPU).Seconds())
	t.say("%s: stopped in %v", t.name, time.Since(began).Round(time.Millisecond))
	return t.disk(diskStopped)
}

// restart starts the server on what is there, and asks until the answers are right.
func (t *trial) restart(ctx context.Context) error {
	if err := t.launch(ctx); err != nil {
		return err
	}
	ctx, end := context.WithTimeout(ctx, patience)
	defer end()
	for _, until := range []struct {
		ask       kind
		cpu, wall row
	}{{oneSeries, restartCPU, restartWall}, {manySeries, restartAllCPU, restartAllWall}} {
		err := t.proc.Poll(ctx, func() bool {
			got, _, _, err := t.drive.ask(ctx, t.peer, t.w, until.ask.question(t.w, 0))
			return err == nil && got.bad() == 0
		})
		if err != nil {
			return fmt.Errorf("after a restart: %w", err)
		}
		t.put(until.cpu, t.proc.Usage().CPU.Seconds())
		t.put(until.wall, time.Since(t.proc.Began).Seconds())
	}
	return nil
}

// kill ends the server as kill -9 does.
func (t *trial) kill(context.Context) error {
	t.ended = time.Now()
	t.proc.Kill()
	return nil
}

// kept starts the server again, and counts what is there of what was acknowledged.
func (t *trial) kept(ctx context.Context) error {
	if err := t.launch(ctx); err != nil {
		return err
	}
	if err := t.isReady(ctx); err != nil {
		return fmt.Errorf("after kill -9: %w", err)
	}
	got, err := t.everything(ctx)
	if err != nil {
		return fmt.Errorf("after kill -9: %w", err)
	}
	t.say("%s: after kill -9: %v", t.name, &got)
	t.put(kept, percent(got.right(), t.w.Samples()))
	lost := time.Duration(0)
	if got.missing > 0 {
		lost = t.ended.Sub(t.sent.last[got.oldest])
	}
	t.put(lostAge, lost.Seconds())
	return nil
}

func percent(part, of int) float64 { return 100 * float64(part) / float64(of) }
