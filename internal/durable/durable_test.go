package durable_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/durable"
	"tallystick/internal/durable/durabletest"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func mustWrite(t *testing.T, fsys durable.FS, path, contents string) {
	t.Helper()
	if err := durable.WriteFile(fsys, "setup", path, text(contents)); err != nil {
		t.Fatal(err)
	}
}

func contents(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := durable.OS{}.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// steps returns the operations as "kind name".
func steps(fsys *durabletest.FS) []string {
	var out []string
	for _, op := range fsys.Ops() {
		s := op.Kind + " " + filepath.Base(op.Path)
		if op.To != "" {
			s += " " + filepath.Base(op.To)
		}
		out = append(out, s)
	}
	return out
}

// TestWriteFileOrder holds what makes a file durable: contents before name.
func TestWriteFileOrder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	fsys := &durabletest.FS{}
	if err := fsys.MkdirAll("test", dir); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, fsys, filepath.Join(dir, "a"), "new")
	want := []string{
		"mkdirall d",
		"create a.tmp", "write a.tmp", "sync a.tmp", "close a.tmp",
		"rename a.tmp a", "syncdir d",
	}
	if diff := cmp.Diff(want, steps(fsys)); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}

func TestCommitOrder(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	fsys := &durabletest.FS{}
	temp, final := filepath.Join(root, "c.tmp"), filepath.Join(root, "c")
	err := errors.Join(
		fsys.MkdirAll("test", temp),
		durable.Write(fsys, "test", filepath.Join(temp, "a"), text("1")),
		durable.Write(fsys, "test", filepath.Join(temp, "b"), text("2")),
		durable.Commit(fsys, "test", temp, final),
	)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"mkdirall c.tmp",
		"create a", "write a", "sync a", "close a",
		"create b", "write b", "sync b", "close b",
		"syncdir c.tmp", "rename c.tmp c", "syncdir root",
	}
	if diff := cmp.Diff(want, steps(fsys)); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a", "b"}, names(t, final)); diff != "" {
		t.Error(diff)
	}
}

// TestWriteFileFaults lets every operation fail, in every way, and looks at what
// is left: the old file or the new one, whole, and no temporary file unless the
// process died.
func TestWriteFileFaults(t *testing.T) {
	const before, after = "the old one", "the new one"
	operations := 6 // see TestWriteFileOrder, without the folder
	for at := 1; at <= operations; at++ {
		for _, applied := range []bool{false, true} {
			for _, crash := range []bool{false, true} {
				name := fmt.Sprintf("operation=%d,applied=%v,crash=%v", at, applied, crash)
				t.Run(name, func(t *testing.T) {
					dir := t.TempDir()
					path := filepath.Join(dir, "a")
					mustWrite(t, durable.OS{}, path, before)

					fsys := &durabletest.FS{Faults: []durabletest.Fault{{At: at, Applied: applied, Crash: crash}}}
					err := durable.WriteFile(fsys, "test", path, text(after))
					if !errors.Is(err, durabletest.ErrInjected) {
						t.Fatalf("got error %v, want the injected one", err)
					}
					if !strings.Contains(err.Error(), "test") {
						t.Errorf("error %q does not name the label", err)
					}
					want := before
					if at == 6 || at == 5 && applied {
						want = after
					}
					if got := contents(t, path); got != want {
						t.Errorf("file is %q, want %q", got, want)
					}
					left := len(names(t, dir)) > 1
					mayBeLeft := crash || at == 1 && applied
					if left && !mayBeLeft {
						t.Errorf("left behind: %v", names(t, dir))
					}
					// Whatever was left does not disturb the next one.
					mustWrite(t, durable.OS{}, path, "next")
					if diff := cmp.Diff([]string{"a"}, names(t, dir)); diff != "" {
						t.Error(diff)
					}
				})
			}
		}
	}
}

func TestWriteFileShortWriteAndFullDisk(t *testing.T) {
	f := func(fault durabletest.Fault, want error) {
		t.Helper()
		dir := t.TempDir()
		fsys := &durabletest.FS{Faults: []durabletest.Fault{fault}}
		err := durable.WriteFile(fsys, "test", filepath.Join(dir, "a"), text("0123456789"))
		if !errors.Is(err, want) {
			t.Errorf("%+v: got error %v, want %v", fault, err, want)
		}
		if got := names(t, dir); len(got) != 0 {
			t.Errorf("%+v: left behind: %v", fault, got)
		}
	}
	f(durabletest.Fault{Kind: durabletest.Write, Short: true, Err: syscall.ENOSPC}, syscall.ENOSPC)
	f(durabletest.Fault{Kind: durabletest.Write, Err: syscall.ENOSPC}, syscall.ENOSPC)
	f(durabletest.Fault{Kind: durabletest.Close, Err: syscall.EIO}, syscall.EIO)
	f(durabletest.Fault{Kind: durabletest.Sync, Label: "test", Err: syscall.EIO}, syscall.EIO)
}

func TestWriteFileFillFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	mustWrite(t, durable.OS{}, path, "old")
	broken := errors.New("broken")
	err := durable.WriteFile(durable.OS{}, "test", path, func(w io.Writer) error {
		return errors.Join(text("half of")(w), broken)
	})
	if !errors.Is(err, broken) {
		t.Errorf("got error %v, want %v", err, broken)
	}
	if got := contents(t, path); got != "old" {
		t.Errorf("file is %q, want the old one", got)
	}
	if diff := cmp.Diff([]string{"a"}, names(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// TestWriteFileIgnoredError holds that a fill that does not look at the errors
// of its writes cannot make half a file appear.
func TestWriteFileIgnoredError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	fsys := &durabletest.FS{Faults: []durabletest.Fault{{At: 2, Short: true, Err: syscall.ENOSPC}}}
	err := durable.WriteFile(fsys, "test", path, func(w io.Writer) error {
		for range 100 {
			w.Write(make([]byte, 10_000))
		}
		return nil
	})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got error %v, want %v", err, syscall.ENOSPC)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want no file", err)
	}
}

// TestCommitFaults holds that a folder is there whole under exactly one of its
// two names, whatever fails.
func TestCommitFaults(t *testing.T) {
	for at := 1; at <= 3; at++ {
		for _, applied := range []bool{false, true} {
			root := t.TempDir()
			temp, final := filepath.Join(root, "c.tmp"), filepath.Join(root, "c")
			if err := (durable.OS{}).MkdirAll("setup", temp); err != nil {
				t.Fatal(err)
			}
			mustWrite(t, durable.OS{}, filepath.Join(temp, "a"), "1")

			fsys := &durabletest.FS{Faults: []durabletest.Fault{{At: at, Applied: applied, Crash: true}}}
			if err := durable.Commit(fsys, "test", temp, final); !errors.Is(err, durabletest.ErrInjected) {
				t.Fatalf("operation %d: got error %v, want the injected one", at, err)
			}
			want := "c.tmp"
			if at == 3 || at == 2 && applied {
				want = "c"
			}
			if diff := cmp.Diff([]string{want}, names(t, root)); diff != "" {
				t.Errorf("operation %d, applied %v (-want +got):\n%s", at, applied, diff)
			}
			if diff := cmp.Diff([]string{"a"}, names(t, filepath.Join(root, want))); diff != "" {
				t.Error(diff)
			}
		}
	}
}

func TestMoveSyncsBothFolders(t *testing.T) {
	root := t.TempDir()
	fsys := &durabletest.FS{}
	from, to := filepath.Join(root, "bad"), filepath.Join(root, "quarantine", "bad")
	if err := fsys.MkdirAll("setup", filepath.Dir(to)); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, durable.OS{}, from, "x")
	if err := durable.Move(fsys, "test", from, to); err != nil {
		t.Fatal(err)
	}
	want := []string{"mkdirall quarantine", "rename bad bad", "syncdir quarantine", "syncdir " + filepath.Base(root)}
	if diff := cmp.Diff(want, steps(fsys)); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}

func TestOSErrors(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "no", "such")
	var o durable.OS

	f := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", what, err, want)
		}
	}
	file, err := o.Open(missing)
	f("open", err, fs.ErrNotExist)
	if file != nil {
		t.Errorf("open: got a file besides the error")
	}
	_, err = o.ReadDir(missing)
	f("read folder", err, fs.ErrNotExist)
	_, err = o.Create("test", missing)
	f("create", err, fs.ErrNotExist)
	_, _, err = o.Append("test", missing)
	f("append", err, fs.ErrNotExist)
	f("rename", o.Rename("test", missing, dir), fs.ErrNotExist)
	f("remove", o.Remove("test", missing), fs.ErrNotExist)
	f("sync folder", o.SyncDir("test", missing), fs.ErrNotExist)
	f("remove all", o.RemoveAll("test", missing), nil)

	plain := filepath.Join(dir, "plain")
	mustWrite(t, o, plain, "x")
	f("make folder in a file", o.MkdirAll("test", filepath.Join(plain, "sub")), syscall.ENOTDIR)
	f("make folder over a file", o.MkdirAll("test", plain), syscall.ENOTDIR)
	f("make folder again", o.MkdirAll("test", dir), nil)
}

func TestOSMkdirAllMode(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b", "c")
	if err := (durable.OS{}).MkdirAll("test", dir); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, durable.OS{}, filepath.Join(dir, "f"), "x")
	for path, want := range map[string]fs.FileMode{
		filepath.Dir(dir):       0o750,
		dir:                     0o750,
		filepath.Join(dir, "f"): 0o640,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got&^want != 0 {
			t.Errorf("%s: got mode %v, want at most %v", filepath.Base(path), got, want)
		}
	}
}
