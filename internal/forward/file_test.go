package forward_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tallystick/internal/durable/durabletest"
	"tallystick/internal/forward"
	"tallystick/internal/ledger"
)

func slurp(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(b)
}

// A file gets what ends from the first start on, once, and again what changes; a restart
// goes on where it was.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "deep", "records.ndjson")
	cfg, parts := one(forward.Output{File: forward.FileConfig{Path: path}}), forward.Parts{Dir: filepath.Join(dir, "places")}
	l := ledger.New(ledger.Config{})
	put(l, 1, 1, 2) // before there was an output
	w := start(t, l, cfg, parts)
	f := func(what string, want ...string) {
		t.Helper()
		w.must()
		if got := ids(t, slurp(t, path)); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	f("nothing new")
	put(l, 1, 4, 3)
	f("two", "3.1 1", "4.1 1")
	f("nothing new again", "3.1 1", "4.1 1")
	w = start(t, l, cfg, parts)
	put(l, 2, 3)
	put(l, 1, 5)
	f("after a restart", "3.1 1", "4.1 1", "3.2 2", "5.1 1")
	w.wantCounts(map[string]float64{"sent_total": 2, "waiting": 0, "errors_total": 0, "lost_total": 0})

	// Whoever has the file may take it away.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	w = start(t, l, cfg, parts)
	put(l, 1, 6)
	f("a file that is gone", "6.1 1")
	// Another file's length has nothing to do with what this one had.
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w = start(t, l, one(forward.Output{File: forward.FileConfig{Path: other}}), parts)
	put(l, 1, 7)
	w.must()
	if got := slurp(t, other); !strings.HasPrefix(got, "{}\n{") {
		t.Errorf("got %q, want what was there and a record", got)
	}
}

func TestFileHistory(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "records")
	l := ledger.New(ledger.Config{})
	for i := range 3 * 512 {
		put(l, 1, i)
	}
	w := start(t, l, one(forward.Output{File: forward.FileConfig{Path: path}, History: true}), forward.Parts{Dir: dir})
	w.must()
	if got := len(ids(t, slurp(t, path))); got != 3*512 {
		t.Errorf("got %d records, want %d", got, 3*512)
	}
}

