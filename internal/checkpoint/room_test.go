package checkpoint_test

import (
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

const (
	countNodes  = 20
	countBlocks = 100 // of each node
	countStep   = 10
)

// A count is a slot of counts: number of the node, and Unix second.
type count [2]int64

// countAll saves counts of which no two are alike, so that they take all their bytes, in
// several checkpoints, and returns them.
func countAll(t *testing.T, dir string) map[count]float64 {
	t.Helper()
	w := newWorld(t)
	r := rand.New(rand.NewPCG(1, 1))
	all := make(map[count]float64)
	for b := range int64(countBlocks) {
		for n := range int64(countNodes) {
			for i := range int64(512) {
				at, v := (b*512+i)*countStep, float64(r.Int64())
				if err := w.count(n, at, v); err != nil {
					t.Fatal(err)
				}
				all[count{n, at}] = v
			}
		}
		if b%30 == 0 || b == countBlocks-1 {
			save(t, open(dir, durable.OS{}, w))
		}
	}
	return all
}

func (w *world) count(node, at int64, v float64) error {
	id, _ := w.table.Lookup(metric.XrdReadBytes)
	path := selector.Path{Cluster: "site", Node: strconv.FormatInt(node, 10)}
	_, err := w.store.Write(path, store.Point{Metric: id, Time: at, Value: v})
	return err
}

// TestCountsWithoutRoom restores more counts than there is memory for, and counts on: what is
// accepted is added to what was counted before, and what cannot be is refused.
func TestCountsWithoutRoom(t *testing.T) {
	origin := t.TempDir()
	all := countAll(t, origin)
	f := func(limit int64, room bool) {
		t.Helper()
		want := maps.Clone(all)
		dir, w := like(t, origin), newWorld(t)
		w.store = store.New(w.table, store.Config{MaxBytes: limit})
		parts := w.parts()
		if room {
			parts.Room = func() bool { return w.store.Stats().Live < limit*8/10 }
		}
		d := checkpoint.New(checkpoint.Config{Dir: dir}, durable.OS{}, parts, quiet())
		restore(t, d)
		if s := w.store.Stats(); room && s.Live > limit*8/10+8192 || s.Blocks < int(limit/4096/4) {
			t.Errorf("cap %d: restored %+v, want what there is room for", limit, s)
		}
		for _, n := range w.store.Nodes() { // as retain.Pressure does
			w.store.FreeSaved(n, countBlocks*6/10*512*countStep)
		}
		relieved, full := 0, 0
		for b := range int64(countBlocks) {
			for n := range int64(countNodes) {
				k := count{n, (b*512 + 511) * countStep}
				switch err := w.count(k[0], k[1], 1<<60); {
				case err == nil:
					want[k] += 1 << 60
				case errors.Is(err, store.ErrRelieved):
					relieved++
				case errors.Is(err, store.ErrFull):
					full++
				default:
					t.Fatal(err)
				}
			}
		}
		save(t, d)
		got, _ := restored(t, dir)
		wrong := 0
		for b := range got.store.Blocks() {
			n, _ := strconv.ParseInt(b.Path.Node, 10, 64)
			for i, v := range b.Values {
				k := count{n, (b.Index*512 + int64(i)) * countStep}
				switch {
				case math.IsNaN(v):
					continue
				case want[k] != v:
					wrong++
				}
				delete(want, k)
			}
		}
		if wrong > 0 || len(want) > 0 || room && (relieved == 0 || relieved+full == countNodes*countBlocks) {
			t.Errorf("cap %d: %d slots are wrong, %d are missing; %d of %d were refused, %d for want of room",
				limit, wrong, len(want), relieved+full, countNodes*countBlocks, full)
		}
	}
	f(6<<20, false)
	f(6<<20, true)
	f(3<<20, true)
}
