package checkpoint_test

import (
	"errors"
	"iter"
	"math"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
	"tallystick/internal/durable/durabletest"
)

// TestPacketsMissed: where the log gives an error, there is no checkpoint without the
// packets that come behind it, and nothing is forgotten; the next one has them.
func TestPacketsMissed(t *testing.T) {
	dir, w, sick := t.TempDir(), newWorld(t), errors.New("too many open files")
	w.grow(t, 1)
	parts := w.parts()
	inLog, forgot := parts.Packets, 0
	parts.Packets = func(from, to int) iter.Seq2[checkpoint.Packet, error] {
		return func(yield func(checkpoint.Packet, error) bool) {
			for p := range inLog(from, to) {
				if !yield(p, nil) || sick != nil {
					break
				}
			}
			if sick != nil {
				yield(checkpoint.Packet{}, sick)
			}
		}
	}
	parts.Forget = func(int) error { forgot++; return nil }
	d := checkpoint.New(checkpoint.Config{Dir: dir, Every: time.Minute}, durable.OS{}, parts, quiet())
	if _, err := d.Save(t.Context()); !errors.Is(err, sick) || forgot != 0 {
		t.Errorf("got %v, and the log forgot %d times, want %v, and never", err, forgot, sick)
	}
	sick = nil
	if info := save(t, d); info.Packets != 5 || forgot != 1 {
		t.Errorf("got %+v, and the log forgot %d times, want all 5 packets, and once", info, forgot)
	}
}

// TestClosedMeanwhile: what could be read at the start and cannot be opened now is an error
// for who reads the checkpoints. No other takes their place without it, nothing of them goes
// to quarantine, and once it can be opened all is there.
func TestClosedMeanwhile(t *testing.T) {
	s := twoCheckpoints(t)
	for _, file := range append(s.files, "packets.avro") {
		if file == "collector.avro" || file == "ingest.avro" {
			continue // the newest state is all that counts
		}
		dir := like(t, s.dir)
		path := filepath.Join(dir, filepath.Base(s.new), file)
		w, _ := restored(t, dir)
		d := open(dir, durabletest.Sick{Closed: path}, w)
		w.grow(t, 3)
		save(t, d)
		if got := d.Stats(); got.Unmerged != 1 || got.Damaged != 0 {
			t.Errorf("%s: got %+v, want one merge that failed, and no damage", file, got)
		}
		if got := names(t, dir); !slices.Contains(got, filepath.Base(s.new)) || slices.Contains(got, "quarantine") {
			t.Errorf("%s: got %v, want all three checkpoints", file, got)
		}
		if again, info := restored(t, dir); !info.Whole() || !cmp.Equal(again.content(), w.content()) {
			t.Errorf("%s: got %+v, want all that there was: %s", file, info, cmp.Diff(w.content(), again.content()))
		}
	}
}

// TestViewClosed: a sequence ends with an error if a file of it cannot be opened, and the
// others do not.
func TestViewClosed(t *testing.T) {
	s := twoCheckpoints(t)
	d := open(s.dir, durabletest.Sick{Closed: filepath.Join(s.new, "claims.avro")}, newWorld(t))
	v, err := d.View(func(_, file string, err error) { t.Errorf("%s is told as damaged: %v", file, err) })
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	var last error
	for _, err := range v.Claims(t.Context(), math.MinInt64, math.MaxInt64) {
		last = err
	}
	if !errors.Is(last, syscall.EACCES) {
		t.Errorf("claims end with %v, want %v", last, syscall.EACCES)
	}
	for _, err := range v.Packets(t.Context(), math.MinInt64, math.MaxInt64) {
		if err != nil {
			t.Errorf("packets: %v", err)
		}
	}
}

// TestProblemsClosed: a checkpoint of which an earlier life told problems goes to quarantine,
// also if that cannot be read now.
func TestProblemsClosed(t *testing.T) {
	s := twoCheckpoints(t)
	path := filepath.Join(s.new, "problems.txt")
	write(t, path, "something")
	w, _ := restored(t, s.dir)
	w.grow(t, 3)
	save(t, open(s.dir, durabletest.Sick{Closed: path}, w))
	if got := names(t, s.dir); !slices.Contains(got, "quarantine") {
		t.Errorf("got %v, want the one with problems in quarantine", got)
	}
}
