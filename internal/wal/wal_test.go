package wal_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/durable"
	"tallystick/internal/durable/durabletest"
	"tallystick/internal/wal"
)

// An entry notes whether it was applied.
type entry struct {
	payload []byte
	applied func(payload []byte, at time.Time)
	undone  []byte
}

func (e *entry) Record() []byte { return e.payload }

func (e *entry) Apply(at time.Time) []byte {
	if e.applied != nil {
		e.applied(e.payload, at)
	}
	return e.undone
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func config(dir string, sync wal.Sync) wal.Config {
	return wal.Config{Dir: dir, Sync: sync, Interval: time.Second, SegmentBytes: 1 << 20}
}

func open(dir string, fsys durable.FS) *wal.Log {
	return wal.New(config(dir, wal.Never), fsys, time.Now, quiet())
}

func commit(t *testing.T, l *wal.Log, payloads ...string) {
	t.Helper()
	for _, p := range payloads {
		if err := l.Commit(&entry{payload: []byte(p)}); err != nil {
			t.Fatal(err)
		}
	}
}

// read returns the payloads in the log, and what is damaged in it.
func read(tb testing.TB, dir string, from, to int) (payloads []string, damaged []wal.Damage) {
	tb.Helper()
	last := time.Time{}
	for r, err := range wal.Read(durable.OS{}, dir, from, to, func(d wal.Damage) { damaged = append(damaged, d) }) {
		if err != nil {
			tb.Fatal(err)
		}
		if r.At.Before(last) {
			tb.Errorf("time goes back from %v to %v", last, r.At)
		}
		last = r.At
		payloads = append(payloads, string(r.Payload))
	}
	return payloads, damaged
}

func check(t *testing.T, what, dir string, want ...string) {
	t.Helper()
	got, damaged := read(t, dir, 0, 0)
	if !slices.Equal(got, want) || len(damaged) > 0 {
		t.Errorf("%s: got %.200q, %v, want %.200q", what, got, damaged, want)
	}
}

// noise is bytes that cannot be compressed, always the same.
func noise(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

// What can be made smaller is, and comes back as it was.
func TestCompressed(t *testing.T) {
	dir := t.TempDir()
	l := open(dir, durable.OS{})
	var all []string
	for n := range 2000 {
		all = append(all, strings.Repeat(fmt.Sprint(n, " "), n%500)+noise(n))
	}
	commit(t, l, all...)
	check(t, "compressed", dir, all...)
	before := l.Stats().Bytes
	text := strings.Repeat("cpu_load,hostname=n1 ", 1000)
	commit(t, l, text, noise(100_000), "short")
	check(t, "all", dir, append(all, text, noise(100_000), "short")...)
	if got := l.Stats().Bytes - before; got > 103_000 {
		t.Errorf("%d bytes and so many that repeat take %d", 100_000, got)
	}
}

func TestCommit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "log")
	l := open(dir, durable.OS{})
	check(t, "nothing", dir)
	if got, err := wal.Segments(durable.OS{}, dir); len(got) != 0 || err != nil {
		t.Errorf("got %v, %v before the first record, want no segment", got, err)
	}
	large := noise(3 << 20)
	commit(t, l, "a", "", large, "b")
	check(t, "one life", dir, "a", "", large, "b")
	l = open(dir, durable.OS{})
	commit(t, l, "c")
	check(t, "another", dir, "a", "", large, "b", "c")
	if err := l.Commit(&entry{payload: make([]byte, wal.MaxRecord+1)}); !errors.Is(err, wal.ErrTooLong) {
		t.Errorf("got %v, want ErrTooLong", err)
	}
	if got, err := wal.Segments(durable.OS{}, dir); !slices.Equal(got, []int{1, 2, 3}) || err != nil {
		t.Errorf("got segments %v, %v, want 3", got, err)
	}
}

