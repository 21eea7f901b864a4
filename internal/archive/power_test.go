package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallystick/internal/archive"
	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
	"tallystick/internal/durable/durabletest"
)

// cutPower calls do in copies of a folder, with a file system that fails at each operation
// in turn, before it or after it, and then the power does, so many times; check looks at what is left.
// err is what do said.
func cutPower(t *testing.T, seeds uint64, origin string, do func(dir string, fsys durable.FS) error, check func(what, dir string, err error)) {
	t.Helper()
	for at, more := 1, true; more; at++ {
		for seed := range seeds {
			dir := durabletest.Dir(t)
			fatal(t, os.CopyFS(dir, os.DirFS(origin)))
			fsys := &durabletest.FS{Faults: []durabletest.Fault{{At: at, Crash: true, Applied: (seed+uint64(at))%2 == 0}}}
			fatal(t, fsys.Watch(dir))
			err := do(dir, fsys)
			more = len(fsys.Ops()) >= at
			fatal(t, fsys.PowerLoss(rand.New(rand.NewPCG(seed, uint64(at)))))
			check(fmt.Sprintf("power lost at operation %d, seed %d, after %v", at, seed, err), dir, err)
			fatal(t, os.RemoveAll(dir)) // there are hundreds
			if t.Failed() {
				return
			}
		}
	}
}

