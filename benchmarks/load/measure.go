package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"tallystick/benchmarks/workload"
	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
	"tallystick/internal/ledger"
	"tallystick/internal/metric"
	"tallystick/internal/query"
	"tallystick/internal/retain"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// measure runs the phases and writes what they cost.
func measure(ctx context.Context, s shape, out io.Writer) error {
	l, err := newLoad(s)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d nodes, %d series, step %d s, %d writers, %d cores\n\n", s.nodes, l.made.Series(), step, s.writers, runtime.GOMAXPROCS(0))
	fmt.Fprintln(out, "alone         samples/s  CPU-s per million  bytes per series: heap  store  samples of a series")
	defer l.paceGarbage(ctx)()
	empty := heap()
	var garbage bytes.Buffer
	for _, steps := range []int{1, 7, s.steps} { // one sample, then a small block full, then all
		if err := l.alone(steps, empty, out, &garbage); err != nil {
			return err
		}
	}
	dir := l.checkpoints()
	if err := l.saveAll(ctx, dir, out); err != nil {
		return err
	}
	if err := l.together(ctx, dir, out, &garbage); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s\n%s", watchHead, &garbage)
	return nil
}

// paceGarbage has garbage collected as the server has it, until the function that it returns is called.
func (l *load) paceGarbage(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	g := &retain.Garbage{Slabs: func() int64 { return l.store.Stats().Slabs }}
	var wg sync.WaitGroup
	wg.Go(func() { _ = g.Run(ctx) }) // it returns nil
	return func() { cancel(); wg.Wait() }
}

// alone writes without anything beside it.
func (l *load) alone(steps int, empty uint64, out, garbage io.Writer) error {
	w, err := startWatch()
	if err != nil {
		return err
	}
	old, start, cpu := l.steps, time.Now(), cpuTime()
	l.steps = steps
	err = l.write(nil)
	l.steps = old
	if err != nil {
		return err
	}
	took, used := time.Since(start), cpuTime()-cpu
	if err := w.end(strconv.Itoa(steps), garbage); err != nil {
		return err
	}
	start, cpu = time.Now(), cpuTime()
	l.makeUp(steps)
	took, used = took-time.Since(start)/time.Duration(l.writers), used-(cpuTime()-cpu)
	samples := float64(steps * l.made.Series())
	fmt.Fprintf(out, "%-12d %10.0f %18.3f %23.0f %6d %20d\n", steps, samples/took.Seconds(), used.Seconds()/samples*1e6,
		float64(heap()-empty)/float64(l.made.Series()), l.store.Stats().Bytes/int64(l.made.Series()), (l.now.Load()-begin)/step)
	return nil
}

