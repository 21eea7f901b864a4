package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"tallystick/internal/durable"
)

const (
	suffix      = ".wal"
	fileMagic   = "TALLYWAL"
	version     = 1
	fileHeader  = 8 + 4 + 8 + 8 + 8 + 4
	recordMagic = 0xf5a1_7e0d
	headerSize  = 4 + 4 + 8 + 4 + 4
	correction  = 1 << 31       // in a length
	compressed  = 1 << 30       // the same
	maxPayload  = MaxRecord + 8 // of a correction, which never has more to say than the record
)

// A segment is a file that is being written.
type segment struct {
	number int
	file   durable.File
	size   int64
	sum    sum
	dirty  atomic.Bool // written since the last fsync
}

// left is a segment that was left: up to where it is valid, if not to its end.
type left struct {
	number int
	valid  int64 // 0: to its end
}

// A sum makes the checksums of a segment: CRC-32C of its salt and then of what is given.
type sum uint32

func newSum(salt uint64) sum {
	return sum(crc32.Checksum(binary.LittleEndian.AppendUint64(nil, salt), castagnoli()))
}

func (s sum) of(b []byte) uint32 { return crc32.Update(uint32(s), castagnoli(), b) }

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func segmentName(number int, salt uint64) string {
	return fmt.Sprintf("%08d-%016x%s", number, salt, suffix)
}

// A found is a segment in the folder.
type found struct {
	name   string
	number int
	salt   uint64
}

// parseName returns the segment with the name; ok is false if it is none.
func parseName(name string) (f found, ok bool) {
	n, s, _ := strings.Cut(strings.TrimSuffix(name, suffix), "-")
	number, errN := strconv.Atoi(n)
	salt, errS := strconv.ParseUint(s, 16, 64)
	return found{name, number, salt}, errN == nil && errS == nil && name == segmentName(number, salt)
}

// find returns the segments in a folder, by number.
func find(fsys durable.Reader, dir string) ([]found, error) {
	entries, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []found
	for _, e := range entries {
		if f, ok := parseName(e.Name()); ok && !e.IsDir() {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b found) int { return a.number - b.number })
	return out, err
}

// appendHeader appends the header of a segment.
func appendHeader(b []byte, s sum, number int, before left) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint32(append(b, fileMagic...), version)
	for _, n := range []int64{int64(number), int64(before.number), before.valid} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n)) //nolint:gosec // none is negative
	}
	return binary.LittleEndian.AppendUint32(b, s.of(b[start:]))
}

// parseHeader returns what a header says of the segment before it; false if it is none.
func parseHeader(b []byte, s sum) (before left, ok bool) {
	if len(b) < fileHeader || string(b[:8]) != fileMagic || binary.LittleEndian.Uint32(b[8:]) != version ||
		binary.LittleEndian.Uint32(b[fileHeader-4:]) != s.of(b[:fileHeader-4]) {
		return left{}, false
	}
	//nolint:gosec // the checksum says that we wrote it
	return left{int(binary.LittleEndian.Uint64(b[20:])), int64(binary.LittleEndian.Uint64(b[28:]))}, true
}

func appendRecord(b []byte, s sum, at time.Time, payload []byte, packed bool) []byte {
	length := uint32(len(payload)) //nolint:gosec // at most MaxRecord
	if packed {
		length |= compressed
	}
	return append(appendRecordHeader(b, s, at, length, s.of(payload)), payload...)
}

func appendRecordHeader(b []byte, s sum, at time.Time, length, check uint32) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint32(b, recordMagic)
	b = binary.LittleEndian.AppendUint32(b, length)
	b = binary.LittleEndian.AppendUint64(b, uint64(at.UnixNano())) //nolint:gosec // the bits are read back as they are
	b = binary.LittleEndian.AppendUint32(b, check)
	return binary.LittleEndian.AppendUint32(b, s.of(b[start:]))
}

