package durable_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallystick/internal/durable"
	"tallystick/internal/durable/durabletest"
)

// all returns what is in a folder, as "folder/ folder/file=contents".
func all(t *testing.T, dir string) string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		item := strings.TrimPrefix(path, dir+"/")
		if e.IsDir() {
			out = append(out, item+"/")
			return nil
		}
		b, err := os.ReadFile(path)
		out = append(out, item+"="+string(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

// A loss is what the power is cut in, again and again.
type loss struct {
	before []string // folders, and files, which have their name as contents
	do     func(fsys durable.FS, dir string) error
	// valid are what may be there afterwards, what is temporary aside; the last is the only
	// one once do has said that all is well.
	valid []string
}

// check cuts the power at each operation, before it and after it, several times.
func (l *loss) check(t *testing.T, what string) {
	t.Helper()
	root, seen := durabletest.Dir(t), make(map[string]bool)
	for at, more := 1, true; more; at++ {
		for seed := range uint64(24) {
			dir := filepath.Join(root, "d")
			for _, item := range append([]string{"./"}, l.before...) {
				place(t, dir, item)
			}
			fsys := &durabletest.FS{Faults: []durabletest.Fault{{At: at, Crash: true, Applied: seed%2 == 0}}}
			watchErr := fsys.Watch(dir)
			err := l.do(fsys, dir)
			more = len(fsys.Ops()) >= at
			if err := errors.Join(watchErr, fsys.PowerLoss(rand.New(rand.NewPCG(seed, uint64(at))))); err != nil {
				t.Fatal(err)
			}
			got := lasting(all(t, dir))
			seen[got] = true
			if i := index(l.valid, got); i < 0 || err == nil && i < len(l.valid)-1 {
				t.Errorf("%s, power lost at operation %d, seed %d: got %q after %v, want one of %q, the last after no error", what, at, seed, got, err, l.valid)
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(seen) < len(l.valid) {
		t.Errorf("%s: got only %v, want each of %q sometimes", what, seen, l.valid)
	}
}

func place(t *testing.T, dir, item string) {
	t.Helper()
	path := filepath.Join(dir, item)
	err := os.MkdirAll(filepath.Dir(path), 0o750)
	if strings.HasSuffix(item, "/") {
		err = errors.Join(err, os.MkdirAll(path, 0o750))
	} else {
		err = errors.Join(err, os.WriteFile(path, []byte(item), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// lasting returns what is not temporary.
func lasting(tree string) string {
	var out []string
	for item := range strings.FieldsSeq(tree) {
		if name, _, _ := strings.Cut(item, "="); !strings.Contains(name+"/", durable.TempSuffix+"/") {
			out = append(out, item)
		}
	}
	return strings.Join(out, " ")
}

func index(list []string, s string) int {
	for i := range list {
		if list[i] == s {
			return i
		}
	}
	return -1
}

// TestPowerLoss cuts the power at each operation of what this package does: the old or the
// new is there, whole, and the new if it said so.
func TestPowerLoss(t *testing.T) {
	f := func(what string, l loss) {
		t.Helper()
		l.check(t, what)
	}
	write := func(fsys durable.FS, dir string) error {
		return durable.WriteFile(fsys, "test", filepath.Join(dir, "a"), text("new,longer"))
	}
	f("a file", loss{nil, write, []string{"", "a=new,longer"}})
	f("a file over another", loss{[]string{"a"}, write, []string{"a=a", "a=new,longer"}})
	f("a folder", loss{nil, func(fsys durable.FS, dir string) error {
		temp := filepath.Join(dir, "f"+durable.TempSuffix)
		if err := fsys.MkdirAll("test", temp); err != nil {
			return err
		}
		for _, name := range []string{"a", "b"} {
			if err := durable.Write(fsys, "test", filepath.Join(temp, name), text(name)); err != nil {
				return err
			}
		}
		return durable.Commit(fsys, "test", temp, filepath.Join(dir, "f"))
	}, []string{"", "f/ f/a=a f/b=b"}})
	f("a move", loss{[]string{"a"}, func(fsys durable.FS, dir string) error {
		return durable.Move(fsys, "test", filepath.Join(dir, "a"), filepath.Join(dir, "b"))
	}, []string{"a=a", "b=a"}})
	// While it is on its way it may be there twice, and is never lost.
	f("a move to another folder", loss{[]string{"a", "d/"}, func(fsys durable.FS, dir string) error {
		return durable.Move(fsys, "test", filepath.Join(dir, "a"), filepath.Join(dir, "d", "a"))
	}, []string{"a=a d/", "a=a d/ d/a=a", "d/ d/a=a"}})
	f("a removal", loss{[]string{"f/a", "f/b"}, func(fsys durable.FS, dir string) error {
		from := filepath.Join(dir, "f")
		err := durable.Move(fsys, "test", from, from+durable.TempSuffix)
		if err == nil {
			err = fsys.RemoveAll("test", from+durable.TempSuffix)
		}
		return err
	}, []string{"f/ f/a=f/a f/b=f/b", ""}})
}
