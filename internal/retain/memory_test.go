package retain_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/checkpoint"
	"tallystick/internal/collect"
	"tallystick/internal/durable"
	"tallystick/internal/ingest"
	"tallystick/internal/ledger"
	"tallystick/internal/metric"
	"tallystick/internal/retain"
	"tallystick/internal/selector"
	"tallystick/internal/store"
	"tallystick/internal/wal"
)

const (
	squeezed  = 10 // nodes
	oldBlocks = 80 // of each that are in the checkpoint
	newBlocks = 30 // that come then
	oldTime   = oldBlocks * 512
	allTime   = oldTime + newBlocks*512
)

// A squeeze is what a server with little memory was given, and must have.
type squeeze struct {
	t     *testing.T
	dir   string
	begin int64         // Unix second of the first sample
	limit int64         // bytes of memory
	every time.Duration // between saves
	most  atomic.Int64

	load   [squeezed][]bool  // what was accepted of each node, by second since begin
	counts [squeezed][]int64 // what each second of it counts
}

func newSqueeze(t *testing.T, limit int64) *squeeze {
	t.Helper()
	q := &squeeze{t: t, dir: t.TempDir(), begin: (time.Now().Unix()/512 - oldBlocks) * 512, limit: limit}
	for n := range squeezed {
		q.load[n], q.counts[n] = make([]bool, allTime), make([]int64, allTime)
	}
	return q
}

// value is one of those that no codec makes short.
func value(node int, second int64) float64 {
	return rand.New(rand.NewPCG(uint64(node), uint64(second))).Float64() //nolint:gosec // not negative
}

// A life is a server without its network: the parts that have to do with memory.
type life struct {
	table    *metric.Table
	store    *store.Store
	log      *wal.Log
	in       *ingest.Ingest
	saves    *checkpoint.Dir
	retain   *retain.Worker
	pressure *retain.Pressure
}

// pauser is what a checkpoint pauses.
type pauser struct {
	*ingest.Ingest
	*wal.Log
}

func (q *squeeze) live(limit int64) *life {
	q.t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	table, err := metric.NewTable(append(metric.XRootD(1), metric.Metric{Name: "load", Step: 1}))
	if err != nil {
		q.t.Fatal(err)
	}
	l := &life{table: table, store: store.New(table, store.Config{MaxBytes: limit})}
	l.log = wal.New(wal.Config{Dir: filepath.Join(q.dir, "log"), Sync: wal.Never, SegmentBytes: 1 << 20}, durable.OS{}, time.Now, quiet)
	book, collector := ledger.New(ledger.Config{}), (*collect.Collector)(nil)
	l.retain = &retain.Worker{Store: l.store, Table: table, Ledger: book, Log: quiet}
	l.pressure = &retain.Pressure{Store: l.store, Max: limit, Log: quiet, Save: func(ctx context.Context) error {
		_, err := l.saves.Save(ctx)
		return err
	}}
	l.in, err = ingest.New(ingest.Config{Retention: retain.DefaultMemory, Future: time.Minute}, ingest.Parts{
		Collector: func(out collect.Output) ingest.Collector {
			collector = collect.New(collect.Config{}, out)
			return collector
		},
		Store:  &retain.Tight{Store: l.store, Pressure: l.pressure, Now: time.Now},
		Ledger: book, Table: table, Now: time.Now, Metrics: prometheus.NewRegistry(), Log: l.log, Freed: func(selector.Path, int64) {},
	})
	if err != nil {
		q.t.Fatal(err)
	}
	l.saves = checkpoint.New(checkpoint.Config{Dir: q.dir}, durable.OS{}, checkpoint.Parts{
		Store: l.store, Table: table, Ledger: book, Collector: collector, Ingest: l.in, Pauser: pauser{l.in, l.log},
		Forget: l.log.Forget, Room: func() bool { return limit == 0 || q.look(l) < limit*8/10 },
	}, quiet)
	return l
}

