package source_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/durable"
	"tallystick/internal/durable/durabletest"
	"tallystick/internal/ingest"
	"tallystick/internal/ledger"
	"tallystick/internal/source"
)

// A reading is a file that is read into a station.
type reading struct {
	*station
	path, dir string
	log       *bytes.Buffer
	end       func()
}

func read(t *testing.T, s *station, path, dir string, cfg source.FileConfig) *reading {
	t.Helper()
	return readWith(t, s, path, dir, cfg, durable.OS{})
}

func readWith(t *testing.T, s *station, path, dir string, cfg source.FileConfig, fsys durable.FS) *reading {
	t.Helper()
	r := &reading{station: s, path: path, dir: dir, log: new(bytes.Buffer)}
	cfg.Path = path
	s.reg = prometheus.NewRegistry()
	f, err := source.NewFile("a/b", cfg, dir, fsys, s.ingest, s.reg, slog.New(slog.NewTextHandler(r.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	r.end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(r.end)
	return r
}

func add(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// counted returns n lines that count 1 each.
func counted(n int) string {
	return strings.Repeat(fmt.Sprintf("count,cluster=c,hostname=h value=1 %d\n", time.Now().Unix()), n)
}

// settle lets a file be looked at.
func settle() {
	time.Sleep(3 * time.Second)
	synctest.Wait()
}

func (r *reading) wantSum(want float64) {
	r.t.Helper()
	if got := r.sum(); got != want {
		r.t.Errorf("got %v, want each of %v samples once; the log has\n%s", got, want, r.log)
	}
}

// A file that is followed is taken as it grows, line by line, through the end of the
// process, of the file and of its name.
func TestFileFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, dir := filepath.Join(t.TempDir(), "f"), t.TempDir()
		s := bareStation(t, "file", 0, nil)
		cfg := source.FileConfig{Follow: true}
		r := read(t, s, path, dir, cfg)
		settle() // there is none yet
		add(t, path, counted(3)+"count,cluster=c,hostname=h va")
		settle()
		r.wantSum(3)
		add(t, path, fmt.Sprintf("lue=1 %d\n", time.Now().Unix())+counted(1))
		settle()
		r.wantSum(5)
		r.end()

		add(t, path, counted(1)) // while nobody reads
		r = read(t, s, path, dir, cfg)
		settle()
		r.wantSum(6)
		add(t, path, counted(1))
		if err := os.Rename(path, path+".1"); err != nil { // rotated: the writer is not done yet
			t.Fatal(err)
		}
		add(t, path+".1", strings.TrimSuffix(counted(1), "\n"))
		add(t, path, counted(1))
		settle()
		r.wantSum(9)
		if err := os.WriteFile(path, []byte(counted(2)[:len(counted(1))]), 0o600); err != nil { // written anew, as long as before
			t.Fatal(err)
		}
		settle()
		r.wantSum(9) // it cannot be told apart
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		settle()
		add(t, path, counted(2))
		settle()
		r.wantSum(11)
		r.wantCount(2, "replaced_total")
		r.end()

		if err := os.WriteFile(path, []byte("x\n"+counted(1)), 0o600); err != nil { // another one while nobody reads
			t.Fatal(err)
		}
		r = read(t, s, path, dir, cfg)
		settle()
		r.wantSum(12)
		r.end()
		if !strings.Contains(r.log.String(), "it is another one than before") || !strings.Contains(r.log.String(), "lines refused") {
			t.Errorf("that it is another file, and has a bad line, is not told:\n%s", r.log)
		}
	})
}

// Files of every kind are read whole, and once, whatever is wrong on some of their lines.
func TestFileKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const where = "../capture/testdata/s01_full_reads/packets.jsonl"
		time.Sleep(time.Until(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))) // the capture is no prophecy
		direct := bareStation(t, "direct", 0, nil)
		c, err := capture.Load(os.DirFS("../capture/testdata"), "s01_full_reads")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range c.Packets {
			direct.ingest.Packets(t.Context(), []collect.Packet{{Remote: p.Remote, Data: p.Data}})
		}
		s, dir := bareStation(t, "file", 0, nil), t.TempDir()
		r := read(t, s, where, dir, source.FileConfig{Kind: source.Packets})
		settle()
		r.end()
		r.wantCount(len(c.Packets), "accepted_total")
		s.wantTransfersOf(direct)
		r = read(t, s, where, dir, source.FileConfig{Kind: source.Packets})
		settle()
		r.end()
		r.wantCount(0, "accepted_total")

		path := filepath.Join(t.TempDir(), "claims")
		claim := `{"run":"r","id":"%d","server":"s:1","path":"/a","opened":%d,"outcome":"ok","asked":{"read":1}}`
		add(t, path, fmt.Sprintf(claim, 1, time.Now().Unix())+"\r\n\n{\n[\n"+fmt.Sprintf(claim, 2, time.Now().Unix())) // without an end
		r = read(t, s, path, t.TempDir(), source.FileConfig{Kind: source.Claims})
		settle()
		r.end()
		r.wantCount(2, "accepted_total")
		r.wantCount(2, "rejected_total", ingest.ReasonSyntax)
		if n := len(s.ledger.Claims(ledger.Filter{})); n != 2 {
			t.Errorf("got %d claims, want 2", n)
		}
	})
}

