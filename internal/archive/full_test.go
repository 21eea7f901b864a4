package archive_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"tallystick/internal/durable"
	"tallystick/internal/durable/durabletest"
)

// TestFullDisk archives to a disk that fills up: what is said to be archived is there, whole,
// and the rest once there is room.
func TestFullDisk(t *testing.T) {
	dir := filepath.Join(durabletest.SmallDisk(t, "256k"), "archive")
	m := random(rand.New(rand.NewPCG(6, 0)), 3)
	other := filepath.Join(dir, "other")
	fatal(t, errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(other, make([]byte, 170<<10), 0o600)))
	w, until := worker(m, dir, durable.OS{}), m.until(day0, day0+3)
	for range 2 {
		if err := w.Step(t.Context(), after(day0+3)); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("got %v, want that the disk is full", err)
		}
		if some := archivedIsThere(t, "on a full disk", w, dir, until); some == 0 || some == 4*3 {
			t.Errorf("got %d days archived, of 3 of each kind; want some, or the disk was never full", some)
		}
	}
	fatal(t, os.Remove(other))
	step(t, w, after(day0+3))
	complete(t, "once there is room", dir, m.contents(day0-30, day0+3))
}
