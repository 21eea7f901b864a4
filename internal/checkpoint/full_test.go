package checkpoint_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/durable"
	"tallystick/internal/durable/durabletest"
)

// TestFullDisk saves on a disk that fills up: what does not fit leaves what was there before,
// and nothing half done; and it is all saved once there is room, without a restart.
func TestFullDisk(t *testing.T) {
	dir := filepath.Join(durabletest.SmallDisk(t, "320k"), "checkpoints")
	w := newWorld(t)
	d := open(dir, durable.OS{}, w)
	saved, full := w.content(), 0
	for g := 1; full < 3; g++ {
		w.grow(t, g)
		_, err := d.Save(t.Context())
		switch {
		case err == nil:
			saved = w.content()
		case errors.Is(err, syscall.ENOSPC):
			full++
		default:
			t.Fatal(err)
		}
		if g == 1 {
			write(t, filepath.Join(dir, "other"), string(make([]byte, 100<<10)))
		}
		if got, info := restored(t, dir); !cmp.Equal(saved, got.content()) || !info.Whole() {
			t.Fatalf("save %d said %v: got %+v (-want +got):\n%s", g, err, info, cmp.Diff(saved, got.content()))
		}
		if got := names(t, dir); slices.ContainsFunc(got, func(s string) bool { return strings.HasSuffix(s, durable.TempSuffix) }) {
			t.Errorf("save %d said %v and left %v", g, err, got)
		}
		if g == 100 {
			t.Fatal("the disk does not get full")
		}
	}
	if err := os.Remove(filepath.Join(dir, "other")); err != nil {
		t.Fatal(err)
	}
	save(t, d)
	if got, info := restored(t, dir); !cmp.Equal(w.content(), got.content()) || !info.Whole() {
		t.Errorf("once there is room: got %+v (-want +got):\n%s", info, cmp.Diff(w.content(), got.content()))
	}
	if s := d.Stats(); s.Failures != 3 {
		t.Errorf("got %+v, want three failures", s)
	}
}
