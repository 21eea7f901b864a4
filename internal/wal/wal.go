// Package wal is the log of everything that was accepted: records of bytes that only
// their owner understands, in segments.
//
//	<dir>/00000012-9f3c51d20a77e4b6.wal    number and salt of the segment
//	┌────────┬────────┬────────┬───
//	│ header │ record │ record │ …
//	└────────┴────────┴────────┴───
//	header  magic "TALLYWAL" │ version u32 │ number u64 │ the segment before u64 │ its valid bytes u64 │ CRC u32
//	record  magic u32 │ length u32 │ time i64, Unix nanoseconds │ CRC of the payload u32 │ CRC of these 20 bytes u32 │ payload
//
// The highest bit of a length makes it a correction, whose payload is the offset u64 of a
// record before it in the segment, and what was not applied of that. The bit below says that
// the payload is compressed, as an S2 block of klauspost/compress, a superset of Snappy's.
//
// All numbers are little-endian, CRCs are CRC-32C that begin with the salt: what a
// sender put into a payload cannot pass for a record when a reader looks for the next
// one behind damage, since it cannot know the salt.
//
// Rules:
//
//   - Commit writes a record and then applies it, one at a time and in the order of the
//     log, so that what the records made is made again by reading them. What turns out to
//     have no room then is written down behind it, before anybody is told.
//   - Those who come while another writes are written together, with one write and, if
//     so configured, one fsync. Who comes alone does all of it itself: no goroutine is
//     switched, and nothing is allocated (TestCommitAllocates).
//   - A write that fails is undone: the segment is cut back to where it was. If that
//     fails too, or an fsync did, the segment is left, and the next one says how much of
//     it is valid. The next Commit tries anew: a disk that has room again is enough.
//   - Segments of an earlier life are only read. A torn tail is what a crash leaves;
//     damage before it costs the record that it is in (TestDamage). A segment that is known
//     to be damaged is not removed in the end, but moved to the folder quarantine.
//
// What is on the disk when the power fails is up to Config.Sync. What was acknowledged is
// with the kernel in any case: a process that is killed loses nothing.
package wal

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/s2"

	"tallystick/internal/durable"
)

// Sync says when a record is on the disk.
type Sync string

// The kinds of Sync.
const (
	// Always is an fsync before anything is acknowledged: a power failure loses nothing
	// that was. Those who write at the same time share one.
	Always Sync = "always"
	// Interval is an fsync every Config.Interval: a power failure, or a crash of the
	// kernel, loses at most what came since. That of the process loses nothing.
	Interval Sync = "interval"
	// Never leaves it to the kernel, which writes after some 30 s.
	Never Sync = "never"
)

// UnmarshalText reads the name of a kind.
func (s *Sync) UnmarshalText(text []byte) error {
	if kinds := []Sync{Always, Interval, Never}; !slices.Contains(kinds, Sync(text)) {
		return fmt.Errorf("%q is none of %v", text, kinds)
	}
	*s = Sync(text)
	return nil
}

// Config is what an operator may choose.
type Config struct {
	Dir      string        `koanf:"dir"`
	Sync     Sync          `koanf:"sync"`     // default interval
	Interval time.Duration `koanf:"interval"` // between two fsyncs with interval. Default 1 s
	// SegmentBytes is how large a segment becomes: what is forgotten at once. Default 64 MiB.
	SegmentBytes int64 `koanf:"segment_bytes"`
}

// Default returns the configuration that an operator gets who chooses nothing.
func Default() Config { return Config{Sync: Interval, Interval: time.Second, SegmentBytes: 64 << 20} }

// MaxRecord is how long a record is at most, in bytes.
const MaxRecord = 64 << 20

var (
	// ErrUnavailable is wrapped by the error of a Commit whose entry is not in the log, and
	// may be tried again.
	ErrUnavailable = errors.New("the log cannot be written")
	// ErrTooLong is the error of a record that is longer than MaxRecord.
	ErrTooLong = errors.New("record is too long for the log")
)

