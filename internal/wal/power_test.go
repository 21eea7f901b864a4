package wal_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tallystick/internal/durable"
	"tallystick/internal/durable/durabletest"
	"tallystick/internal/wal"
)

// A story is that of a log over several lives, each of which ends with a loss of power, or
// of the process. It knows what must be read at the next start, and what must not.
type story struct {
	t    *testing.T
	name string
	r    *rand.Rand
	kind wal.Sync
	dir  string

	from  int      // segment from which on it is read: what is before is in a checkpoint
	kept  []string // records of earlier lives that are there
	sent  []string // of this life, since from
	fates []int    // of each of them
	sure  int      // so many of sent are durable, if acknowledged and not doubtful
	count int
}

// The fates of records.
const (
	refused = iota
	acknowledged
	doubtful // acknowledged, and an fsync of it failed: the kernel may have dropped it
)

// TestPowerLoss: a log that writes, fails, is cut and forgotten, until its power is cut, or
// it is killed; and again, some times. With Always nothing is lost that was acknowledged,
// with Interval nothing that an fsync came after; what is left is in its order; what was
// refused before something that is durable is not there; and a kill loses nothing.
func TestPowerLoss(t *testing.T) {
	for _, kind := range []wal.Sync{wal.Always, wal.Interval, wal.Never} {
		for seed := range uint64(300) {
			s := &story{t: t, r: rand.New(rand.NewPCG(seed, 7)), kind: kind, dir: durabletest.Dir(t)}
			for life := range 4 {
				s.name = fmt.Sprintf("%s, seed %d, life %d", kind, seed, life)
				s.live()
			}
		}
	}
}

// faults are the last operation of a life, and maybe some that fail before it.
func (s *story) faults() []durabletest.Fault {
	all := []durabletest.Fault{{At: 1 + s.r.IntN(50), Crash: true, Applied: s.r.IntN(2) == 0, Short: s.r.IntN(2) == 0}}
	for range s.r.IntN(4) {
		kinds := []string{durabletest.Sync, durabletest.Write, durabletest.Truncate, ""}
		all = append(all, durabletest.Fault{
			At: 1 + s.r.IntN(30), Kind: kinds[s.r.IntN(len(kinds))], Applied: s.r.IntN(2) == 0, Short: s.r.IntN(2) == 0,
		})
	}
	return append(all, durabletest.Fault{Kind: []string{durabletest.Truncate, "none"}[s.r.IntN(2)]})
}

func (s *story) live() {
	fsys := &durabletest.FS{Faults: s.faults()}
	if err := fsys.Watch(s.dir); err != nil {
		s.t.Fatal(err)
	}
	l := wal.New(wal.Config{Dir: s.dir, Sync: s.kind, SegmentBytes: 150}, fsys, time.Now, quiet())
	l.After(time.Time{}, s.from)
	for range 5 + s.r.IntN(25) {
		before := l.Stats()
		switch s.r.IntN(8) {
		case 0, 1:
			l.Step()
			s.synced(before, l.Stats(), len(s.sent))
		case 2:
			s.forget(l)
		default:
			s.commit(l)
			s.synced(before, l.Stats(), len(s.sent)-1) // of the segment before
		}
	}
	killed := s.r.IntN(4) == 0
	if !killed {
		if err := fsys.PowerLoss(rand.New(rand.NewPCG(s.r.Uint64(), 7))); err != nil {
			s.t.Fatal(err)
		}
	}
	s.check(killed)
}

func (s *story) commit(l *wal.Log) {
	s.count++
	payload := fmt.Sprintf("record %d", s.count)
	fate := refused
	if l.Commit(&entry{payload: []byte(payload)}) == nil {
		fate = acknowledged
	}
	s.sent, s.fates = append(s.sent, payload), append(s.fates, fate)
	if s.kind == wal.Always && fate == acknowledged {
		s.sure = len(s.sent)
	}
}

// synced takes note of fsyncs, of the first n records.
func (s *story) synced(before, after wal.Stats, n int) {
	switch {
	case s.kind != wal.Interval:
	case after.SyncFailures > before.SyncFailures: // a failed close tells the same
		for i := s.sure; i < n; i++ {
			s.fates[i] = min(doubtful, 2*s.fates[i])
		}
	case after.Syncs > before.Syncs:
		s.sure = n
	}
}

// forget does what a checkpoint does: all that was written is in it.
func (s *story) forget(l *wal.Log) {
	l.Turn(func(time.Time) {
		if n, err := l.Cut(); err == nil {
			s.from = n
			s.kept, s.sent, s.fates, s.sure = nil, nil, nil, 0
		}
	})
	_ = l.Forget(s.from) // what is left of it is not read
}

// check reads what is left, with which the next life begins.
func (s *story) check(killed bool) {
	s.t.Helper()
	got, _ := read(s.t, s.dir, s.from, 0)
	all := append(slices.Clone(s.kept), s.sent...)
	if !subset(got, all) {
		s.t.Errorf("%s: got %q, want some of %q", s.name, got, all)
	}
	lost := func(record string) bool { return !slices.Contains(got, record) }
	if slices.ContainsFunc(s.kept, lost) {
		s.t.Errorf("%s: got %q, want all of an earlier life: %q", s.name, got, s.kept)
	}
	for i, record := range s.sent {
		must := s.fates[i] == acknowledged && i < s.sure || s.fates[i] != refused && killed
		mustNot := s.fates[i] == refused && (i < s.sure || killed && slices.Max(s.fates[i:]) != refused)
		if must && lost(record) || mustNot && !lost(record) {
			s.t.Errorf("%s, killed %v: got %q, want %s to be there: %v; fates %v, sure are %d of %q",
				s.name, killed, got, record, must, s.fates, s.sure, s.sent)
		}
	}
	s.kept, s.sent, s.fates, s.sure = got, nil, nil, 0
}

// After an fsync that failed nothing more goes into that segment.
func TestFailedSyncEndsSegment(t *testing.T) {
	for kind, segments := range map[wal.Sync]int{wal.Always: 2, wal.Interval: 2, wal.Never: 1} {
		dir := t.TempDir()
		fsys := &durabletest.FS{Faults: []durabletest.Fault{{At: 6, Kind: durabletest.Sync}}} // folder, file, header, names, record
		l := wal.New(wal.Config{Dir: dir, Sync: kind, SegmentBytes: 1 << 20}, fsys, time.Now, quiet())
		err := l.Commit(&entry{payload: []byte("a")})
		l.Step()
		commit(t, l, "b")
		want := []string{"a", "b"}
		if kind == wal.Always {
			want = want[1:] // it was refused
		}
		check(t, string(kind), dir, want...)
		got, listErr := wal.Segments(durable.OS{}, dir)
		if (err != nil) != (kind == wal.Always) || len(got) != segments || listErr != nil {
			t.Errorf("%s: got %v, and segments %v, %v, want %d", kind, err, got, listErr, segments)
		}
	}
}