// A file that is large enough gets another name, and is left alone then.
func TestFileRotates(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "records")
	if err := os.WriteFile(path+".7", []byte("old\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := one(forward.Output{File: forward.FileConfig{Path: path, MaxBytes: 1}})
	l := ledger.New(ledger.Config{})
	w := start(t, l, cfg, forward.Parts{Dir: dir})
	for i := range 3 {
		put(l, 1, i+1)
		w.must()
	}
	w = start(t, l, cfg, forward.Parts{Dir: dir})
	put(l, 1, 4)
	w.must()
	for name, want := range map[string]string{".8": "1.1 1", ".9": "2.1 1", ".10": "3.1 1", "": "4.1 1"} {
		if got := ids(t, slurp(t, path+name)); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got := slurp(t, path+".7"); got != "old\n" {
		t.Errorf("an older file has %q", got)
	}
}

// all returns what a file and those that had its name before have.
func all(t *testing.T, path string) (out []string) {
	t.Helper()
	for n := 1; ; n++ {
		part := fmt.Sprint(path, ".", n)
		if _, err := os.Stat(part); err != nil {
			return append(out, ids(t, slurp(t, path))...)
		}
		out = append(out, ids(t, slurp(t, part))...)
	}
}

// TestFileFaults: whichever operation fails, also for good, each record is there once, in
// the end.
func TestFileFaults(t *testing.T) {
	root, runs := durabletest.Dir(t), 0
	run := func(most int64, fault durabletest.Fault) (ops int) {
		runs++
		dir := filepath.Join(root, strconv.Itoa(runs))
		path := filepath.Join(dir, "records")
		cfg := one(forward.Output{File: forward.FileConfig{Path: path, MaxBytes: most}, History: true})
		l := ledger.New(ledger.Config{})
		fsys := &durabletest.FS{Faults: []durabletest.Fault{fault}}
		w, err := tryStart(t, l, cfg, forward.Parts{Dir: filepath.Join(dir, "places"), FS: fsys})
		for i := range 4 {
			put(l, 1, 10*i+1, 10*i+2)
			if err == nil && w != nil {
				_ = w.step()
			}
		}
		again := start(t, l, cfg, forward.Parts{Dir: filepath.Join(dir, "places")})
		put(l, 1, 99)
		again.must()
		var want []string
		for i := range 4 {
			want = append(want, fmt.Sprintf("%d.1 1", 10*i+1), fmt.Sprintf("%d.1 1", 10*i+2))
		}
		if got := all(t, path); !slices.Equal(got, append(want, "99.1 1")) {
			t.Errorf("files of %d bytes, %+v: got %q, want each once", most, fault, got)
		}
		return len(fsys.Ops())
	}
	for _, most := range []int64{0, 1} {
		ops := run(most, durabletest.Fault{At: -1})
		for n := 1; n <= ops; n++ {
			for _, f := range []durabletest.Fault{
				{At: n}, {At: n, Applied: true}, {At: n, Crash: true}, {At: n, Crash: true, Applied: true}, {At: n, Crash: true, Short: true}, {At: n, Short: true},
			} {
				run(most, f)
			}
		}
	}
}

// TestFileGoneAndDied: of a file that was taken away, the length that it had tells nothing:
// what a process that died left of a record in the next one is cut off all the same.
func TestFileGoneAndDied(t *testing.T) {
	root := durabletest.Dir(t)
	run := func(n int) (ops int) {
		dir := filepath.Join(root, strconv.Itoa(n))
		path, parts := filepath.Join(dir, "records"), forward.Parts{Dir: filepath.Join(dir, "places")}
		cfg := one(forward.Output{File: forward.FileConfig{Path: path}, History: true})
		l := ledger.New(ledger.Config{})
		put(l, 1, 1, 2, 3)
		start(t, l, cfg, parts).must()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		put(l, 1, 4)
		fsys := &durabletest.FS{Faults: []durabletest.Fault{{At: n, Short: true, Crash: true}}}
		if w, err := tryStart(t, l, cfg, forward.Parts{Dir: parts.Dir, FS: fsys}); err == nil {
			_ = w.step()
		}
		start(t, l, cfg, parts).must()
		if got, want := ids(t, slurp(t, path)), []string{"4.1 1"}; !slices.Equal(got, want) {
			t.Errorf("operation %d: got %q, want %q", n, got, want)
		}
		return len(fsys.Ops())
	}
	for n := range run(-1) {
		run(n + 1)
	}
}

// TestFilePowerLoss: what is left after a loss of power is gone on with: nothing is lost,
// nothing is there twice.
func TestFilePowerLoss(t *testing.T) {
	root := durabletest.Dir(t)
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 5))
		dir := filepath.Join(root, strconv.FormatUint(seed, 10))
		if err := os.Mkdir(dir, 0o750); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "records")
		cfg := one(forward.Output{File: forward.FileConfig{Path: path, MaxBytes: int64(r.IntN(2)) * 900}, History: true})
		l := ledger.New(ledger.Config{})
		var want []string
		for life := range 4 {
			fsys := &durabletest.FS{Faults: []durabletest.Fault{{At: 1 + r.IntN(60), Crash: true, Applied: r.IntN(2) == 0, Short: r.IntN(2) == 0}}}
			if err := fsys.Watch(dir); err != nil {
				t.Fatal(err)
			}
			w, err := tryStart(t, l, cfg, forward.Parts{Dir: filepath.Join(dir, "places"), FS: fsys})
			for n := range 5 {
				id := life*10 + n + 1
				put(l, 1, id)
				want = append(want, fmt.Sprintf("%d.1 1", id))
				if err == nil {
					_ = w.step()
				}
			}
			if err := fsys.PowerLoss(r); err != nil {
				t.Fatal(err)
			}
		}
		start(t, l, cfg, forward.Parts{Dir: filepath.Join(dir, "places")}).must()
		if got := all(t, path); !slices.Equal(got, want) {
			t.Fatalf("seed %d: got %q, want %q", seed, got, want)
		}
	}
}
