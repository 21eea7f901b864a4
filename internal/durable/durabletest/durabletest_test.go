package durabletest_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"tallystick/internal/durable/durabletest"
)

func TestCrashStopsEverythingAfterIt(t *testing.T) {
	dir := t.TempDir()
	fsys := &durabletest.FS{Faults: []durabletest.Fault{{Kind: durabletest.MkdirAll, Applied: true, Crash: true}}}
	f := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, durabletest.ErrInjected) {
			t.Errorf("%s: got %v, want the injected error", what, err)
		}
	}
	f("the fault", fsys.MkdirAll("a", filepath.Join(dir, "a")))
	_, err := fsys.Create("b", filepath.Join(dir, "b"))
	f("create", err)
	f("make folder", fsys.MkdirAll("c", filepath.Join(dir, "c")))
	f("remove all", fsys.RemoveAll("d", filepath.Join(dir, "a")))
	f("remove", fsys.Remove("e", filepath.Join(dir, "a")))

	entries, err := fsys.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "a" {
		t.Errorf("got %v, %v, want the folder of the applied fault only", entries, err)
	}
	if got, want := len(fsys.Ops()), 5; got != want {
		t.Errorf("got %d operations recorded, want %d", got, want)
	}
}

func TestShortWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	fsys := &durabletest.FS{Faults: []durabletest.Fault{{Kind: durabletest.Write, Short: true}}}
	w, err := fsys.Create("a", path)
	if err != nil {
		t.Fatal(err)
	}
	n, err := w.Write([]byte("0123456789"))
	if n != 5 || !errors.Is(err, durabletest.ErrInjected) {
		t.Errorf("got %d, %v, want 5 and the injected error", n, err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(path); string(b) != "01234" || err != nil {
		t.Errorf("got %q, %v, want half of it", b, err)
	}
}

func TestFaultsAgreeInAllFields(t *testing.T) {
	f := func(fault durabletest.Fault, hit bool) {
		t.Helper()
		fsys := &durabletest.FS{Faults: []durabletest.Fault{fault}}
		dir := t.TempDir()
		if err := fsys.MkdirAll("first", filepath.Join(dir, "a")); err != nil {
			t.Fatal(err)
		}
		if err := fsys.SyncDir("second", dir); (err != nil) != hit {
			t.Errorf("%+v: got %v, want an error: %v", fault, err, hit)
		}
	}
	f(durabletest.Fault{}, false) // says nothing, hits nothing
	f(durabletest.Fault{At: 2}, true)
	f(durabletest.Fault{At: 3}, false)
	f(durabletest.Fault{Label: "second"}, true)
	f(durabletest.Fault{Label: "third"}, false)
	f(durabletest.Fault{Kind: durabletest.SyncDir, Label: "second", At: 2}, true)
	f(durabletest.Fault{Kind: durabletest.Rename, Label: "second", At: 2}, false)
}