func TestCutAndForget(t *testing.T) {
	dir := t.TempDir()
	l := open(dir, durable.OS{})
	cut := func() (n int) {
		l.Turn(func(time.Time) {
			var err error
			if n, err = l.Cut(); err != nil {
				t.Fatal(err)
			}
		})
		return n
	}
	first := cut()
	commit(t, l, "a")
	second := cut()
	commit(t, l, "b")
	f := func(from, to int, want ...string) {
		t.Helper()
		if got, _ := read(t, dir, from, to); !slices.Equal(got, want) {
			t.Errorf("from %d to %d: got %q, want %q", from, to, got, want)
		}
	}
	f(first, second, "a")
	f(second, 0, "b")
	if err := l.Forget(second); err != nil {
		t.Fatal(err)
	}
	f(0, 0, "b")
	third := cut()
	if err := l.Forget(third); err != nil { // also the one that was written to
		t.Fatal(err)
	}
	f(0, 0)
	commit(t, l, "c")
	f(third, 0, "c")
	l.SetAside(third)
	fourth := cut()
	commit(t, l, "d")
	if err := l.Forget(fourth); err != nil {
		t.Fatal(err)
	}
	f(0, 0, "d")
	if got, _ := read(t, filepath.Join(dir, "quarantine"), 0, 0); !slices.Equal(got, []string{"c"}) {
		t.Errorf("set aside: got %q, want c", got)
	}
}

// TestNumbersGoOn: a life after one whose log was forgotten whole does not begin again
// with the number 1, which a checkpoint would take for long past.
func TestNumbersGoOn(t *testing.T) {
	dir := t.TempDir()
	l := open(dir, durable.OS{})
	commit(t, l, "a", "b")
	var cut int
	l.Turn(func(time.Time) { cut, _ = l.Cut() })
	if err := l.Forget(cut); err != nil {
		t.Fatal(err)
	}
	l = open(dir, durable.OS{})
	l.After(time.Time{}, cut)
	commit(t, l, "c")
	if got, _ := read(t, dir, cut, 0); !slices.Equal(got, []string{"c"}) {
		t.Errorf("got %q from segment %d on, want c", got, cut)
	}
}

