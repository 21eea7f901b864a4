package durable_test

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"tallystick/internal/durable"
	"tallystick/internal/durable/durabletest"
)

// TestPowerLoss cuts the power at each operation of WriteFile: the old or the new contents
// are there, whole, and the new ones if it said so.
func TestPowerLoss(t *testing.T) {
	lost := 0
	for seed := range uint64(200) {
		dir := t.TempDir()
		path := filepath.Join(dir, "file")
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		fsys := &durabletest.FS{Faults: []durabletest.Fault{{At: int(seed%8) + 1, Crash: true, Applied: seed%3 == 0}}}
		if err := fsys.Watch(dir); err != nil {
			t.Fatal(err)
		}
		err := durable.WriteFile(fsys, "test", path, func(w io.Writer) error {
			_, err := io.WriteString(w, "new and longer")
			return err
		})
		if err := fsys.PowerLoss(rand.New(rand.NewPCG(seed, 1))); err != nil {
			t.Fatal(err)
		}
		got, readErr := os.ReadFile(path)
		text := string(got)
		if readErr != nil || text != "old" && text != "new and longer" || err == nil && text == "old" {
			t.Errorf("seed %d: got %q, %v after %v", seed, text, readErr, err)
		}
		if text == "old" {
			lost++
		}
	}
	if lost == 0 || lost == 200 {
		t.Errorf("the old contents were there %d times of 200, want sometimes", lost)
	}
}

// An fsync that is forgotten shows: what was not synced is lost, sometimes.
func TestPowerLossNeedsFsync(t *testing.T) {
	lost := 0
	for seed := range uint64(50) {
		dir := t.TempDir()
		fsys := new(durabletest.FS)
		if err := fsys.Watch(dir); err != nil {
			t.Fatal(err)
		}
		f, err := fsys.Create("test", filepath.Join(dir, "file"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = f.Write([]byte("never synced"))
		_ = f.Close()
		_ = fsys.SyncDir("test", dir)
		if err := fsys.PowerLoss(rand.New(rand.NewPCG(seed, 1))); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(filepath.Join(dir, "file")); err != nil || string(b) != "never synced" {
			lost++
		}
	}
	if lost == 0 {
		t.Error("nothing was ever lost")
	}
}