// makeUp makes the samples of the last steps again, and writes them nowhere: what that takes is not the
// store's.
func (l *load) makeUp(steps int) {
	points := make([]store.Point, 0, l.made.PerNode())
	to := int(l.now.Load()-begin) / step
	for at := to - steps; at < to; at++ {
		for n := range l.nodes {
			points = l.fill(points[:0], n, at)
		}
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// cpuTime is what the process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A timing is how long something took, many times. It may be added to at once.
type timing struct {
	name string
	mu   sync.Mutex
	took []time.Duration
}

func (t *timing) add(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.took = append(t.took, d)
}

func (t *timing) print(out io.Writer) {
	slices.Sort(t.took)
	at := func(part float64) time.Duration {
		if len(t.took) == 0 {
			return 0
		}
		return t.took[int(part*float64(len(t.took)-1))].Round(time.Microsecond)
	}
	fmt.Fprintf(out, "%-28s %8d %12v %12v %12v\n", t.name, len(t.took), at(0.5), at(0.99), at(1))
}

// together writes while queries, retention and checkpoints run.
func (l *load) together(ctx context.Context, dir *checkpoint.Dir, out, garbage io.Writer) error {
	runtime.SetMutexProfileFraction(1)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	batches := &timing{name: "batch of a node's samples"}
	var others []*timing
	var wg sync.WaitGroup
	beside := func(name string, every time.Duration, do func() error) {
		t := &timing{name: name}
		others = append(others, t)
		wg.Go(func() {
			for ctx.Err() == nil {
				start := time.Now()
				if err := do(); err != nil && ctx.Err() == nil {
					fmt.Fprintln(out, name+":", err)
					return
				}
				t.add(time.Since(start))
				wait(ctx, every)
			}
		})
	}
	engine := query.New(l.store, l.table, query.Config{MaxValues: 50_000_000})
	beside("query: one metric, all nodes", 20*time.Millisecond, func() error { return l.query(ctx, engine, selector.Path{Cluster: workload.Cluster}) })
	beside("query: one metric, one node", time.Millisecond, func() error { return l.query(ctx, engine, nodePath(l.nodes/2)) })
	w := l.worker()
	beside("retention of all nodes", time.Second, func() error { w.Step(ctx, time.Unix(l.now.Load(), 0)); return nil })
	beside("slow reader of debug", time.Millisecond, func() error { return l.debug(ctx) })
	pauses := &timing{name: "  of it, ingest stood still"}
	beside("checkpoint", time.Millisecond, func() error {
		_, err := dir.Save(ctx)
		pauses.add(dir.Stats().Stood)
		return err
	})
	others = append(others, pauses)

	watched, err := startWatch()
	if err != nil {
		return err
	}
	start, cpu := time.Now(), cpuTime()
	newest, saves := l.now.Load(), dir.Stats().Saves
	err = l.write(batches.add)
	for err == nil && ctx.Err() == nil && dir.Stats().Saves == saves { // at least one checkpoint
		l.steps = 1
		err = l.write(batches.add)
	}
	took, used := time.Since(start), cpuTime()-cpu
	err = errors.Join(err, watched.end("together", garbage))
	stop()
	wg.Wait()
	samples := float64((l.now.Load()-newest)/step) * float64(l.made.Series())
	fmt.Fprintf(out, "\ntogether     %10.0f samples/s, %.3f CPU-s per million samples with all that is beside\n", samples/took.Seconds(), used.Seconds()/samples*1e6)
	fmt.Fprintf(out, "\n%-28s %8s %12s %12s %12s\n", "took", "times", "median", "99 %", "longest")
	for _, t := range append([]*timing{batches}, others...) {
		t.print(out)
	}
	printLocks(out)
	return err
}

// debug goes over all series as /api/debug does, for a client that takes some
// thousand of them, stops for a while, and goes on.
func (l *load) debug(ctx context.Context) error {
	n := 0
	for range l.store.Held(selector.Path{}, selector.Path{}) {
		if n++; n%5000 == 0 {
			wait(ctx, 10*time.Millisecond)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// wait waits, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	ctx, stop := context.WithTimeout(ctx, d)
	defer stop()
	<-ctx.Done()
}

func (l *load) query(ctx context.Context, e *query.Engine, at selector.Path) error {
	now := l.now.Load()
	if err := ctx.Err(); err != nil {
		return err
	}
	avg := metric.AggAvg
	_, err := e.Reader().Read(query.Set{
		Levels: []selector.Path{at}, Metric: "cpu_load", Aggregation: &avg, From: now - 360*step, To: now,
	})
	return err
}

func (l *load) worker() *retain.Worker {
	return &retain.Worker{
		Store: l.store, Table: l.table, Ledger: ledger.New(ledger.Default()), Log: slog.New(slog.DiscardHandler),
		Config: retain.Config{Memory: time.Hour},
	}
}

func (l *load) checkpoints() *checkpoint.Dir {
	return checkpoint.New(checkpoint.Config{Dir: l.dir}, durable.OS{}, checkpoint.Parts{
		Store: l.store, Table: l.table, Ledger: ledger.New(ledger.Default()), Collector: none{}, Ingest: none{}, Pauser: l,
	}, slog.New(slog.DiscardHandler))
}

// none has no state.
type none struct{}

// State returns none.
func (none) State() ([][]byte, error) { return nil, nil }

// Restore takes none.
func (none) Restore(time.Time, []byte) error { return nil }

// printLocks tells which locks were waited for longest in all, by who held them.
func printLocks(out io.Writer) {
	records := make([]runtime.BlockProfileRecord, 10_000)
	n, _ := runtime.MutexProfile(records)
	records = records[:n]
	slices.SortFunc(records, func(a, b runtime.BlockProfileRecord) int { return cmp.Compare(b.Cycles, a.Cycles) })
	fmt.Fprintf(out, "\n%-10s %12s %12s  locks, by who let them go\n", "waits", "in all", "on average")
	perSecond := cyclesPerSecond()
	for _, r := range records[:min(len(records), 8)] {
		all := time.Duration(float64(r.Cycles) / perSecond * 1e9)
		fmt.Fprintf(out, "%-10d %12v %12v  %s\n", r.Count, all.Round(time.Microsecond), (all / time.Duration(max(r.Count, 1))).Round(time.Nanosecond), stack(r.Stack()))
	}
}

// cyclesPerSecond is the unit of the mutex profile, which only its text tells.
func cyclesPerSecond() float64 {
	var b bytes.Buffer
	if err := pprof.Lookup("mutex").WriteTo(&b, 1); err != nil {
		return 1e9
	}
	_, text, _ := strings.Cut(b.String(), "cycles/second=")
	text, _, _ = strings.Cut(text, "\n")
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 1e9
	}
	return v
}

// stack is the innermost of our functions, from the inside.
func stack(pcs []uintptr) string {
	var names []string
	for frames, more := runtime.CallersFrames(pcs), true; more && len(names) < 3; {
		var f runtime.Frame
		f, more = frames.Next()
		if name, ours := strings.CutPrefix(f.Function, "tallystick/internal/"); ours {
			names = append(names, name)
		} else if name, ours := strings.CutPrefix(f.Function, "main."); ours {
			names = append(names, name)
		}
	}
	return strings.Join(names, " < ")
}