// TestOrder has many commit at once, beside turns, cuts, readers and those who forget:
// what is applied is what is read, in the same order, and time does not go back.
func TestOrder(t *testing.T) {
	dir := t.TempDir()
	l := wal.New(wal.Config{Dir: dir, Sync: wal.Interval, Interval: time.Millisecond, SegmentBytes: 2000}, durable.OS{}, time.Now, quiet())
	ctx, stop := context.WithCancel(t.Context())
	var workers, writers sync.WaitGroup
	workers.Go(func() {
		if err := l.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	var applied []string // guarded by the turn
	var last time.Time
	note := func(payload []byte, at time.Time) {
		if at.Before(last) {
			t.Errorf("time goes back")
		}
		last = at
		applied = append(applied, string(payload))
	}
	workers.Go(func() {
		for ctx.Err() == nil {
			for _, err := range wal.Read(durable.OS{}, dir, 0, 0, nil) {
				if err != nil {
					t.Error(err)
				}
			}
			l.Turn(func(time.Time) {
				if _, err := l.Cut(); err != nil {
					t.Error(err)
				}
			})
			if err := l.Forget(1); err != nil {
				t.Error(err)
			}
		}
	})
	for w := range 8 {
		writers.Go(func() {
			for i := range 200 {
				if err := l.Commit(&entry{payload: fmt.Appendf(nil, "%d-%d", w, i), applied: note}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	stop()
	workers.Wait()
	if got, damaged := read(t, dir, 0, 0); !slices.Equal(got, applied) || len(got) != 1600 || len(damaged) > 0 {
		t.Errorf("got %d records, %v, want the %d that were applied, in their order", len(got), damaged, len(applied))
	}
	if err := l.Commit(&entry{}); err != nil {
		t.Errorf("after the end: %v", err)
	}
}

// TestFaults lets every operation fail in every way: what Commit said yes to is read
// back, in order; what it said no to was not applied, and is not read back unless the
// process died there; and the log goes on by itself.
func TestFaults(t *testing.T) {
	life := func(dir string, fsys *durabletest.FS, kind wal.Sync) (yes, no []string, live bool) {
		l := wal.New(wal.Config{Dir: dir, Sync: kind, SegmentBytes: 100}, fsys, time.Now, quiet())
		for i := range 6 {
			p := fmt.Sprintf("%s record %d", kind, i)
			applied := false
			err := l.Commit(&entry{payload: []byte(p), applied: func([]byte, time.Time) { applied = true }})
			if applied != (err == nil) || err != nil && !errors.Is(err, wal.ErrUnavailable) {
				t.Errorf("got %v, applied %v", err, applied)
			}
			if err == nil {
				yes = append(yes, p)
			} else {
				no = append(no, p)
			}
			if i == 3 {
				l.Step()
			}
		}
		return yes, no, len(yes) > 0 && yes[len(yes)-1] == fmt.Sprintf("%s record 5", kind)
	}
	for _, kind := range []wal.Sync{wal.Always, wal.Interval, wal.Never} {
		dry := new(durabletest.FS)
		life(t.TempDir(), dry, kind)
		for n, op := range dry.Ops() {
			for _, fault := range []durabletest.Fault{
				{}, {Applied: true}, {Short: true}, {Crash: true}, {Applied: true, Crash: true}, {Short: true, Crash: true}, {Err: syscall.ENOSPC},
			} {
				fault.At = n + 1
				name := fmt.Sprintf("%s: %d %s %+v", kind, n, op.Kind, fault)
				dir := t.TempDir()
				yes, no, live := life(dir, &durabletest.FS{Faults: []durabletest.Fault{fault}}, kind)
				if !fault.Crash && !live && n < len(dry.Ops())-3 {
					t.Errorf("%s: the log did not go on", name)
				}
				got, _ := read(t, dir, 0, 0)
				rest := slices.DeleteFunc(slices.Clone(got), func(p string) bool { return slices.Contains(no, p) })
				if !slices.Equal(rest, yes) || len(got) > len(rest) && !fault.Crash {
					t.Errorf("%s: got %q, want %q and not %q", name, got, yes, no)
				}
				commit(t, open(dir, durable.OS{}), "again")
				if again, _ := read(t, dir, 0, 0); !slices.Equal(again, append(got, "again")) {
					t.Errorf("%s: another life reads %q, want %q and again", name, again, got)
				}
			}
		}
	}
}

// A write that fails and cannot be cut away is not read: the next segment says so.
func TestNeitherWrittenNorCut(t *testing.T) {
	dir := t.TempDir()
	fsys := &durabletest.FS{Faults: []durabletest.Fault{
		{At: 6, Kind: durabletest.Write, Applied: true}, {Kind: durabletest.Truncate},
	}}
	l := open(dir, fsys)
	commit(t, l, "a")
	var failed []string
	for _, p := range []string{"b", "c", "d"} {
		if err := l.Commit(&entry{payload: []byte(p)}); err != nil {
			failed = append(failed, p)
		}
	}
	got, _ := read(t, dir, 0, 0)
	for _, p := range failed {
		if slices.Contains(got, p) {
			t.Errorf("got %q, and %s was refused", got, p)
		}
	}
	if len(failed) != 1 || len(got) != 3 {
		t.Errorf("got %q, refused %q, want one refused (operations %v)", got, failed, fsys.Ops())
	}
}

// TestDamage flips each byte, and cuts at each: of what was written only the record that
// the damage is in is lost, and it is told.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	records := []string{"first", "", "the third one", "fourth"}
	commit(t, open(dir, durable.OS{}), records...)
	path := segment(t, dir)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range good {
		bad := slices.Clone(good)
		bad[at] ^= 1 << (at % 8)
		write(t, path, bad)
		got, damaged := read(t, dir, 0, 0)
		lost := len(records) - len(got)
		if !subset(got, records) || lost > 1 || len(damaged) != 1 {
			t.Errorf("byte %d: got %q, %v, want all but one", at, got, damaged)
		}
	}
	for n := range good {
		write(t, path, good[:n])
		got, damaged := read(t, dir, 0, 0)
		if !slices.Equal(got, records[:len(got)]) {
			t.Errorf("cut to %d bytes: got %q", n, got)
		}
		whole := n == 0 || n == 40 || n == 40+24+5 || n == 40+24+5+24 || n == 40+24+5+24+24+13
		if (len(damaged) == 0) != whole || len(damaged) == 1 && !damaged[0].Tail {
			t.Errorf("cut to %d bytes: got %v, want a torn tail", n, damaged)
		}
	}
	write(t, path, append(slices.Clone(good), make([]byte, 5000)...)) // as some file systems leave it
	if got, damaged := read(t, dir, 0, 0); !slices.Equal(got, records) || len(damaged) != 1 || !damaged[0].Tail {
		t.Errorf("zeros behind: got %q, %v", got, damaged)
	}
}

func subset(some, all []string) bool {
	i := 0
	for _, s := range all {
		if i < len(some) && some[i] == s {
			i++
		}
	}
	return i == len(some)
}

func segment(tb testing.TB, dir string) string {
	tb.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	if err != nil || len(all) != 1 {
		tb.Fatalf("got %v, %v, want one segment", all, err)
	}
	return all[0]
}

func write(tb testing.TB, path string, b []byte) {
	tb.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// What is not ours is left alone; a segment that is missing, or a folder in its place,
// costs no more than itself.
func TestStrayFiles(t *testing.T) {
	dir := t.TempDir()
	for _, p := range []string{"a", "b", "c"} {
		commit(t, open(dir, durable.OS{}), p)
	}
	for _, name := range []string{"README", "1-2.wal", "00000009-0000000000000000.wal.tmp"} {
		write(t, filepath.Join(dir, name), []byte("not ours"))
	}
	if err := os.Mkdir(filepath.Join(dir, "00000007-0000000000000001.wal"), 0o750); err != nil {
		t.Fatal(err)
	}
	check(t, "stray files", dir, "a", "b", "c")
	all, _ := filepath.Glob(filepath.Join(dir, "00000002-*.wal"))
	if err := os.Remove(all[0]); err != nil {
		t.Fatal(err)
	}
	check(t, "one is missing", dir, "a", "c")
}

// A full disk refuses, and is no longer full: nobody has to do anything to the log.
func TestFullDisk(t *testing.T) {
	dir := durabletest.SmallDisk(t, "256k")
	l := wal.New(config(filepath.Join(dir, "log"), wal.Always), durable.OS{}, time.Now, quiet())
	var want []string
	full := 0
	for i := range 40 {
		if full == 3 { // somebody makes room
			write(t, filepath.Join(dir, "other"), nil)
		}
		if i == 0 {
			write(t, filepath.Join(dir, "other"), make([]byte, 100<<10))
		}
		p := fmt.Sprintf("%05d%s", i, noise(5000))
		err := l.Commit(&entry{payload: []byte(p)})
		switch {
		case err == nil:
			want = append(want, p)
		case errors.Is(err, wal.ErrUnavailable) && errors.Is(err, syscall.ENOSPC):
			full++
		default:
			t.Fatal(err)
		}
	}
	if full < 3 || len(want) < 30 {
		t.Errorf("got %d refused and %d taken, want some of both", full, len(want))
	}
	check(t, "full", filepath.Join(dir, "log"), want...)
}

// TestClockGoesBack: the times of records do not.
func TestClockGoesBack(t *testing.T) {
	now := time.Unix(1000, 0)
	dir := t.TempDir()
	l := wal.New(config(dir, wal.Never), durable.OS{}, func() time.Time { now = now.Add(-time.Minute); return now }, quiet())
	l.After(time.Unix(2000, 5), 0)
	commit(t, l, "a", "b")
	for r := range wal.Read(durable.OS{}, dir, 0, 0, nil) {
		if !r.At.Equal(time.Unix(2000, 5)) {
			t.Errorf("got a record of %v, want that of those before", r.At)
		}
	}
}

// TestInterval: with Interval an fsync comes at the latest after one, also at the end,
// and a failed one is not tried again on the same segment.
func TestInterval(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		fsys := new(durabletest.FS)
		l := wal.New(config(dir, wal.Interval), fsys, time.Now, quiet())
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.Run(ctx) }()
		syncs := func(want int64) {
			t.Helper()
			synctest.Wait()
			if got := l.Stats().Syncs; got != want {
				t.Errorf("got %d fsyncs, want %d", got, want)
			}
		}
		commit(t, l, "a")
		syncs(0)
		time.Sleep(1100 * time.Millisecond)
		syncs(1)
		time.Sleep(5 * time.Second) // nothing was written
		syncs(1)
		commit(t, l, "b")
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		syncs(2)
	})
}

func TestCommitAllocates(t *testing.T) {
	for _, kind := range []wal.Sync{wal.Always, wal.Never} {
		l := wal.New(wal.Config{Dir: t.TempDir(), Sync: kind, SegmentBytes: 1 << 30}, durable.OS{}, time.Now, quiet())
		e := &entry{payload: make([]byte, 400)}
		if err := l.Commit(e); err != nil {
			t.Fatal(err)
		}
		least := math.Inf(1) // the race detector has pools lose some
		for range 20 {
			least = min(least, testing.AllocsPerRun(5, func() {
				if err := l.Commit(e); err != nil {
					t.Fatal(err)
				}
			}))
		}
		if least != 0 {
			t.Errorf("%s: got %v allocations, want none", kind, least)
		}
	}
}

func TestRegister(t *testing.T) {
	l := open(t.TempDir(), durable.OS{})
	commit(t, l, "a")
	r := prometheus.NewRegistry()
	if err := l.Register(r); err != nil {
		t.Fatal(err)
	}
	families, err := r.Gather()
	if err != nil || len(families) != 6 {
		t.Errorf("got %d families, %v, want 6", len(families), err)
	}
}

// FuzzRead reads whatever comes: no more comes out than was put in.
func FuzzRead(f *testing.F) {
	origin := f.TempDir()
	l := open(origin, durable.OS{})
	for _, p := range []string{"one", "", "and a third"} {
		if err := l.Commit(&entry{payload: []byte(p)}); err != nil {
			f.Fatal(err)
		}
	}
	path := segment(f, origin)
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Add(append(slices.Clone(good[:50]), good...))
	f.Fuzz(func(t *testing.T, b []byte) {
		write(t, path, b)
		n := 0
		for r, err := range wal.Read(durable.OS{}, origin, 0, 0, func(wal.Damage) {}) {
			if err != nil {
				t.Fatal(err)
			}
			n += len(r.Payload)
		}
		if n > len(b) {
			t.Errorf("%d bytes come out of %d", n, len(b))
		}
	})
}

func BenchmarkCommit(b *testing.B) {
	for _, kind := range []wal.Sync{wal.Never, wal.Interval, wal.Always} {
		for _, size := range []int{400, 64 << 10} {
			for _, writers := range []int{1, 8} {
				b.Run(fmt.Sprintf("%s/%d/%d", kind, size, writers), func(b *testing.B) {
					l := wal.New(wal.Config{Dir: b.TempDir(), Sync: kind, SegmentBytes: 64 << 20}, durable.OS{}, time.Now, quiet())
					b.SetBytes(int64(size))
					b.ReportAllocs()
					b.SetParallelism(writers)
					b.RunParallel(func(pb *testing.PB) {
						e := &entry{payload: make([]byte, size)}
						for pb.Next() {
							if err := l.Commit(e); err != nil {
								b.Error(err)
							}
						}
					})
				})
			}
		}
	}
}