// A line that is too long is skipped, and counted; one that is long enough is not.
func TestFileLongLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "f")
		tag := strings.Repeat("x", 1<<19)
		add(t, path, counted(5000)+"# "+strings.Repeat(tag, 5)+"\n"+counted(1)+"# "+tag+"\n"+counted(1)+"# "+strings.Repeat(tag, 3))
		r := read(t, bareStation(t, "file", 0, nil), path, t.TempDir(), source.FileConfig{Follow: true})
		settle()
		r.wantSum(5002)
		r.wantCount(1, "rejected_total", "too-long")
		add(t, path, "\n"+counted(1))
		settle()
		r.end()
		r.wantSum(5003)
		r.wantCount(2, "rejected_total", "too-long")
	})
}

// What finds no room is tried again until it does.
func TestFileNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, dir := filepath.Join(t.TempDir(), "f"), t.TempDir()
		add(t, path, counted(3))
		s := bareStation(t, "file", 0, &narrow{refuses: 3})
		r := read(t, s, path, dir, source.FileConfig{})
		time.Sleep(7 * time.Second)
		r.end() // in the middle
		r.wantSum(0)
		add(t, path, counted(1))
		r = read(t, s, path, dir, source.FileConfig{})
		time.Sleep(20 * time.Second)
		r.end()
		r.wantSum(4)
	})
}

// A crash at any moment loses no line and doubles none, whatever was added meanwhile.
func TestFileCrashes(t *testing.T) {
	f := func(fault durabletest.Fault) (ops int) {
		synctest.Test(t, func(t *testing.T) {
			path, dir := filepath.Join(t.TempDir(), "f"), t.TempDir()
			add(t, path, counted(10))
			s, fsys := bareStation(t, "file", 0, nil), &durabletest.FS{Faults: []durabletest.Fault{fault}}
			r := readWith(t, s, path, dir, source.FileConfig{Follow: true}, fsys)
			settle()
			add(t, path, counted(5))
			settle()
			r.end()
			add(t, path, counted(3)) // what was being handed over must not become more
			r = read(t, s, path, dir, source.FileConfig{Follow: true})
			settle()
			r.end()
			if got := s.sum(); got != 18 {
				t.Errorf("%+v: got %v, want each of 18 samples once; the log has\n%s", fault, got, r.log)
			}
			ops = len(fsys.Ops())
		})
		return ops
	}
	ops := f(durabletest.Fault{At: 1 << 30})
	if ops < 20 {
		t.Fatalf("got %d operations, want some more", ops)
	}
	for n := 2; n <= ops; n++ { // the first makes the folder, without which nothing starts
		for _, applied := range []bool{false, true} {
			f(durabletest.Fault{At: n, Applied: applied, Crash: true})
			f(durabletest.Fault{At: n, Applied: applied})
		}
	}
}

func TestFileConfigCheck(t *testing.T) {
	f := func(c source.FileConfig, want ...string) {
		t.Helper()
		var got []string
		for _, p := range c.Check() {
			got = append(got, p.Key+": "+p.Err.Error())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: got %q, want %q", c, got, want)
		}
	}
	f(source.FileConfig{Path: "a"})
	f(source.FileConfig{Kind: source.Claims, Cluster: "c"}, "path: is empty", "kind: cluster and precision are for lines, not for claims")
}

