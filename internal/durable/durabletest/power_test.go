package durabletest_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/durable/durabletest"
)

// tree returns what is in a folder, as "folder/ folder/file=contents".
func tree(t *testing.T, dir string) string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(dir, path)
		switch {
		case err != nil || relErr != nil:
			return errors.Join(err, relErr)
		case rel == ".":
			return nil
		case e.IsDir():
			out = append(out, rel+"/")
			return nil
		}
		b, err := os.ReadFile(path)
		out = append(out, rel+"="+string(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

// plant makes of a folder what tree writes.
func plant(t *testing.T, dir, what string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	for item := range strings.FieldsSeq(what) {
		name, contents, isFile := strings.Cut(item, "=")
		err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o750)
		if isFile {
			err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(contents), 0o600))
		} else {
			err = errors.Join(err, os.MkdirAll(filepath.Join(dir, name), 0o750))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A desk does things in a folder whose power will fail.
type desk struct {
	t    *testing.T
	dir  string
	fsys *durabletest.FS
}

func (d *desk) path(name string) string { return filepath.Join(d.dir, name) }

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) rename(from, to string) {
	d.t.Helper()
	d.must(d.fsys.Rename("x", d.path(from), d.path(to)))
}

func (d *desk) remove(name string) { d.t.Helper(); d.must(d.fsys.Remove("x", d.path(name))) }

func (d *desk) removeAll(name string) { d.t.Helper(); d.must(d.fsys.RemoveAll("x", d.path(name))) }

func (d *desk) mkdir(name string) { d.t.Helper(); d.must(d.fsys.MkdirAll("x", d.path(name))) }

func (d *desk) sync(name string) { d.t.Helper(); d.must(d.fsys.SyncDir("x", d.path(name))) }

// write writes a file, and makes its contents durable as often as syncs says.
func (d *desk) write(name, contents string, syncs int) {
	d.t.Helper()
	f, err := d.fsys.Create("x", d.path(name))
	d.must(err)
	_, err = f.Write([]byte(contents))
	d.must(err)
	for range syncs {
		_ = f.Sync() // a fault of it is the test's
	}
	d.must(f.Close())
}

// append writes behind what is in a file, and has nothing made durable.
func (d *desk) append(name, contents string) {
	d.t.Helper()
	before, _ := os.ReadFile(d.path(name))
	f, size, err := d.fsys.Append("x", d.path(name))
	d.must(err)
	if size != int64(len(before)) {
		d.t.Errorf("%s has %d bytes, want %d", name, size, len(before))
	}
	_, err = f.Write([]byte(contents))
	d.must(errors.Join(err, f.Close()))
}

// after returns what may be there after a loss of power, sorted: what was in some of
// many.
func after(t *testing.T, before string, faults []durabletest.Fault, do func(d *desk)) []string {
	t.Helper()
	root, seen := durabletest.Dir(t), make(map[string]bool)
	for seed := range uint64(200) {
		d := &desk{t, filepath.Join(root, strconv.FormatUint(seed, 10)), &durabletest.FS{Faults: faults}}
		plant(t, d.dir, before)
		d.must(d.fsys.Watch(d.dir))
		do(d)
		d.must(d.fsys.PowerLoss(rand.New(rand.NewPCG(seed, 1))))
		seen[tree(t, d.dir)] = true
	}
	out := make([]string, 0, len(seen))
	for s := range seen {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// TestPowerLossOfNames: which names there may be after a loss of power, each with the
// contents of the file that it was given to.
func TestPowerLossOfNames(t *testing.T) {
	f := func(what, before string, do func(d *desk), want ...string) {
		t.Helper()
		slices.Sort(want)
		if diff := cmp.Diff(want, after(t, before, nil, do)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	f("nothing", "a=1 d/", func(*desk) {}, "a=1 d/")
	f("a rename comes undone", "a=1", func(d *desk) { d.rename("a", "b") }, "a=1", "b=1")
	f("a rename that is synced does not", "a=1", func(d *desk) { d.rename("a", "b"); d.sync(".") }, "b=1")
	f("a rename over a file", "a=new b=old", func(d *desk) { d.rename("a", "b") }, "a=new b=old", "b=new")
	f("of a folder", "d/a=1", func(d *desk) { d.rename("d", "e") }, "d/ d/a=1", "e/ e/a=1")
	f("two renames, each by itself", "a=1 b=2", func(d *desk) { d.rename("a", "c"); d.rename("b", "d") },
		"a=1 b=2", "b=2 c=1", "a=1 d=2", "c=1 d=2")
	f("to another folder", "a=1 d/", func(d *desk) { d.rename("a", "d/a") }, "a=1 d/", "d/ d/a=1")
	f("to another folder, which is synced", "a=1 d/", func(d *desk) { d.rename("a", "d/a"); d.sync("d") },
		"a=1 d/ d/a=1", "d/ d/a=1")
	f("to another folder, and the first is synced", "a=1 d/", func(d *desk) { d.rename("a", "d/a"); d.sync(".") },
		"d/", "d/ d/a=1") // it may be lost
	f("and both are", "a=1 d/", func(d *desk) { d.rename("a", "d/a"); d.sync("d"); d.sync(".") }, "d/ d/a=1")

	f("a removal comes undone", "a=1", func(d *desk) { d.remove("a") }, "a=1", "")
	f("a removal that is synced", "a=1", func(d *desk) { d.remove("a"); d.sync(".") }, "")
	f("a folder is half removed", "d/a=1 d/b=2", func(d *desk) { d.removeAll("d") },
		"d/ d/a=1 d/b=2", "d/ d/a=1", "d/ d/b=2", "d/", "")
	f("a folder that is gone", "d/a=1 d/b=2", func(d *desk) { d.removeAll("d"); d.sync(".") }, "")
	f("half removed under the old name", "d/a=1", func(d *desk) { d.rename("d", "e"); d.removeAll("e") },
		"d/ d/a=1", "d/", "e/ e/a=1", "e/", "")
	f("not under the old name", "d/a=1", func(d *desk) { d.rename("d", "e"); d.sync("."); d.removeAll("e") },
		"e/ e/a=1", "e/", "")

	f("folders that are made are durable", "", func(d *desk) { d.mkdir("d/e") }, "d/ d/e/")
	f("what is in them is not", "", func(d *desk) { d.mkdir("d"); d.write("d/a", "1", 1) }, "d/", "d/ d/a=1")
	f("a file that is moved while it is written", "a=1", func(d *desk) { d.rename("a", "b"); d.write("b", "2", 1) }, "a=2", "b=2")
}

// TestPowerLossOfContents: what may be in a file whose name is durable.
func TestPowerLossOfContents(t *testing.T) {
	f := func(what, before string, do func(d *desk), want ...string) {
		t.Helper()
		slices.Sort(want)
		if diff := cmp.Diff(want, after(t, before, nil, do)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	f("what is synced is there", "", func(d *desk) { d.write("a", "1", 1); d.sync(".") }, "a=1")
	f("what is not is there, or not, or zeros are", "", func(d *desk) { d.write("a", "1", 0); d.sync(".") },
		"a=", "a=1", "a=\x00")
	f("a part of it is, from the begin, or to the end behind zeros", "", func(d *desk) { d.write("a", "12", 0); d.sync(".") },
		"a=", "a=1", "a=12", "a=\x00", "a=\x002", "a=\x00\x00")
	f("overwritten bytes may be either", "a=xyz", func(d *desk) { d.write("a", "1", 0) },
		"a=xyz", "a=", "a=1", "a=1yz", "a=\x00") // zeros are where nothing was
	f("overwritten, and synced", "a=xyz", func(d *desk) { d.write("a", "1", 1) }, "a=1")
	f("cut, and written again", "", func(d *desk) {
		file, err := d.fsys.Create("x", d.path("a"))
		d.must(err)
		_, err = file.Write([]byte("12"))
		d.must(errors.Join(err, file.Sync(), file.Truncate(1)))
		_, err = file.Write([]byte("3"))
		d.must(errors.Join(err, file.Close()))
		d.sync(".")
	}, "a=12", "a=1", "a=13", "a=1\x00")
	f("behind what is there, only what is new is in doubt", "a=xy", func(d *desk) { d.append("a", "1") }, "a=xy", "a=xy1", "a=xy\x00")
	f("a new file", "", func(d *desk) { d.append("a", "1"); d.sync(".") }, "a=", "a=1", "a=\x00")
}

// An fsync that failed is never made good by a later one, which says that all is well.
func TestPowerLossAfterFailedSync(t *testing.T) {
	faults := []durabletest.Fault{{At: 3}} // create, write, sync
	got := after(t, "", faults, func(d *desk) { d.write("a", "1", 3); d.sync(".") })
	if want := []string{"a=", "a=\x00", "a=1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A fault decides whether what failed was done, also for the disk.
func TestPowerLossAfterFaults(t *testing.T) {
	f := func(fault durabletest.Fault, want ...string) {
		t.Helper()
		fault.At, fault.Crash = 1, true
		slices.Sort(want)
		got := after(t, "a=1 d/b=2", []durabletest.Fault{fault}, func(d *desk) {
			_ = d.fsys.Rename("x", d.path("a"), d.path("c"))
			_ = d.fsys.SyncDir("x", d.dir) // it is dead
			_ = d.fsys.RemoveAll("x", d.path("d"))
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", fault, diff)
		}
	}
	f(durabletest.Fault{}, "a=1 d/ d/b=2")
	f(durabletest.Fault{Applied: true}, "a=1 d/ d/b=2", "c=1 d/ d/b=2")
}

// Once the power is off nothing is done any more.
func TestPowerLossIsTheEnd(t *testing.T) {
	fsys := new(durabletest.FS)
	if err := fsys.PowerLoss(rand.New(rand.NewPCG(0, 1))); err == nil {
		t.Error("power is lost where nothing is watched: got no error")
	}
	dir := t.TempDir()
	plant(t, dir, "a=1")
	d := &desk{t, dir, fsys}
	d.must(fsys.Watch(dir))
	file, err := fsys.Create("x", d.path("b"))
	d.must(err)
	d.must(fsys.PowerLoss(rand.New(rand.NewPCG(0, 1))))
	was := tree(t, dir)
	_, err = file.Write([]byte("x"))
	for what, err := range map[string]error{
		"write": err, "sync": file.Sync(), "close": file.Close(), "remove": fsys.Remove("x", d.path("a")),
		"rename": fsys.Rename("x", d.path("a"), d.path("c")), "mkdir": fsys.MkdirAll("x", d.path("d")),
	} {
		if err == nil {
			t.Errorf("%s after the power is off: got no error", what)
		}
	}
	if got := tree(t, dir); got != was {
		t.Errorf("got %q, want %q as it was when the power failed", got, was)
	}
}
