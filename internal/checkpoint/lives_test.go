package checkpoint_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"tallystick/internal/block"
	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
	"tallystick/internal/durable/durabletest"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
	"tallystick/internal/wal"
)

// A clerk is a world with a real log: each deed that he takes is a record of it. It is in
// the collector's state, a sample that adds up, one that does not, and a packet.
type clerk struct {
	*world
	log  *wal.Log
	dir  string
	fsys *durabletest.FS
	save *checkpoint.Dir
}

// A deed is a record, and its number.
type deed struct {
	clerk *clerk
	n     int
}

func (d *deed) Record() []byte { return []byte(strconv.Itoa(d.n)) }

func (d *deed) Apply(time.Time) []byte { d.clerk.apply(d.n); return nil }

func (c *clerk) apply(n int) {
	c.collector.list = append(c.collector.list, []byte(strconv.Itoa(n)))
	count, _ := c.table.Lookup(metric.XrdReadBytes)
	load, _ := c.table.Lookup("load")
	at := selector.Path{Cluster: "a", Node: "n"}
	points := []store.Point{{Metric: count, Time: int64(n%2) * 10 * block.Slots, Value: 1}, {Metric: load, Time: int64(n) * 10, Value: float64(n)}}
	if _, err := c.store.Write(at, points...); err != nil {
		panic(err) // a slip in this test
	}
}

func (c *clerk) Pause(f func())    { c.log.Turn(func(time.Time) { f() }) }
func (c *clerk) Cut() (int, error) { return c.log.Cut() }
func (c *clerk) logs() string      { return filepath.Join(c.dir, "log") }

// records yields those of the log.
func (c *clerk) records(from, to int) iter.Seq2[checkpoint.Packet, error] {
	return func(yield func(checkpoint.Packet, error) bool) {
		for r, err := range wal.Read(durable.OS{}, c.logs(), from, to, nil) {
			if !yield(checkpoint.Packet{At: r.At, Remote: "x", Data: slices.Clone(r.Payload)}, err) {
				return
			}
		}
	}
}

// begin starts a process in a folder, up to where it takes in.
func begin(t *testing.T, dir string, fsys *durabletest.FS, kind wal.Sync) (*clerk, error) {
	t.Helper()
	c := &clerk{world: newWorld(t), dir: dir, fsys: fsys}
	c.log = wal.New(wal.Config{Dir: c.logs(), Sync: kind, SegmentBytes: 120}, fsys, time.Now, quiet())
	parts := c.parts()
	parts.Pauser, parts.Packets, parts.Forget = c, c.records, c.log.Forget
	c.save = checkpoint.New(checkpoint.Config{Dir: dir}, fsys, parts, quiet())
	info, err := c.save.Restore(t.Context())
	if err != nil {
		return nil, err
	}
	if !info.Whole() {
		t.Errorf("got %+v, want all of it whole", info)
	}
	last := info.Created
	for p, err := range c.records(info.Log, 0) {
		if err != nil {
			return nil, err
		}
		n, _ := strconv.Atoi(string(p.Data))
		c.apply(n)
		last = p.At
	}
	c.log.After(last, info.Log)
	_, err = c.save.Fill(t.Context())
	return c, err
}

// deeds returns what the clerk knows, and what is wrong with how: all parts must tell of
// the same deeds, each once, in one order.
func (c *clerk) deeds(t *testing.T) (list []int, wrong error) {
	t.Helper()
	for _, b := range c.collector.list {
		n, _ := strconv.Atoi(string(b))
		list = append(list, n)
	}
	count, loads := 0, []int(nil)
	for b := range c.store.Blocks() {
		for _, v := range b.Values {
			switch {
			case v != v:
			case b.Metric == "load":
				loads = append(loads, int(v))
			default:
				count += int(v)
			}
		}
	}
	v, err := c.save.View(func(folder, file string, err error) { t.Errorf("%s/%s: %v", folder, file, err) })
	if err != nil {
		return list, err
	}
	defer v.Close()
	var packets []int
	for _, seq := range []iter.Seq2[checkpoint.Packet, error]{v.Packets(t.Context(), -1<<62, 1<<62), c.records(v.Log(), 0)} {
		for p := range seq {
			n, _ := strconv.Atoi(string(p.Data))
			packets = append(packets, n)
		}
	}
	if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) ||
		count != len(list) || !slices.Equal(loads, list) || !slices.Equal(packets, list) {
		return list, fmt.Errorf("states tell of %v, samples of %v, counts of %d, packets of %v", list, loads, count, packets)
	}
	return list, nil
}

// live lets the clerk work, and returns what he took from deed n on, what of it is durable
// for sure, and the number of the next.
func (c *clerk) live(ctx context.Context, r *rand.Rand, kind wal.Sync, n int) (took, sure []int, next int) {
	for range 4 + r.IntN(16) {
		if r.IntN(3) == 0 {
			if _, err := c.save.Save(ctx); err == nil {
				sure = slices.Clone(took)
			}
			continue
		}
		if c.log.Commit(&deed{c, n}) == nil {
			took = append(took, n)
		}
		n++
	}
	if kind == wal.Always {
		sure = took
	}
	return took, sure, n
}

// TestLives takes deeds and saves, until the power fails or the process is killed, and
// goes on with what is left, some times: what was acknowledged is there once, in whatever
// a checkpoint and the log have of it, and so is, whatever wal.sync is, what was saved.
func TestLives(t *testing.T) {
	for seed := range uint64(45) {
		r := rand.New(rand.NewPCG(seed, 5))
		dir, kind := durabletest.Dir(t), []wal.Sync{wal.Always, wal.Interval, wal.Never}[seed%3]
		var must, may []int
		next := 0
		for life := range 6 {
			name := fmt.Sprintf("%s, seed %d, life %d", kind, seed, life)
			fsys := &durabletest.FS{Faults: []durabletest.Fault{{At: 1 + r.IntN(200), Crash: true, Applied: r.IntN(2) == 0}}}
			for range r.IntN(3) {
				fsys.Faults = append(fsys.Faults, durabletest.Fault{At: 1 + r.IntN(150), Applied: r.IntN(2) == 0, Short: true})
			}
			if err := fsys.Watch(dir); err != nil {
				t.Fatal(err)
			}
			var took, sure []int
			if c, err := begin(t, dir, fsys, kind); err == nil {
				had, wrong := c.deeds(t)
				if lost := missing(must, had); wrong != nil || len(lost) > 0 || len(missing(had, may)) > 0 {
					t.Fatalf("%s: %v; got %v, lost %v of %v; never was %v", name, wrong, had, lost, must, missing(had, may))
				}
				must, may = had, had
				took, sure, next = c.live(t.Context(), r, kind, next)
			}
			for n := range next {
				if len(may) == 0 || n > may[len(may)-1] {
					may = append(slices.Clone(may), n) // what was not acknowledged may have been written
				}
			}
			if r.IntN(3) == 0 { // it is killed
				must = append(slices.Clone(must), took...)
				continue
			}
			must = append(slices.Clone(must), sure...)
			if err := fsys.PowerLoss(rand.New(rand.NewPCG(r.Uint64(), 5))); err != nil {
				t.Fatal(err)
			}
			if wrong := halves(t, dir); len(wrong) > 0 {
				t.Errorf("%s: %q", name, wrong)
			}
		}
	}
}

// missing returns what of some is not in all.
func missing(some, all []int) (out []int) {
	for _, n := range some {
		if !slices.Contains(all, n) {
			out = append(out, n)
		}
	}
	return out
}