// appendCorrection says what was not applied of the record at an offset.
func appendCorrection(b []byte, s sum, at time.Time, offset int64, undone []byte) []byte {
	var place [8]byte
	binary.LittleEndian.PutUint64(place[:], uint64(offset)) //nolint:gosec // not negative
	check := sum(s.of(place[:])).of(undone)
	//nolint:gosec // shorter than a record
	b = appendRecordHeader(b, s, at, uint32(len(place)+len(undone))|correction, check)
	return append(append(b, place[:]...), undone...)
}

// open makes sure that there is a segment to write to.
func (l *Log) open() error {
	if l.out != nil && !l.cut && l.out.size < l.cfg.SegmentBytes {
		return nil
	}
	l.leave(0)
	l.cut = false
	if err := l.number(); err != nil {
		return err
	}
	number := l.next
	l.next++ // also if this one fails: its name may be in use
	return l.create(number)
}

// number finds out which segments there are, once.
func (l *Log) number() error {
	if l.next > 0 {
		return nil
	}
	if err := l.fsys.MkdirAll("log folder", l.cfg.Dir); err != nil {
		return err
	}
	all, err := find(l.fsys, l.cfg.Dir)
	if err != nil {
		return err
	}
	l.next = max(l.floor, 1)
	if len(all) > 0 {
		l.next = max(l.next, all[len(all)-1].number+1)
	}
	return nil
}

func (l *Log) create(number int) error {
	salt := rand.Uint64()
	path := filepath.Join(l.cfg.Dir, segmentName(number, salt))
	f, err := l.fsys.Create("log segment", path)
	if err != nil {
		return err
	}
	s := &segment{number: number, file: f, size: fileHeader, sum: newSum(salt)}
	_, err = f.Write(appendHeader(nil, s.sum, number, l.before))
	if err == nil {
		err = l.fsys.SyncDir("log segment", l.cfg.Dir)
	}
	if err != nil {
		return errors.Join(err, f.Close(), l.fsys.Remove("log segment", path))
	}
	s.dirty.Store(true)
	l.files.Lock()
	defer l.files.Unlock()
	l.out, l.before = s, left{}
	return nil
}

// put writes records to the segment, all of them or none.
func (l *Log) put(records []byte) error {
	n, err := l.out.file.Write(records)
	if err == nil && n < len(records) {
		err = errors.New("short write")
	}
	if err != nil {
		if cut := l.out.file.Truncate(l.out.size); cut != nil {
			l.leave(l.out.size)
			err = errors.Join(err, cut)
		}
		return err
	}
	if l.cfg.Sync == Always {
		if err := l.out.file.Sync(); err != nil { // what is on the disk now is not known: it must not be read
			l.stats.syncFailures.Add(1)
			err = errors.Join(err, l.out.file.Truncate(l.out.size))
			l.out.dirty.Store(false) // the kernel would not say again what it could not write
			l.leave(l.out.size)
			return err
		}
		l.stats.syncs.Add(1)
	}
	l.out.size += int64(n)
	l.out.dirty.Store(l.cfg.Sync != Always)
	l.stats.size.Add(int64(n))
	return nil
}

// leave closes the segment. valid is up to where it is, 0 to its end.
func (l *Log) leave(valid int64) {
	l.files.Lock()
	defer l.files.Unlock()
	if l.out == nil {
		return
	}
	if l.cfg.Sync != Never && l.out.dirty.Load() {
		l.told("fsync", l.out.file.Sync())
	}
	l.told("close", l.out.file.Close())
	l.before = left{l.out.number, valid}
	l.out = nil
}

// told counts and logs what fails where nobody waits for an answer: what was
// acknowledged is with the kernel, and only a power failure can take it.
func (l *Log) told(what string, err error) {
	switch {
	case err != nil:
		l.stats.syncFailures.Add(1)
		l.log.Error("segment of the log is maybe not on the disk", "what", what, "err", err)
	case what == "fsync":
		l.stats.syncs.Add(1)
	}
}