// An Entry is what becomes a record. It is a pointer, so that nothing is allocated.
type Entry interface {
	// Record returns the payload, which must not change until Commit has returned.
	Record() []byte
	// Apply is called when the record is in the log, in the order of the log, and never
	// together with another Apply or a Turn. at is the record's time: it goes back only
	// with a clock that is set back by more than an hour. A panic ends the process.
	//
	// What it could not apply it returns, in words of its own, and Read gives them with
	// the record. Nil is nothing. They must not change until the next Apply.
	Apply(at time.Time) (undone []byte)
}

// A Log writes. Its methods may be called at the same time.
type Log struct {
	cfg   Config
	fsys  durable.FS
	now   func() time.Time
	log   *slog.Logger
	stats stats

	mu      sync.Mutex
	queue   []*waiter // who has come, in the order of the log
	spare   []*waiter // the other slice of two that take turns
	waiters sync.Pool // of *waiter
	damaged []int     // numbers of segments that are not removed

	turn    sync.Mutex // who holds it writes and applies; what follows is his
	at      time.Time  // of the last record, or turn
	buf     []byte
	failing bool // the last write did
	out     *segment
	next    int  // number of the segment that is made next; 0: not looked at yet
	floor   int  // no segment has a lower number
	cut     bool // the next record begins a segment
	before  left // the segment before the next one

	files sync.Mutex // held to change out, or to fsync it while another has the turn
}

// A waiter is a Commit.
type waiter struct {
	entry   Entry
	payload []byte // as it is written
	packed  bool   // it is compressed,
	room    []byte // in here
	done    bool   // guarded by the turn
	err     error
}

// maxRoom is how large a waiter's room is at most that is kept.
const maxRoom = 1 << 20

// set makes w wait for e.
func (w *waiter) set(e Entry) {
	w.entry, w.payload, w.packed, w.done, w.err = e, e.Record(), false, false, nil
	if n := len(w.payload); n >= packedFrom {
		w.room = slices.Grow(w.room[:0], s2.MaxEncodedLen(n))
		if packed := s2.Encode(w.room[:cap(w.room)], w.payload); len(packed) < n-n/8 {
			w.payload, w.packed = packed, true
		}
	}
}

// clear makes w wait for nothing.
func (w *waiter) clear() {
	w.entry, w.payload = nil, nil
	if cap(w.room) > maxRoom {
		w.room = nil
	}
}

// packedFrom is from how many bytes on a payload is compressed: below, there is little to
// find.
const packedFrom = 256

// New returns a Log for the folder, which need not be there yet.
func New(cfg Config, fsys durable.FS, now func() time.Time, log *slog.Logger) *Log {
	l := &Log{cfg: cfg, fsys: fsys, now: now, log: log}
	l.waiters.New = func() any { return new(waiter) }
	return l
}

// Commit writes e's record and applies it. It returns when that is done; after an error,
// which wraps ErrUnavailable or is ErrTooLong, it was not applied and is not in the log.
func (l *Log) Commit(e Entry) error {
	if len(e.Record()) > MaxRecord {
		return ErrTooLong
	}
	w, _ := l.waiters.Get().(*waiter)
	w.set(e)
	l.mu.Lock()
	l.queue = append(l.queue, w)
	l.mu.Unlock()
	l.turn.Lock()
	if !w.done { // else somebody wrote it with his own
		l.lead()
	}
	l.turn.Unlock()
	err := w.err
	w.clear()
	l.waiters.Put(w)
	return err
}

// lead writes and applies all that have come.
func (l *Log) lead() {
	defer end()
	l.mu.Lock()
	all := l.queue
	l.queue, l.spare = l.spare[:0], nil
	l.mu.Unlock()
	for rest := all; len(rest) > 0; {
		n := group(rest)
		l.commit(rest[:n])
		rest = rest[n:]
	}
	clear(all)
	l.mu.Lock()
	l.spare = all
	l.mu.Unlock()
}

