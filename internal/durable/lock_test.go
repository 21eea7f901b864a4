package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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
