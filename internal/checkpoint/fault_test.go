package checkpoint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/durable"
	"tallystick/internal/durable/durabletest"
)

// small is a world with little in it, of generation g.
func small(t *testing.T, g int) *world {
	t.Helper()
	w := newWorld(t)
	for i := range g {
		w.collector.list = append(w.collector.list, fmt.Appendf(nil, "c%d of %d", i, g))
		w.ingest.list = append(w.ingest.list, fmt.Appendf(nil, "i%d of %d", i, g))
	}
	return w
}

// first returns a new folder with one checkpoint, that of generation 1.
func first(t *testing.T) (dir string) {
	t.Helper()
	dir = durabletest.Dir(t)
	save(t, open(dir, durable.OS{}, small(t, 1)))
	return dir
}

// like returns a new folder with what is in dir.
func like(t *testing.T, dir string) string {
	t.Helper()
	again := durabletest.Dir(t)
	if err := os.CopyFS(again, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return again
}

// Whatever operation fails, in whatever way, a restart has the old checkpoint
// or the new one, whole; the new one for sure if Save said so; and a save after
// the fault works.
func TestSaveWithFaults(t *testing.T) {
	dry := &durabletest.FS{}
	origin := first(t)
	save(t, open(like(t, origin), dry, small(t, 2)))
	ops := dry.Ops()
	if len(ops) < 30 {
		t.Fatalf("got %d operations, want some for every file", len(ops))
	}
	one, two := small(t, 1).content(), small(t, 2).content()
	old, replaced := 0, 0
	for n, op := range ops {
		for _, fault := range []durabletest.Fault{
			{}, {Applied: true}, {Crash: true}, {Applied: true, Crash: true}, {Short: true, Crash: true}, {Err: syscall.ENOSPC},
		} {
			fault.At = n + 1
			name := fmt.Sprintf("%d %s %s %+v", n, op.Kind, op.Label, fault)
			dir := like(t, origin)
			fsys := &durabletest.FS{Faults: []durabletest.Fault{fault}}
			d := open(dir, fsys, small(t, 2))
			_, err := d.Save(t.Context())

			got, info := restored(t, dir)
			isOld, isNew := cmp.Equal(got.content(), one), cmp.Equal(got.content(), two)
			switch {
			case !info.Whole(), !isOld && !isNew:
				t.Errorf("%s: got %+v and %v, want either whole", name, info, got.content())
			case err == nil && !isNew:
				t.Errorf("%s: save succeeded, and the old checkpoint came back", name)
			case isOld:
				old++
			default:
				replaced++
			}
			if fault.Crash {
				continue
			}
			d = open(dir, fsys, small(t, 3))
			save(t, d)
			if got, _ := restored(t, dir); !cmp.Equal(got.content(), small(t, 3).content()) {
				t.Errorf("%s: the save after the fault is not what came back", name)
			}
		}
	}
	if old == 0 || replaced == 0 {
		t.Errorf("got %d times the old and %d times the new one, want both", old, replaced)
	}
}

// The order of operations is the whole of durability: nothing is renamed before
// it is synced, and nothing old is removed before the new one is durable.
func TestSaveOrder(t *testing.T) {
	dir := first(t)
	fsys := &durabletest.FS{}
	save(t, open(dir, fsys, small(t, 2)))
	var files, synced []string
	var got []string
	for _, op := range fsys.Ops() {
		switch op.Kind {
		case durabletest.Create:
			files = append(files, filepath.Base(op.Path))
		case durabletest.Sync:
			synced = append(synced, filepath.Base(op.Path))
		case durabletest.Rename, durabletest.SyncDir, durabletest.RemoveAll:
			got = append(got, op.Kind+" "+strings.TrimPrefix(op.Label, "checkpoint "))
		}
	}
	want := []string{"ingest.avro", "collector.avro", "meta.json"}
	want = append(want, want...) // what has changed, and then both as one
	if !slices.Equal(files, want) || !slices.Equal(synced, want) {
		t.Errorf("got files %v, of them synced %v, want %v", files, synced, want)
	}
	want = []string{
		"syncdir commit", "rename commit", "syncdir commit",
		"syncdir commit", "rename commit", "syncdir commit",
		"rename remove", "syncdir remove", "removeall remove",
		"rename remove", "syncdir remove", "removeall remove",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Faults while problems are noted or set aside stop nothing and delete nothing.
func TestQuarantineWithFaults(t *testing.T) {
	for _, label := range []string{"checkpoint problems", "checkpoint quarantine", "checkpoint remove", "checkpoint clean"} {
		for _, applied := range []bool{false, true} {
			dir := first(t)
			old := names(t, dir)[0]
			write(t, filepath.Join(dir, old, "ingest.avro"), "damaged")
			write(t, filepath.Join(dir, "00000007-1.tmp", "x"), "left")
			fsys := &durabletest.FS{Faults: []durabletest.Fault{{Label: label, Applied: applied}}}
			w := newWorld(t)
			d := open(dir, fsys, w)
			if info := restore(t, d); info.Damaged != 1 || len(w.collector.list) != 1 {
				t.Errorf("%s: got %+v, want one damage and the rest", label, info)
			}
			save(t, d)
			save(t, d)
			all := names(t, dir)
			if slices.Contains(all, "quarantine") {
				all = append(all, names(t, filepath.Join(dir, "quarantine"))...)
			}
			if !slices.Contains(all, old) {
				t.Errorf("%s applied %v: got %v, want the damaged checkpoint %s somewhere", label, applied, all, old)
			}
		}
	}
}
