package archive_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tallystick/internal/archive"
	"tallystick/internal/durable"
	"tallystick/internal/durable/durabletest"
)

// little is a model with a few things of two days, all of which have the same size in
// every run.
func little() *model {
	m := random(rand.New(rand.NewPCG(3, 0)), 2)
	m.blocks, m.transfers, m.claims, m.packets = m.blocks[:6], m.transfers[:6], m.claims[:6], m.packets[:6]
	for _, b := range m.blocks {
		for i := range b.Values[:500] {
			b.Values[i] = math.NaN()
		}
	}
	return m
}

// wrong returns what Verify says of an archive.
func wrong(tb testing.TB, target archive.Target) (out []string) {
	tb.Helper()
	a := archive.Open(target, nil)
	days, err := a.Days(tb.Context())
	fatal(tb, err)
	for _, d := range days {
		fatal(tb, a.Verify(tb.Context(), d, func(c archive.Checked) {
			for _, p := range c.Problems {
				out = append(out, fmt.Sprintf("%s: %v", c.Name, p))
			}
		}))
	}
	return out
}

// until returns, of each of the days [from, to), what there is up to its end.
func (m *model) until(from, to archive.Day) map[archive.Day]map[string]string {
	out := make(map[archive.Day]map[string]string)
	for day := from; day < to; day++ {
		out[day] = m.contents(day0-30, day+1)
	}
	return out
}

// archivedIsThere checks that what w says is archived is in the archive, that what a
// manifest names is there, whole, and returns how many days of a kind are archived.
func archivedIsThere(t *testing.T, what string, w *archive.Worker, dir string, until map[archive.Day]map[string]string) (some int) {
	t.Helper()
	for _, problem := range wrong(t, folder(dir)) {
		// What no manifest tells of does not count.
		if !strings.Contains(problem, "does not tell of it") && !strings.Contains(problem, "manifest.json: ") {
			t.Errorf("%s: %s", what, problem)
		}
	}
	got, _ := read(t, folder(dir))
	for day, all := range until {
		for _, kind := range archive.Kinds() {
			if !w.Archived(kind, day.To()) {
				continue
			}
			some++
			for key, want := range all {
				if strings.Contains(key, " "+strings.TrimSuffix(string(kind), "s")+" ") && got[key] != want {
					t.Fatalf("%s: %s is archived, and %s is not there", what, kind, key)
				}
			}
		}
	}
	return some
}

// complete checks that an archive has what is wanted, and nothing wrong.
func complete(t *testing.T, what, dir string, want map[string]string) {
	t.Helper()
	got, damage := read(t, folder(dir))
	same(t, what, got, want)
	if more := append(wrong(t, folder(dir)), damage...); len(more) > 0 {
		t.Errorf("%s: %v", what, more)
	}
}

// Whatever operation fails, in whatever way: what a manifest names is there, whole; what
// Archived says is in the archive; and the next step, of this process or another, makes
// it complete.
func TestStepWithFaults(t *testing.T) {
	m := little()
	now := after(day0 + 2)
	dry := &durabletest.FS{}
	step(t, worker(m, t.TempDir(), dry), now)
	ops := dry.Ops()
	if len(ops) < 60 {
		t.Fatalf("got %d operations, want some for every file", len(ops))
	}
	whole, until := m.contents(day0-30, day0+2), m.until(day0-1, day0+2)
	failed := 0
	for n, op := range ops {
		for k, fault := range []durabletest.Fault{
			{}, {Applied: true}, {Crash: true}, {Applied: true, Crash: true}, {Short: true, Crash: true}, {Err: syscall.ENOSPC},
		} {
			if (n+k)%6 != 0 && os.Getenv("TALLYTEST_ALL") == "" {
				continue // each operation gets one of them, each kind of operation all
			}
			fault.At = n + 1
			name := fmt.Sprintf("%d %s %s %+v", n, op.Kind, op.Label, fault)
			dir := durabletest.Dir(t)
			fsys := &durabletest.FS{Faults: []durabletest.Fault{fault}}
			w := worker(m, dir, fsys)
			err := w.Step(t.Context(), now)
			if err != nil {
				failed++
			}
			if got := w.Stats().Failures; (err != nil) != (got == 1) {
				t.Errorf("%s: got error %v and %d failures", name, err, got)
			}
			archivedIsThere(t, name, w, dir, until)
			if fault.Crash {
				w = worker(m, dir, durable.OS{})
			}
			step(t, w, now)
			complete(t, name, dir, whole)
			left, err := filepath.Glob(filepath.Join(dir, "tmp", "*"))
			if fatal(t, err); len(left) > 0 {
				t.Errorf("%s: left behind: %v", name, left)
			}
		}
	}
	if failed < len(ops)/3 {
		t.Errorf("got %d failures of %d operations, want most to fail", failed, len(ops))
	}
}

