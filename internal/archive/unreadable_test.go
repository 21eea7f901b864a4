package archive_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tallystick/internal/archive"
	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
	"tallystick/internal/durable/durabletest"
	"tallystick/internal/transfer"
)

// TestUnreadable: what cannot be read is an error of the disk, and not a day that lacks
// something: nothing is archived anew over it, forgotten for it, or said to be repaired.
func TestUnreadable(t *testing.T) {
	m := little()
	dir := archived(t, m, archive.Default().Codec)
	whole := m.contents(day0-30, day0+2)
	day := filepath.Join(dir, day0.String())
	packets := filepath.Join(day, "packets.avro")
	f := func(what string, sick durabletest.Sick, want error) {
		t.Helper()
		target := &archive.Folder{Dir: dir, FS: sick}
		if err := readAll(t, target); !errors.Is(err, want) {
			t.Errorf("%s: reading said %v, want %v", what, err, want)
		}
		if err := eachDay(t, target, func(a *archive.Archive, d archive.Listing) error {
			return a.Verify(t.Context(), d, func(archive.Checked) {})
		}); !errors.Is(err, want) {
			t.Errorf("%s: Verify said %v, want %v", what, err, want)
		}
		if err := eachDay(t, target, func(a *archive.Archive, d archive.Listing) error {
			r := archive.Mender{Archive: a, FS: durable.OS{}, Temp: filepath.Join(dir, "tmp")}
			return r.Repair(t.Context(), d, func(r archive.Repaired) { t.Errorf("%s: repaired %+v", what, r) })
		}); !errors.Is(err, want) {
			t.Errorf("%s: Repair said %v, want %v", what, err, want)
		}
		complete(t, what, dir, whole) // once it can be read again
	}
	f("a file", durabletest.Sick{Closed: packets}, syscall.EACCES)
	f("half a file", durabletest.Sick{Torn: packets, Good: 200}, syscall.EIO)
	f("a manifest", durabletest.Sick{Closed: filepath.Join(day, "manifest.json")}, syscall.EACCES)
	f("half a manifest", durabletest.Sick{Torn: filepath.Join(day, "manifest.json"), Good: 20}, syscall.EIO)
	f("a day", durabletest.Sick{Closed: day}, syscall.EACCES)
	f("all days", durabletest.Sick{Closed: dir}, syscall.EACCES)
}

// eachDay calls do with the days until it fails.
func eachDay(t *testing.T, target archive.Target, do func(*archive.Archive, archive.Listing) error) error {
	t.Helper()
	a := archive.Open(target, func(string, error) {})
	days, err := a.Days(t.Context())
	for _, d := range days {
		err = errors.Join(err, do(a, d))
	}
	return err
}

// readAll returns the error of reading everything.
func readAll(t *testing.T, target archive.Target) error {
	t.Helper()
	return eachDay(t, target, func(a *archive.Archive, d archive.Listing) (errs error) {
		for _, err := range a.Series(t.Context(), d.Day, nil) {
			errs = errors.Join(errs, err)
		}
		for _, err := range a.Packets(t.Context(), d.Day) {
			errs = errors.Join(errs, err)
		}
		return errs
	})
}

// TestStepOnSickDisk: a step that cannot read its archive says so, forgets nothing and harms
// nothing; once it can, all is archived.
func TestStepOnSickDisk(t *testing.T) {
	m := little()
	for i := range 3 { // so that each day has some of each kind
		m.transfers[i].Opened, m.transfers[i].Closed = transfer.Interval{}, transfer.Interval{(day0 + 1).From(), (day0 + 1).From()}
		m.claims[i].Opened, m.packets[3+i].At = float64((day0 + 1).From()), time.Unix((day0+1).From(), int64(i))
	}
	first, second := day0.String(), (day0 + 1).String()
	origin := t.TempDir()
	step(t, worker(m, origin, durable.OS{}), after(day0+1)) // of two days the first
	f := func(what, closed, torn string) {
		t.Helper()
		dir := t.TempDir()
		fatal(t, os.CopyFS(dir, os.DirFS(origin)))
		sick := durabletest.Sick{}
		if closed != "" {
			sick.Closed = filepath.Join(dir, filepath.FromSlash(closed))
		}
		if torn != "" {
			sick.Torn = filepath.Join(dir, filepath.FromSlash(torn))
		}
		w := worker(m, dir, sick)
		if err := w.Step(t.Context(), after(day0+2)); err == nil {
			t.Errorf("%s: the step said nothing", what)
		}
		if got := w.Stats().Failures; got != 1 {
			t.Errorf("%s: got %d failures, want 1", what, got)
		}
		for _, kind := range archive.Kinds() {
			others := strings.HasPrefix(closed+torn, second) && kind != checkpoint.Packets
			if w.Archived(kind, (day0+2).From()) && !others {
				t.Errorf("%s: %s is said to be archived", what, kind)
			}
		}
		w.FS, w.Target = durable.OS{}, folder(dir)
		step(t, w, after(day0+2))
		complete(t, what, dir, m.contents(day0-30, day0+2))
		if aside, _ := filepath.Glob(filepath.Join(dir, "*", "*.damaged*")); len(aside) > 0 {
			t.Errorf("%s: %v were set aside, and nothing is damaged", what, aside)
		}
	}
	f("the archive", ".", "")
	f("the first day", first, "")
	f("its manifest", first+"/manifest.json", "")
	f("half its manifest", "", first+"/manifest.json")
	f("packets of the second day, read back", "", second+"/packets.avro")
	f("what is made", "", "tmp")
}

