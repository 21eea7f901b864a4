package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"tallystick/internal/durable"
)

func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	f, err := durable.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := durable.Lock(dir); !errors.Is(err, durable.ErrLocked) {
		t.Errorf("a second lock: got %v, want %v", err, durable.ErrLocked)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if f, err = durable.Lock(dir); err != nil {
		t.Errorf("after the first has ended: got %v, want the lock", err)
	}
	f.Close()
}

// Some file systems answer "no such file" to a mkdir in a folder that is there.
func TestMkdirAllEnds(t *testing.T) {
	if _, err := os.Stat("/proc/self"); err != nil {
		t.Skip("there is no /proc here, whose folders cannot be made")
	}
	if err := (durable.OS{}).MkdirAll("test", "/proc/tallystick/x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
}

// TestLockPlaces: whatever is in the file, also of a process that died, it can be locked; what
// is in its way is told, and is not another process.
func TestLockPlaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, durable.LockName)
	for _, text := range []string{"", "12345\n", "\x00\xff"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := durable.Lock(dir)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if b, err := os.ReadFile(path); string(b) != text || err != nil {
			t.Errorf("got %q, %v, want it as it was: %q", b, err, text)
		}
		f.Close()
	}
	f := func(dir string, want error) {
		t.Helper()
		if _, err := durable.Lock(dir); !errors.Is(err, want) || errors.Is(err, durable.ErrLocked) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	f(path, syscall.ENOTDIR) // a file where the folder should be
	folder := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(folder, durable.LockName), 0o700); err != nil {
		t.Fatal(err)
	}
	f(folder, syscall.EISDIR)
}