// A file whose manifest was lost is not written over with less.
func TestLostManifest(t *testing.T) {
	m := little()
	dir := t.TempDir()
	step(t, worker(m, dir, durable.OS{}), after(day0+2))
	fatal(t, os.Remove(filepath.Join(dir, day0.String(), "manifest.json")))
	m.packets = m.packets[len(m.packets)-1:] // the checkpoints have forgotten the rest
	m.packets[0].At = time.Unix(day0.From(), 0)
	step(t, worker(m, dir, durable.OS{}), after(day0+2))
	kept := filepath.Join(dir, day0.String(), "packets.avro.damaged")
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("got %v, want the larger file kept", err)
	}
	if got := wrong(t, folder(dir)); len(got) > 0 {
		t.Errorf("got %v, want nothing wrong", got)
	}
}

// Days go by age and by size, the oldest first; the newest never, and none comes back.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	m := random(rand.New(rand.NewPCG(5, 0)), 5)
	m.blocks = nil
	w := worker(m, dir, durable.OS{})
	step(t, w, after(day0+5))
	days, err := archive.Open(w.Target, nil).Days(t.Context())
	fatal(t, err)
	f := func(what string, c archive.Config, now time.Time, want int) {
		t.Helper()
		if got := len(c.Prunable(days, now)); got != want {
			t.Errorf("%s: got %d days to remove, want %d", what, got, want)
		}
	}
	var total int64
	for _, d := range days {
		total += d.Bytes()
	}
	now := time.Unix((day0 + 5).From(), 0)
	f("no rule", archive.Config{}, now, 0)
	f("age", archive.Config{Keep: 48 * time.Hour}, now, 3)
	f("age of all", archive.Config{Keep: 48 * time.Hour}, now.Add(1e6*time.Hour), 4)
	f("size as it is", archive.Config{MaxBytes: total}, now, 0)
	f("size", archive.Config{MaxBytes: total - 1}, now, 1)
	f("size of nothing", archive.Config{MaxBytes: 1}, now, 4)

	w.Config.Keep = 72 * time.Hour
	step(t, w, now)
	got, _ := read(t, w.Target)
	same(t, "pruned", got, m.contents(day0+2, day0+5))
	if gone := filepath.Join(dir, day0.String()); exists(gone) {
		t.Errorf("%s is there, want its folder gone", gone)
	}
	step(t, again(w), now)
	got, _ = read(t, w.Target)
	same(t, "pruned, and a new process", got, m.contents(day0+2, day0+5))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// A day that is half removed is removed by the next prune.
func TestPruneWithFaults(t *testing.T) {
	m := little()
	for at := 1; at < 50; at++ {
		dir := t.TempDir()
		w := worker(m, dir, durable.OS{})
		step(t, w, after(day0+2))
		fsys := &durabletest.FS{Faults: []durabletest.Fault{{At: at, Crash: true}}}
		rules := archive.Config{Keep: 24 * time.Hour}
		now := time.Unix((day0 + 2).From(), 0)
		_, err := archive.Open(&archive.Folder{Dir: dir, FS: fsys}, nil).Prune(t.Context(), rules, now)
		if err == nil {
			break // so many operations there are
		}
		_, err = archive.Open(w.Target, nil).Prune(t.Context(), rules, now)
		fatal(t, err)
		got, damage := read(t, w.Target)
		same(t, fmt.Sprint("operation ", at), got, m.contents(day0+1, day0+2))
		if more := append(wrong(t, w.Target), damage...); len(more) > 0 {
			t.Errorf("operation %d: %v", at, more)
		}
	}
}
