package wal_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tallystick/internal/durable"
	"tallystick/internal/durable/durabletest"
	"tallystick/internal/wal"
)

// undone returns each payload in the log with what was undone of it.
func undone(tb testing.TB, dir string) (out []string, damaged []wal.Damage) {
	tb.Helper()
	for r, err := range wal.Read(durable.OS{}, dir, 0, 0, func(d wal.Damage) { damaged = append(damaged, d) }) {
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%s-%s", r.Payload, r.Undone))
	}
	return out, damaged
}

// commitUndone commits records of which every other one is undone in part.
func commitUndone(t *testing.T, l *wal.Log, n int) (want []string) {
	t.Helper()
	for i := range n {
		e := &entry{payload: fmt.Appendf(nil, "record %d", i)}
		if i%2 == 0 {
			e.undone = fmt.Appendf(nil, "part %d", i)
		}
		if err := l.Commit(e); err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf("%s-%s", e.payload, e.undone))
	}
	return want
}

// What Apply could not apply comes back with its record, in each segment, and also if the
// log is damaged or torn elsewhere.
func TestUndone(t *testing.T) {
	dir := t.TempDir()
	cfg := config(dir, wal.Always)
	cfg.SegmentBytes = 300
	want := commitUndone(t, wal.New(cfg, durable.OS{}, time.Now, quiet()), 20)
	got, damaged := undone(t, dir)
	if !slices.Equal(got, want) || len(damaged) > 0 {
		t.Errorf("got %q, %v, want %q", got, damaged, want)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		b := bytes.Clone(whole)
		b[at] ^= 0x55
		if err := os.WriteFile(files[0], b, 0o600); err != nil {
			t.Fatal(err)
		}
		got, _ := undone(t, dir)
		mixed := slices.DeleteFunc(slices.Clone(got), func(s string) bool { return slices.Contains(want, s) })
		if len(got) < len(want)-1 || len(mixed) > 1 { // a record is lost, or what was undone of one
			t.Errorf("byte %d flipped: got %q, want at most one changed of %q", at, got, want)
		}
	}
}

// A log that cannot be written any more when something is to be undone says so, and is good.
func TestUndoneFails(t *testing.T) {
	dir := t.TempDir()
	fsys := &durabletest.FS{Faults: []durabletest.Fault{{At: 6}}}
	l := wal.New(config(dir, wal.Never), fsys, time.Now, quiet())
	if err := l.Commit(&entry{payload: []byte("a"), undone: []byte("b")}); err != nil {
		t.Error(err)
	}
	if got, damaged := undone(t, dir); !slices.Equal(got, []string{"a-"}) || len(damaged) > 0 {
		t.Errorf("got %q, %v, want the record alone", got, damaged)
	}
	if got := l.Stats().Failures; got != 1 {
		t.Errorf("got %d failures, want one", got)
	}
}
