package checkpoint_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
	"tallystick/internal/durable/durabletest"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
)

// A chain is a world with its checkpoints, and what has happened to it.
type chain struct {
	t   *testing.T
	r   *rand.Rand
	dir string
	*world
	saves *checkpoint.Dir
	fsys  *durabletest.FS
	now   int64
}

func (c *chain) path() selector.Path {
	p := selector.Path{Cluster: []string{"a", "b/c", "\xff"}[c.r.IntN(3)], Node: "n" + strconv.Itoa(c.r.IntN(4))}
	if p.Cluster == "b/c" {
		p.Cluster = "b c"
	}
	if c.r.IntN(2) == 0 {
		p.Component = selector.Part{Type: "client", ID: strconv.Itoa(c.r.IntN(3))}
	}
	return p
}

// change does some of all that can happen between two checkpoints.
func (c *chain) change() {
	c.now += c.r.Int64N(3000)
	for range c.r.IntN(40) {
		id, _ := c.table.Lookup([]string{"load", "most", metric.XrdReadBytes}[c.r.IntN(3)])
		at := c.now - c.r.Int64N(20_000)*c.r.Int64N(2)
		p := store.Point{Metric: id, Time: at, Value: float64(c.r.IntN(1000)) / 8}
		if _, err := c.store.Write(c.path(), p); err != nil {
			c.t.Fatal(err)
		}
	}
	for range c.r.IntN(4) {
		c.ledger.PutTransfer(&transfer.Transfer{
			ID: strconv.Itoa(c.r.IntN(30)), Opened: transfer.Interval{c.now, c.now}, End: transfer.Open, Quality: transfer.Exact,
		})
	}
	claim := &transfer.Claim{Run: "r", ID: strconv.FormatInt(c.now, 10), Server: "s", Path: "/p", Opened: float64(c.now), Received: &transfer.Bytes{}}
	if _, err := c.ledger.PutClaim(claim); err != nil {
		c.t.Fatal(err)
	}
	if c.r.IntN(4) == 0 {
		at, before := c.path(), c.now-c.r.Int64N(20_000)
		c.saves.Freed(at, before)
		c.store.FreeBefore(at, before)
	}
	c.packets[c.log] = append(c.packets[c.log], checkpoint.Packet{At: time.Unix(c.now, 0), Remote: "x", Data: []byte{1}})
	c.collector.list = [][]byte{fmt.Appendf(nil, "collector at %d", c.now)}
	c.ingest.list = [][]byte{fmt.Appendf(nil, "ingest at %d", c.now)}
}

// restart goes on with what is on the disk.
func (c *chain) restart() {
	was := c.world
	c.world = newWorld(c.t)
	c.packets, c.log = was.packets, was.log
	c.fsys = new(durabletest.FS)
	c.saves = checkpoint.New(checkpoint.Config{Dir: c.dir}, c.fsys, c.parts(), quiet())
	if info := restore(c.t, c.saves); !info.Whole() {
		c.t.Fatalf("restored %+v, want all of it", info)
	}
}

// TestChain saves, also in vain, restarts, frees, merges: whatever happens, after a
// restart everything is there that was there at the last save, and a view of the disk
// has the same.
func TestChain(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			c := &chain{t: t, r: rand.New(rand.NewPCG(seed, 3)), dir: durabletest.Dir(t), world: newWorld(t), now: 1_700_000_000}
			c.restart()
			packets := 0
			for round := range 40 {
				c.change()
				packets++
				if c.r.IntN(4) == 0 {
					c.fail()
				}
				c.fsys.Faults = nil
				save(t, c.saves)
				want := c.content()
				if c.r.IntN(3) == 0 {
					c.restart()
				}
				if d := cmp.Diff(want, c.content()); d != "" {
					t.Fatalf("round %d (-want +got):\n%s", round, d)
				}
				if got, n := c.view(); !cmp.Equal(got, blocksOf(c.world)) || n != packets {
					t.Fatalf("round %d: a view has %d packets, want %d (-want +got):\n%s", round, n, packets, cmp.Diff(blocksOf(c.world), got))
				}
			}
			if n := len(names(t, c.dir)); n > 12 {
				t.Errorf("got %d checkpoints after 40 saves", n)
			}
		})
	}
}

