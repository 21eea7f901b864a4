package checkpoint_test

import (
	"os"
	"path/filepath"
	"testing"

	"tallystick/internal/durable"
)

// TestCutAnywhere cuts each file of a checkpoint at each eleventh length, with TALLYTEST_ALL at each: a start is never refused,
// what is missing is told, and nothing is there that never was.
func TestCutAnywhere(t *testing.T) {
	origin := t.TempDir()
	w := newWorld(t)
	golden(t, w)
	path := save(t, open(origin, durable.OS{}, w)).Path
	want := w.content()
	for _, file := range names(t, path) {
		whole, err := os.ReadFile(filepath.Join(path, file))
		if err != nil {
			t.Fatal(err)
		}
		for n := range whole {
			if n%11 != 0 && os.Getenv("TALLYTEST_ALL") == "" {
				continue // all of all take 20 s
			}
			write(t, filepath.Join(path, file), string(whole[:n]))
			got := newWorld(t)
			d := open(origin, readOnly{}, got) // which cannot note its problems, and starts all the same
			info := restore(t, d)
			for name, v := range got.content() {
				if name != "order" && want[name] != v {
					t.Fatalf("%s cut to %d of %d bytes: %s is what it never was", file, n, len(whole), name)
				}
			}
			if file != "meta.json" && info.Whole() {
				t.Errorf("%s cut to %d of %d bytes, and nobody noticed", file, n, len(whole))
			}
		}
		write(t, filepath.Join(path, file), string(whole))
	}
}