// look notes how much memory is taken, and returns how much of it is used.
func (q *squeeze) look(l *life) int64 {
	s := l.store.Stats()
	for old := q.most.Load(); old < s.Bytes && !q.most.CompareAndSwap(old, s.Bytes); old = q.most.Load() {
	}
	return s.Live
}

// fill makes a checkpoint, of a life without a cap.
func (q *squeeze) fill() {
	q.t.Helper()
	l := q.live(0)
	load, _ := l.table.Lookup("load")
	read, _ := l.table.Lookup(metric.XrdReadBytes)
	r := rand.New(rand.NewPCG(1, 1))
	for n := range squeezed {
		at := selector.Path{Cluster: "c", Node: "n" + strconv.Itoa(n)}
		for i := range int64(oldTime) {
			q.load[n][i], q.counts[n][i] = true, 1+r.Int64N(1<<50)
			if _, err := l.store.Write(at, store.Point{Metric: load, Time: q.begin + i, Value: value(n, i)},
				store.Point{Metric: read, Time: q.begin + i, Value: float64(q.counts[n][i])}); err != nil {
				q.t.Fatal(err)
			}
		}
	}
	if _, err := l.saves.Save(q.t.Context()); err != nil {
		q.t.Fatal(err)
	}
}

var errCrash = errors.New("the process is dead")

// A mortal saves until it is dead.
type mortal struct {
	*checkpoint.Dir

	dead atomic.Bool
}

func (m *mortal) Save(ctx context.Context) (checkpoint.Info, error) {
	if m.dead.Load() {
		return checkpoint.Info{}, errCrash
	}
	return m.Dir.Save(ctx)
}

// run is a life with little memory, in which some blocks of each node are written as soon as
// they may be. It ends with a save, or a crash.
func (q *squeeze) run(from, to int64, crash bool) *life {
	q.t.Helper()
	l := q.live(q.limit)
	info, err := l.saves.Restore(q.t.Context())
	if err != nil {
		q.t.Fatal(err)
	}
	for r, err := range wal.Read(durable.OS{}, filepath.Join(q.dir, "log"), info.Log, 0, nil) {
		if err := errors.Join(err, l.in.Replay(r)); err != nil {
			q.t.Error(err)
		}
	}
	ctx, stop := context.WithCancel(q.t.Context())
	var workers, writers sync.WaitGroup
	saver := &mortal{Dir: l.saves}
	save := &checkpoint.Worker{Saver: saver, Every: q.every, Grace: time.Minute, Log: slog.New(slog.DiscardHandler)}
	for _, run := range []func(context.Context) error{l.log.Run, save.Run, l.retain.Run, l.pressure.Run, l.in.Run} {
		workers.Go(func() {
			if err := run(ctx); err != nil && !errors.Is(err, errCrash) {
				q.t.Error(err)
			}
		})
	}
	writers.Go(func() {
		if _, err := l.saves.Fill(ctx); err != nil {
			q.t.Error(err)
		}
	})
	for n := range squeezed {
		writers.Go(func() { q.write(l, n, from, to, !crash) })
	}
	writers.Wait()
	saver.dead.Store(crash)
	stop()
	workers.Wait()
	return l
}

// write has a node write each minute what is new, and count with it, some also in what is
// old. What there is no memory for comes again, but for counts.
func (q *squeeze) write(l *life, n int, from, to int64, late bool) {
	r := rand.New(rand.NewPCG(uint64(n), 1)) //nolint:gosec // not negative
	for at := from; at < to; at += 64 {
		time.Sleep(time.Until(time.Unix(q.begin+at+64, 0)))
		var load, counts []int64
		for i := at; i < at+64; i++ {
			load = append(load, i)
			if counts = append(counts, i); late && i%50 == 0 {
				counts[len(counts)-1] = r.Int64N(i)
			}
		}
		for {
			load = q.post(l, "load", n, load, func(i int64) float64 { return value(n, i) }, func(i int64) { q.load[n][i] = true })
			if len(load) == 0 {
				break
			}
			time.Sleep(time.Second / 5)
		}
		q.post(l, metric.XrdReadBytes, n, counts, func(int64) float64 { return 1 }, func(i int64) { q.counts[n][i]++ })
	}
}