// fail saves with a fault somewhere, which may have been saved all the same.
func (c *chain) fail() {
	fault := durabletest.Fault{At: len(c.fsys.Ops()) + 1 + c.r.IntN(40), Applied: c.r.IntN(2) == 0}
	c.fsys.Faults = append(c.fsys.Faults, fault)
	_, _ = c.saves.Save(c.t.Context())
}

// view returns the blocks that a View has, and how many packets.
func (c *chain) view() (blocks map[string]string, packets int) {
	v, err := c.saves.View(func(_, _ string, err error) { c.t.Error(err) })
	if err != nil {
		c.t.Fatal(err)
	}
	defer v.Close()
	w := newWorld(c.t)
	for _, cluster := range v.Clusters() {
		for b, err := range v.Blocks(c.t.Context(), cluster, -1<<62, 1<<62) {
			if err != nil || b.Path.Cluster != cluster {
				c.t.Errorf("%s of cluster %q, %v", b.Path, cluster, err)
			}
			if err := w.store.Restore(b); err != nil {
				c.t.Error(err)
			}
		}
	}
	for range v.Packets(c.t.Context(), -1<<62, 1<<62) {
		packets++
	}
	return blocksOf(w), packets
}

// TestGone: what need not stay goes when it is merged, and nothing else.
func TestGone(t *testing.T) {
	dir, w := t.TempDir(), newWorld(t)
	parts := w.parts()
	limit := int64(0)
	parts.Gone = func(_ checkpoint.Kind, _, _ string, end int64) bool { return end <= limit }
	d := checkpoint.New(checkpoint.Config{Dir: dir}, durable.OS{}, parts, quiet())
	w.grow(t, 1)
	save(t, d)
	w.grow(t, 2)
	save(t, d)
	count := func() (blocks, packets int) {
		v, err := d.View(func(_, _ string, err error) { t.Error(err) })
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		for range v.Blocks(t.Context(), "site", -1<<62, 1<<62) {
			blocks++
		}
		for range v.Packets(t.Context(), -1<<62, 1<<62) {
			packets++
		}
		return blocks, packets
	}
	if blocks, packets := count(); blocks != 280 || packets != 10 {
		t.Errorf("got %d blocks and %d packets, want all: 280 and 10", blocks, packets)
	}
	limit = 11 * 5120 // what grow 1 wrote ends there, and all packets
	for range 4 {
		save(t, d)
	}
	if blocks, packets := count(); blocks != 140 || packets != 0 {
		t.Errorf("got %d blocks and %d packets, want 140 and 0", blocks, packets)
	}
}

// TestGolden reads checkpoints of old versions, and takes their place.
func TestGolden(t *testing.T) {
	for _, version := range []string{"v2", "v3", "v4", "v5"} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", version))); err != nil {
			t.Fatal(err)
		}
		want := newWorld(t)
		golden(t, want)
		unnumbered := func(w *world) map[string]string { // none of these versions had numbers
			m := w.content()
			maps.DeleteFunc(m, func(key, _ string) bool { return strings.HasPrefix(key, "number ") })
			return m
		}
		got := newWorld(t)
		d := open(dir, durable.OS{}, got)
		if info := restore(t, d); !info.Whole() || info.Blocks != 18 {
			t.Errorf("%s: got %+v, want 18 blocks and all else", version, info)
		}
		if d := cmp.Diff(unnumbered(want), unnumbered(got)); d != "" {
			t.Errorf("%s: (-want +got):\n%s", version, d)
		}
		save(t, d)
		save(t, d)
		again, _ := restored(t, dir)
		if d := cmp.Diff(unnumbered(want), unnumbered(again)); d != "" {
			t.Errorf("%s, saved again: (-want +got):\n%s", version, d)
		}
		if got := sequences(t, dir); version == "v2" && slices.Contains(got, "00000001") {
			t.Errorf("%s: got %v, want those that took its place", version, got)
		}
	}
}