// The rest of a file that was renamed while nobody read it is read first, and once, also
// if that ends in the middle.
func TestFileRenamedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, dir := bareStation(t, "file", 0, nil), t.TempDir()
		path := filepath.Join(t.TempDir(), "lines")
		cfg := source.FileConfig{Path: path, Follow: true}
		add(t, path, counted(3))
		r := read(t, s, path, dir, cfg)
		settle()
		r.wantSum(3)
		r.end()

		add(t, path, strings.TrimSuffix(counted(4), "\n")) // the last line has no end, and gets none
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		add(t, path+".2", counted(100)) // of others
		add(t, path, "# another\n"+counted(5))
		r = read(t, s, path, dir, cfg)
		settle()
		r.wantSum(12)
		r.wantCount(1, "replaced_total")
		add(t, path, counted(1))
		settle()
		r.wantSum(13)
		r.end()
		if log := r.log.String(); !strings.Contains(log, "it was renamed") || strings.Contains(log, "it is another one than before") {
			t.Errorf("got the log\n%s", log)
		}

		r = read(t, s, path, dir, cfg)
		settle()
		r.wantSum(13)
		r.end()
		if err := os.Remove(path); err != nil { // its inode may be given to the next
			t.Fatal(err)
		}
		add(t, path, "# a third\n"+counted(2))
		r = read(t, s, path, dir, cfg)
		settle()
		r.wantSum(15)
		r.end()
	})
}

// What was renamed and cannot be opened is tried again, and what has its name now waits.
func TestFileRenamedClosed(t *testing.T) {
	t.Run("what is next", func(t *testing.T) { testFileRenamedClosed(t, ".1", 3) })
	t.Run("what was read", func(t *testing.T) { testFileRenamedClosed(t, ".2", 2) })
}

func testFileRenamedClosed(t *testing.T, closed string, before float64) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, dir := bareStation(t, "file", 0, nil), t.TempDir()
		path := filepath.Join(t.TempDir(), "lines")
		cfg := source.FileConfig{Path: path, Follow: true}
		add(t, path, counted(2))
		r := read(t, s, path, dir, cfg)
		settle()
		r.end()
		add(t, path, counted(1))
		if err := os.Rename(path, path+".2"); err != nil {
			t.Fatal(err)
		}
		add(t, path+".1", "# renamed too\n"+counted(4))
		add(t, path, "# now\n"+counted(5))
		var sick switchedFS
		sick.set(durabletest.Sick{Closed: path + closed})
		r = readWith(t, s, path, dir, cfg, &sick)
		settle()
		r.wantSum(before)
		sick.set(durabletest.Sick{})
		settle()
		r.wantSum(12)
		r.wantCount(2, "replaced_total")
		r.end()
		if log := r.log.String(); strings.Count(log, "cannot go on") != 1 || !strings.Contains(log, "goes on") {
			t.Errorf("got the log\n%s\nwant once that it cannot go on, and that it goes on", log)
		}
	})
}

// A switchedFS is one now and another then, to read; it is the disk to write.
type switchedFS struct {
	durable.OS

	now atomic.Pointer[durabletest.Sick]
}

func (s *switchedFS) set(to durabletest.Sick) { s.now.Store(&to) }

func (s *switchedFS) Open(path string) (fs.File, error) { return s.now.Load().Open(path) }

// What was renamed several times while nobody read it is read in its order, each once, and also
// where that ends in the middle.
func TestFileRenamedOften(t *testing.T) {
	f := func(names ...string) { // of the oldest first
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			s, dir := bareStation(t, "file", 0, nil), t.TempDir()
			path := filepath.Join(t.TempDir(), "lines")
			cfg := source.FileConfig{Path: path, Follow: true}
			add(t, path, counted(3))
			r := read(t, s, path, dir, cfg)
			settle()
			r.wantSum(3)
			r.end()
			add(t, path, counted(4))
			if err := os.Rename(path, path+names[0]); err != nil {
				t.Fatal(err)
			}
			for i, name := range names[1:] {
				add(t, path+name, fmt.Sprintf("# %d\n", i)+counted(5))
			}
			for _, name := range []string{".0", ".77", ".1.gz", "-20261199x", "0", ".1~"} {
				add(t, path+name, "# others\n"+counted(100))
			}
			add(t, path, "# now\n"+counted(6))
			r = read(t, s, path, dir, cfg)
			settle()
			r.wantSum(float64(7 + 5*(len(names)-1) + 6))
			r.wantCount(len(names), "replaced_total")
			r.end()
			r = read(t, s, path, dir, cfg)
			settle()
			r.wantSum(float64(7 + 5*(len(names)-1) + 6))
			r.end()
		})
	}
	f(".1")
	f(".2", ".1")
	f(".12", ".11", ".3", ".1") // some are gone
	f("-20261125", "-20261126", "-20261127")
	f(".1764115200", ".1764201600")
}