// maxGroup is how many bytes are written at once: what a reader of the log has to hold.
const maxGroup = 4 << 20

// group returns how many of the records are written together, at least one.
func group(from []*waiter) (n int) {
	bytes := 0
	for ; n < len(from); n++ {
		if bytes += headerSize + len(from[n].payload); n > 0 && bytes > maxGroup {
			break
		}
	}
	return n
}

// commit writes records, and applies them.
func (l *Log) commit(group []*waiter) {
	l.tick()
	err := l.open()
	if err == nil {
		l.buf = l.buf[:0]
		for _, w := range group {
			l.buf = appendRecord(l.buf, l.out.sum, l.at, w.payload, w.packed)
		}
		err = l.put(l.buf)
	}
	l.tellState(err)
	if err != nil {
		l.stats.failures.Add(int64(len(group)))
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	} else {
		l.stats.records.Add(int64(len(group)))
		l.stats.bytes.Add(int64(len(l.buf)))
	}
	for _, w := range group {
		w.err, w.done = err, true
	}
	if err == nil {
		l.apply(group, l.out.size-int64(len(l.buf)))
	}
	if cap(l.buf) > 2*maxGroup {
		l.buf = nil // it was a large one
	}
}

// apply applies records, which lie in the segment from offset on.
func (l *Log) apply(group []*waiter, offset int64) {
	l.buf = l.buf[:0]
	for _, w := range group {
		if undone := w.entry.Apply(l.at); undone != nil {
			l.buf = appendCorrection(l.buf, l.out.sum, l.at, offset, undone)
		}
		offset += headerSize + int64(len(w.payload))
	}
	if len(l.buf) == 0 {
		return
	}
	if err := l.put(l.buf); err != nil {
		l.stats.failures.Add(1)
		l.log.Error("what was refused is in the log, which cannot be written: a restart may take it", "dir", l.cfg.Dir, "err", err)
	}
}

// tellState tells when writing begins to fail, and when it works again.
func (l *Log) tellState(err error) {
	switch {
	case err != nil && !l.failing:
		l.log.Error("the log cannot be written: nothing is accepted until it can", "dir", l.cfg.Dir, "err", err)
	case err == nil && l.failing:
		l.log.Info("the log can be written again", "dir", l.cfg.Dir)
	}
	l.failing = err != nil
}

// maxBack is how far the clock may be set back and time stands still until it has caught
// up. What was further ahead was wrong, and would be for as long if it were believed: what
// comes now would be long past to all that look at its time.
const maxBack = time.Hour

// tick takes the time: that of the wall, since another life has to go on after it.
func (l *Log) tick() {
	now := l.now().Round(0)
	if back := l.at.Sub(now); back < 0 || back > maxBack {
		l.at = now
	}
}

// After goes on after what is known of an earlier life: no time is before t, unless that
// was wrong by more than an hour, and no segment has a lower number than from. A checkpoint names the segment that goes on from
// there, which must not be one of those that are skipped since they are older; and there
// may be no segment left that tells the numbers.
func (l *Log) After(t time.Time, from int) {
	l.turn.Lock()
	defer l.turn.Unlock()
	if t.After(l.at) {
		l.at = t
	}
	l.floor = max(l.floor, from)
}

// Turn calls f between two records: nothing is written or applied meanwhile.
func (l *Log) Turn(f func(at time.Time)) {
	l.turn.Lock()
	defer l.turn.Unlock()
	defer end()
	l.tick()
	f(l.at)
}

// end has a panic end the process, also where somebody would recover it, as who serves HTTP
// does: half of a record may be applied, and what was locked stays so.
func end() {
	if p := recover(); p != nil {
		go panic(fmt.Sprintf("%v, as a record of the log was applied\n%s", p, debug.Stack()))
		select {}
	}
}

// stats are what Stats tells.
type stats struct{ records, bytes, failures, syncs, syncFailures, size atomic.Int64 }