// post writes a sample at each of the seconds, and returns those for which there was no memory.
func (q *squeeze) post(l *life, name string, n int, at []int64, value func(int64) float64, accepted func(int64)) (left []int64) {
	var b bytes.Buffer
	for _, i := range at {
		fmt.Fprintf(&b, "%s,cluster=c,hostname=n%d value=%v %d\n", name, n, value(i), q.begin+i)
	}
	res := l.in.Lines(q.t.Context(), b.Bytes(), ingest.LineOptions{})
	q.look(l)
	refused := make(map[int]string)
	for _, e := range res.Errors {
		refused[e.Index] = e.Reason
	}
	for k, i := range at {
		switch refused[k] {
		case "":
			accepted(i)
		case ingest.ReasonFull:
			left = append(left, i)
		case ingest.ReasonOld: // counts of then were saved and freed
		default:
			q.t.Errorf("%s: %+v", name, res)
		}
	}
	return left
}

// want returns what there must be at a second since begin.
func (q *squeeze) want(name string, node int, second int64) float64 {
	switch {
	case name == "load" && q.load[node][second]:
		return value(node, second)
	case name != "load" && q.counts[node][second] > 0:
		return float64(q.counts[node][second])
	}
	return math.NaN()
}

// check compares the checkpoints with what must be in them.
func (q *squeeze) check() {
	q.t.Helper()
	v, err := q.live(0).saves.View(func(_, file string, err error) { q.t.Errorf("%s: %v", file, err) })
	if err != nil {
		q.t.Fatal(err)
	}
	defer v.Close()
	wrong, missing := 0, 0
	for n := range squeezed {
		for i := range int64(allTime) {
			for _, name := range []string{"load", metric.XrdReadBytes} {
				if !math.IsNaN(q.want(name, n, i)) {
					missing++
				}
			}
		}
	}
	for b, err := range v.Blocks(q.t.Context(), "c", q.begin, q.begin+allTime) {
		if err != nil {
			q.t.Fatal(err)
		}
		n, _ := strconv.Atoi(b.Path.Node[1:])
		for i, got := range b.Values {
			want := q.want(b.Metric, n, b.Index*512+int64(i)-q.begin)
			switch {
			case math.IsNaN(got): // which counts as missing, if it is
			case got != want:
				wrong++
			default:
				missing--
			}
		}
	}
	if wrong > 0 || missing > 0 {
		q.t.Errorf("%d samples are wrong, %d are missing", wrong, missing)
	}
}

// TestMemory restores a checkpoint that is some times as large as memory may be, takes in
// meanwhile and for hours, saves, and frees what is too much: memory stays below its cap, and
// all that was accepted, then or before, is in the checkpoints at the end; also if there is a
// crash in between, after which the log is to be applied to a memory that is full already.
func TestMemory(t *testing.T) {
	f := func(name string, every time.Duration, to int64, crash bool) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newSqueeze(t, 4<<20)
				q.every = every
				q.fill()
				l := q.run(oldTime, to, crash)
				if p := l.pressure.Stats(); p.Blocks == 0 {
					t.Errorf("got %+v, want blocks freed", p)
				}
				if crash {
					q.run(0, 0, false)
				}
				if most := q.most.Load(); most > q.limit || most < q.limit*8/10 {
					t.Errorf("got %d bytes at most, want less than the cap of %d, and not much less", most, q.limit)
				}
				q.check()
			})
		})
	}
	f("to the end", time.Hour, allTime, false)
	f("with a crash", time.Hour, allTime, true)
	f("with a crash before a save", 10*time.Hour, oldTime+25*512, true)
}