// TestPlacesTaken: what is in the way of a folder or a file holds back what has to go there,
// is told, and nothing is forgotten; without it all is archived.
func TestPlacesTaken(t *testing.T) {
	m := little()
	f := func(path string, isFolder bool) {
		t.Helper()
		dir := t.TempDir()
		taken := filepath.Join(dir, filepath.FromSlash(path))
		if isFolder {
			fatal(t, os.MkdirAll(filepath.Join(taken, "x"), 0o700))
		} else {
			fatal(t, errors.Join(os.MkdirAll(filepath.Dir(taken), 0o700), os.WriteFile(taken, nil, 0o600)))
		}
		w := worker(m, dir, durable.OS{})
		for range 2 {
			if err := w.Step(t.Context(), after(day0+2)); err == nil {
				t.Errorf("%s: the step said nothing", path)
			}
			if w.Archived(checkpoint.Packets, (day0 + 2).From()) {
				t.Errorf("%s: packets are said to be archived", path)
			}
		}
		fatal(t, os.RemoveAll(taken))
		step(t, w, after(day0+2))
		complete(t, path, dir, m.contents(day0-30, day0+2))
	}
	f("tmp", false)
	f(day0.String(), false)
	f(day0.String()+"/packets.avro", true)
	f(day0.String()+"/packets.avro.tmp", true)
	f(day0.String()+"/manifest.json", true)
	f("tmp/packets.avro.tmp", true)
}

// TestDamagedManifest: a worker that finds a manifest cut or changed makes it anew of the
// files; what is in them is not archived over.
func TestDamagedManifest(t *testing.T) {
	m := little()
	origin := archived(t, m, archive.Default().Codec)
	whole, err := os.ReadFile(filepath.Join(origin, day0.String(), "manifest.json"))
	fatal(t, err)
	for i, b := range damaged(whole, 12) {
		dir := t.TempDir()
		fatal(t, os.CopyFS(dir, os.DirFS(origin)))
		path := filepath.Join(dir, day0.String(), "manifest.json")
		fatal(t, os.WriteFile(path, b.text, 0o600))
		now := *m
		if i%2 == 0 { // the checkpoints have forgotten what they may
			now = model{packets: m.packets[len(m.packets)-1:]}
		}
		step(t, worker(&now, dir, durable.OS{}), after(day0+3))
		got, _ := read(t, folder(dir))
		same(t, fmt.Sprint(i, " ", b.how), got, m.contents(day0-30, day0+2))
		mend(t, dir)
		if left := wrong(t, folder(dir)); len(left) > 0 {
			t.Errorf("%s: after the repair: %v", b.how, left)
		}
	}
}

// TestLeftovers: what a process that died was writing is written over or removed; what is
// not ours stays.
func TestLeftovers(t *testing.T) {
	m := little()
	dir := t.TempDir()
	put := func(names ...string) {
		t.Helper()
		for _, name := range names {
			path := filepath.Join(dir, filepath.FromSlash(name))
			fatal(t, errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("half"), 0o600)))
		}
	}
	day := day0.String() + "/"
	put("tmp/packets.avro.tmp", "tmp/samples-gone.avro.tmp", "tmp/samples-gone.parquet.tmp", "tmp/notes.txt", "tmp/notes.tmp",
		day+"packets.avro.tmp", day+"manifest.json.tmp", day+"samples-gone.avro.tmp")
	w := worker(m, dir, durable.OS{})
	step(t, w, after(day0+2))
	complete(t, "with leftovers", dir, m.contents(day0-30, day0+2))
	f := func(pattern string, want ...string) {
		t.Helper()
		var got []string
		all, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
		fatal(t, err)
		for _, path := range all {
			got = append(got, filepath.Base(path))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", pattern, got, want)
		}
	}
	f("tmp/*", "notes.tmp", "notes.txt")
	f(day+"*.tmp", "samples-gone.avro.tmp")
	rules := archive.Config{Keep: 24 * time.Hour}
	_, err := archive.Open(w.Target, nil).Prune(t.Context(), rules, after(day0+2))
	fatal(t, err)
	f(day0.String()) // also what nobody would ever write over
}
