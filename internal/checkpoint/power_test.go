package checkpoint_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/durable"
	"tallystick/internal/durable/durabletest"
)

// halves returns what is wrong with the checkpoints in a folder: each that has the name of
// one must be whole.
func halves(t *testing.T, dir string) (wrong []string) {
	t.Helper()
	for _, name := range names(t, dir) {
		if !regexp.MustCompile(`^\d{8}-\d+$`).MatchString(name) {
			continue
		}
		var meta struct {
			Files []struct {
				Name  string
				Bytes int64
			}
		}
		b, err := os.ReadFile(filepath.Join(dir, name, "meta.json"))
		if err == nil {
			err = json.Unmarshal(b, &meta)
		}
		if err != nil {
			wrong = append(wrong, err.Error())
		}
		for _, f := range meta.Files {
			if info, err := os.Stat(filepath.Join(dir, name, f.Name)); err != nil || info.Size() != f.Bytes {
				wrong = append(wrong, fmt.Sprintf("%s/%s has not its %d bytes: %v", name, f.Name, f.Bytes, err))
			}
		}
	}
	return wrong
}

// cutPower calls do with a file system that fails at each operation in turn, before it and
// after it, and then the power does; check looks at what is left. Both have a folder with
// what is in origin. err is what do said.
func cutPower(t *testing.T, origin string, do func(dir string, fsys durable.FS) error, check func(what, dir string, err error)) {
	t.Helper()
	for at, more := 1, true; more; at++ {
		for seed := range uint64(6) {
			dir := durabletest.Dir(t)
			if err := os.CopyFS(dir, os.DirFS(origin)); err != nil {
				t.Fatal(err)
			}
			fsys := &durabletest.FS{Faults: []durabletest.Fault{{At: at, Crash: true, Applied: seed%2 == 0}}}
			if err := fsys.Watch(dir); err != nil {
				t.Fatal(err)
			}
			err := do(dir, fsys)
			more = len(fsys.Ops()) >= at
			if err := fsys.PowerLoss(rand.New(rand.NewPCG(seed, uint64(at)))); err != nil {
				t.Fatal(err)
			}
			check(fmt.Sprintf("power lost at operation %d, seed %d, after %v", at, seed, err), dir, err)
			if t.Failed() {
				return
			}
		}
	}
}

// TestPowerLoss cuts the power at each operation of a save that also merges and removes:
// the old or the new checkpoint is there, whole, and the new one if Save said so.
func TestPowerLoss(t *testing.T) {
	one, two := small(t, 1).content(), small(t, 2).content()
	old, replaced := 0, 0
	cutPower(t, first(t), func(dir string, fsys durable.FS) error {
		_, err := open(dir, fsys, small(t, 2)).Save(t.Context())
		return err
	}, func(what, dir string, err error) {
		if wrong := halves(t, dir); len(wrong) > 0 {
			t.Errorf("%s: %q", what, wrong)
		}
		got, info := restored(t, dir)
		isOld, isNew := cmp.Equal(got.content(), one), cmp.Equal(got.content(), two)
		switch {
		case !info.Whole(), !isOld && !isNew, err == nil && !isNew:
			t.Errorf("%s: got %+v and %v", what, info, got.content())
		case isOld:
			old++
		default:
			replaced++
		}
	})
	if old == 0 || replaced == 0 {
		t.Errorf("got %d times the old and %d times the new one, want both", old, replaced)
	}
}

// TestPowerLossOfDamaged cuts the power while a damaged checkpoint is noted and set aside:
// all of it is there afterwards, under its name or in quarantine.
func TestPowerLossOfDamaged(t *testing.T) {
	origin := first(t)
	name := names(t, origin)[0]
	write(t, filepath.Join(origin, name, "ingest.avro"), "damaged")
	places := make(map[string]bool)
	cutPower(t, origin, func(dir string, fsys durable.FS) error {
		d := open(dir, fsys, small(t, 0))
		if _, err := d.Restore(t.Context()); err != nil {
			return err
		}
		if _, err := d.Fill(t.Context()); err != nil {
			return err
		}
		if _, err := d.Save(t.Context()); err != nil {
			return err
		}
		_, err := d.Save(t.Context()) // which makes the names in the folder durable
		return err
	}, func(what, dir string, _ error) {
		found := false
		for _, place := range []string{".", "quarantine"} {
			files, err := os.ReadDir(filepath.Join(dir, place, name))
			if err != nil {
				continue
			}
			b, err := os.ReadFile(filepath.Join(dir, place, name, "ingest.avro"))
			if err != nil || string(b) != "damaged" || len(files) < 3 {
				t.Errorf("%s: got %q, %v and %v in %s, want all of the damaged one", what, b, err, files, place)
			}
			places[place], found = true, true
		}
		if !found {
			t.Errorf("%s: the damaged one is lost", what)
		}
		if w, _ := restored(t, dir); !slices.EqualFunc(w.collector.list, small(t, 1).collector.list, slices.Equal) {
			t.Errorf("%s: got %q, want the state that can be read", what, w.collector.list)
		}
	})
	if len(places) != 2 {
		t.Errorf("got it in %v, want it sometimes here, sometimes there", places)
	}
}
