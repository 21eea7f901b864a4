package main

import (
	"context"
	"time"

	"tallystick/benchmarks/workload"
)

// manySeries is how many series the part with many has.
func (b *bench) manySeries() int {
	w, err := workload.New(workload.Config{Shape: b.load.Shape, Nodes: b.manyNodes, Parts: b.manyParts, Slots: 1})
	if err != nil {
		return 0
	}
	return w.Series()
}

// many sends one sample of each of many series, and then some more, and tells what each cost.
func (t *trial) many(ctx context.Context) error {
	return t.steps(ctx, t.start, t.empty, t.firstOfMany, t.moreOfMany)
}

// firstOfMany sends the first samples, which make the series.
func (t *trial) firstOfMany(ctx context.Context) error {
	if err := t.send(ctx, t.size); err != nil {
		return err
	}
	t.put(manyFirst, perMillion(t.proc.Usage().CPU-t.before.CPU, t.w))
	if err := t.idle(ctx, min(enough, t.settle), t.settle); err != nil {
		return err
	}
	t.put(manyMemory, float64(t.proc.Usage().RSS-t.before.RSS)/float64(t.w.Samples()))
	return nil
}

// moreOfMany sends those that follow.
func (t *trial) moreOfMany(ctx context.Context) (err error) {
	c := t.w.Config
	c.Begin, c.Slots = t.w.End(), t.manySlots
	if t.w, err = workload.New(c); err != nil {
		return err
	}
	before, watched := t.proc.Usage().CPU, t.garbage(ctx)
	if err := t.send(ctx, t.size); err != nil {
		return err
	}
	cpu := perMillion(t.proc.Usage().CPU-before, t.w)
	t.put(manyIngest, cpu)
	if few := t.last(ingestLarge); few > 0 {
		t.put(manyTimes, cpu/few)
	}
	if err := watched(); err != nil {
		return err
	}
	if m, err := t.tells(ctx); m != "" && err == nil {
		t.put(garbagePause, 1000*m.value(`go_gc_duration_seconds{quantile="1"}`))
	}
	if err := t.idle(ctx, min(enough, t.settle), t.settle); err != nil {
		return err
	}
	t.put(manyBytes, float64(t.proc.Usage().RSS-t.before.RSS)/float64(t.w.Samples()))
	return t.someOfMany(ctx)
}

// someOfMany asks for one metric of all nodes, and for all samples of some of them.
func (t *trial) someOfMany(ctx context.Context) error {
	questions := []question{manySeries.question(t.w, 0)}
	for n := range 100 {
		questions = append(questions, oneSeries.question(t.w, n), question{node: n * 7919 % t.w.Nodes, parts: true})
	}
	var sum tally
	for _, q := range questions {
		got, _, _, err := t.drive.ask(ctx, t.peer, t.w, q)
		if err != nil {
			return err
		}
		sum.add(got)
	}
	t.say("%s: of many series: %v", t.name, &sum)
	t.put(manyBad, float64(sum.bad()))
	return nil
}

// A saver is a peer that saves checkpoints as often as it is told.
type saver interface{ saveEvery(d time.Duration) }

// calm sends everything while no checkpoint is saved, and saving while one is each second.
func (t *trial) calm(ctx context.Context) error { return t.saves(ctx, 24*time.Hour, calmSlow) }

func (t *trial) saving(ctx context.Context) error {
	if err := t.saves(ctx, time.Second, savingSlow); err != nil {
		return err
	}
	if calm := t.last(calmSlow); calm > 0 {
		t.put(savingTimes, t.last(savingSlow)/calm)
	}
	return nil
}

func (t *trial) saves(ctx context.Context, every time.Duration, slow row) error {
	s, ok := t.peer.(saver)
	if !ok {
		return nil
	}
	s.saveEvery(every)
	if err := t.steps(ctx, t.start, t.empty); err != nil {
		return err
	}
	if err := t.send(ctx, t.size); err != nil {
		return err
	}
	t.put(slow, t.sent.took.at(0.99))
	after, err := t.tells(ctx)
	t.say("%s: %.0f checkpoints meanwhile", t.name, after.value("tallystick_checkpoint_saves_total"))
	return err
}
