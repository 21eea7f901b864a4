package wal_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"tallystick/internal/durable"
	"tallystick/internal/durable/durabletest"
	"tallystick/internal/wal"
)

// TestUnreadable: a segment that cannot be read costs what of it cannot be, which is told
// with its reason; a folder that cannot be listed is an error, not an empty log.
func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	for _, p := range []string{"a", "b", "c"} {
		l := open(dir, durable.OS{})
		commit(t, l, p, p+p)
	}
	all, err := filepath.Glob(filepath.Join(dir, "00000002-*"))
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	second := all[0]
	f := func(what string, fsys durabletest.Sick, reason error, want ...string) {
		t.Helper()
		var got []string
		var told []wal.Damage
		for r, err := range wal.Read(fsys, dir, 0, 0, func(d wal.Damage) { told = append(told, d) }) {
			if err != nil {
				t.Errorf("%s: %v", what, err)
				continue
			}
			got = append(got, string(r.Payload))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
		if len(told) != 1 || told[0].Segment != 2 || told[0].Tail || told[0].Closed != (fsys.Closed != "") || !errors.Is(told[0].Err, reason) {
			t.Errorf("%s: told %+v, want one damage of segment 2 that is no torn tail, and whether it is closed: %v", what, told, reason)
		}
	}
	f("not to be opened", durabletest.Sick{Closed: second}, syscall.EACCES, "a", "aa", "c", "cc")
	f("nothing to be read", durabletest.Sick{Torn: second}, syscall.EIO, "a", "aa", "c", "cc")
	f("torn behind a record", durabletest.Sick{Torn: second, Good: 40 + 24 + 1}, syscall.EIO, "a", "aa", "b", "c", "cc")
	f("torn within a record", durabletest.Sick{Torn: second, Good: 40 + 24 + 1 + 24}, syscall.EIO, "a", "aa", "b", "c", "cc")

	closed := durabletest.Sick{Closed: dir}
	var errs []error
	for _, err := range wal.Read(closed, dir, 0, 0, nil) {
		errs = append(errs, err)
	}
	if len(errs) != 1 || !errors.Is(errs[0], syscall.EACCES) {
		t.Errorf("got %v from a folder that cannot be listed, want its error", errs)
	}
	l := wal.New(config(dir, wal.Never), closed, time.Now, quiet())
	if err := l.Commit(&entry{payload: []byte("d")}); !errors.Is(err, wal.ErrUnavailable) {
		t.Errorf("got %v, want %v: what numbers there are is not known", err, wal.ErrUnavailable)
	}
	if err := l.Forget(9); !errors.Is(err, syscall.EACCES) {
		t.Errorf("got %v from forgetting, want that it cannot be listed", err)
	}
	check(t, "after all that", dir, "a", "aa", "b", "bb", "c", "cc")
}

// TestFileInPlaceOfFolder: nothing is accepted until the folder can be made, and then all is.
func TestFileInPlaceOfFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	write(t, dir, []byte("a file"))
	l := open(dir, durable.OS{})
	for range 2 {
		if err := l.Commit(&entry{payload: []byte("a")}); !errors.Is(err, wal.ErrUnavailable) || !errors.Is(err, syscall.ENOTDIR) {
			t.Errorf("got %v, want that the log cannot be written, since that is no folder", err)
		}
	}
	for _, err := range wal.Read(durable.OS{}, dir, 0, 0, nil) {
		if !errors.Is(err, syscall.ENOTDIR) {
			t.Errorf("got %v from reading, want %v", err, syscall.ENOTDIR)
		}
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	commit(t, l, "b")
	check(t, "once there is a folder", dir, "b")
}