// manifestsWhole checks that no day has a manifest of no use.
func manifestsWhole(t *testing.T, what, dir string) {
	t.Helper()
	err := eachDay(t, folder(dir), func(a *archive.Archive, d archive.Listing) error {
		_, err := a.Manifest(t.Context(), d.Day)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// TestPowerLoss cuts the power at each operation of two steps: what a manifest names is
// there, whole; what was said to be archived is; and the next process makes it complete.
func TestPowerLoss(t *testing.T) {
	m := little()
	whole, until := m.contents(day0-30, day0+2), m.until(day0-1, day0+2)
	var w *archive.Worker
	var manifests []string // once the first step has said that all is well
	archived := 0
	seeds := uint64(1)
	if os.Getenv("TALLYTEST_ALL") != "" {
		seeds = 20
	}
	cutPower(t, seeds, t.TempDir(), func(dir string, fsys durable.FS) error {
		w = worker(m, dir, fsys)
		w.Late = func(kind archive.Kind) time.Duration { // packets of a day before the rest of it
			if kind == checkpoint.Packets {
				return 0
			}
			return time.Hour
		}
		manifests = nil
		if err := w.Step(t.Context(), time.Unix((day0+2).From(), 0)); err != nil {
			return err
		}
		manifests = []string{day0.String(), (day0 + 1).String()}
		return w.Step(t.Context(), after(day0+2))
	}, func(what, dir string, err error) {
		manifestsWhole(t, what, dir)
		for _, day := range manifests {
			if !exists(filepath.Join(dir, day, "manifest.json")) {
				t.Errorf("%s: %s has no manifest any more", what, day)
			}
		}
		archived += archivedIsThere(t, what, w, dir, until)
		if err == nil {
			complete(t, what, dir, whole)
		}
		step(t, worker(m, dir, durable.OS{}), after(day0+2))
		complete(t, what, dir, whole)
	})
	if archived == 0 {
		t.Error("nothing was archived")
	}
}

// A forgetful target has the checkpoints forget what they may before anything is put there.
type forgetful struct {
	archive.Target

	forget func()
}

func (f *forgetful) Put(ctx context.Context, name string, body io.Reader, size int64) error {
	f.forget()
	return f.Target.Put(ctx, name, body, size)
}

// TestPowerLossOfForgotten: what the checkpoints forget because it is archived, is there
// after any loss of power: each day goes from the model as soon as it is said to be, also
// while others are being archived.
func TestPowerLossOfForgotten(t *testing.T) {
	all := random(rand.New(rand.NewPCG(9, 0)), 3)
	all.blocks, all.transfers, all.claims = nil, nil, nil
	want := all.contents(day0-30, day0+3)
	left := 0
	cutPower(t, 4, t.TempDir(), func(dir string, fsys durable.FS) (err error) {
		m := *all
		w := worker(&m, dir, fsys)
		forget := func() {
			for len(m.packets) > 0 && w.Archived(checkpoint.Packets, archive.DayOf(m.packets[0].At.Unix()).To()) {
				m.packets = m.packets[1:]
			}
		}
		w.Target = &forgetful{w.Target, forget}
		for _, day := range []archive.Day{day0 + 1, day0 + 3} {
			if err == nil {
				err = w.Step(t.Context(), after(day))
			}
			forget()
		}
		left = len(m.packets)
		return err
	}, func(what, dir string, _ error) {
		m := *all
		m.packets = m.packets[len(m.packets)-left:]
		step(t, worker(&m, dir, durable.OS{}), after(day0+3))
		complete(t, what, dir, want)
	})
}

// TestPowerLossOfPrune cuts the power at each operation of a day's removal: what is left of
// it has its manifest, so that one can see what is missing, and the next prune goes on.
func TestPowerLossOfPrune(t *testing.T) {
	m := little()
	origin := archived(t, m, archive.Default().Codec)
	rules, now := archive.Config{Keep: 24 * time.Hour}, time.Unix((day0+2).From(), 0)
	prune := func(dir string, fsys durable.FS) error {
		_, err := archive.Open(&archive.Folder{Dir: dir, FS: fsys}, nil).Prune(t.Context(), rules, now)
		return err
	}
	half := 0
	cutPower(t, 32, origin, prune, func(what, dir string, _ error) {
		if left, err := os.ReadDir(filepath.Join(dir, day0.String())); err == nil && len(left) > 0 {
			if !exists(filepath.Join(dir, day0.String(), "manifest.json")) {
				t.Errorf("%s: %v is left, without its manifest", what, left)
			}
			if len(wrong(t, folder(dir))) > 0 {
				half++
			}
		}
		fatal(t, prune(dir, durable.OS{}))
		complete(t, what, dir, m.contents(day0+1, day0+2))
	})
	if half == 0 {
		t.Error("a day was never half removed")
	}
}

// TestPowerLossOfRepair cuts the power at each operation of a repair: the damaged files are
// there as they are, under their name or kept beside; and the next repair makes it right,
// with all that could be read.
func TestPowerLossOfRepair(t *testing.T) {
	m := little()
	origin := t.TempDir()
	w := worker(m, origin, durable.OS{})
	w.Config.Parquet = true
	step(t, w, after(day0+2))
	bad := make(map[string][]byte) // by path below origin
	for _, path := range files(t, origin) {
		b, err := os.ReadFile(path)
		fatal(t, err)
		name := strings.TrimPrefix(path, origin+"/")
		switch base := filepath.Base(path); {
		case base == "packets.avro", filepath.Ext(base) == ".parquet":
			bad[name] = b[:len(b)-20]
		case base == "manifest.json" && strings.HasPrefix(name, day0.String()):
			bad[name] = b[:len(b)/2]
		default:
			continue
		}
		fatal(t, os.WriteFile(path, bad[name], 0o600))
	}
	want, _ := read(t, folder(origin))
	cutPower(t, 4, origin, func(dir string, fsys durable.FS) error {
		return eachDay(t, &archive.Folder{Dir: dir, FS: fsys}, func(a *archive.Archive, d archive.Listing) error {
			r := archive.Mender{Archive: a, FS: fsys, Temp: filepath.Join(dir, "tmp")}
			return r.Repair(t.Context(), d, func(archive.Repaired) {})
		})
	}, func(what, dir string, err error) {
		for name, damaged := range bad {
			if !kept(t, filepath.Join(dir, name), damaged) {
				t.Errorf("%s: %s as it was is lost", what, name)
			}
		}
		if left := wrong(t, folder(dir)); err == nil && len(left) > 0 {
			t.Errorf("%s: repaired, and %v", what, left)
		}
		mend(t, dir)
		complete(t, what, dir, want)
	})
}

// kept reports whether a damaged file is there, under its name or one that begins so.
func kept(t *testing.T, path string, damaged []byte) bool {
	t.Helper()
	all, err := filepath.Glob(path + "*")
	fatal(t, err)
	for _, path := range all {
		if b, err := os.ReadFile(path); err == nil && bytes.Equal(b, damaged) {
			return true
		}
	}
	return false
}
