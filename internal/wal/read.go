package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"path/filepath"
	"slices"
	"time"

	"github.com/klauspost/compress/s2"

	"tallystick/internal/durable"
)

// A Record is one that is read back. Its payload is good until the next one.
type Record struct {
	Segment int
	Offset  int64 // of its header in the segment
	At      time.Time
	Payload []byte
	Undone  []byte // what Apply returned
}

// A Damage is a piece of the log that cannot be read.
type Damage struct {
	Segment int
	Offset  int64
	Bytes   int64 // how many, as far as is known
	Tail    bool  // nothing comes behind it in its segment, as a crash leaves it
	Closed  bool  // it is all of the segment, which is there and cannot be opened: maybe it can be later
	Err     error
}

func (d Damage) String() string {
	what := "damaged"
	switch {
	case d.Closed:
		return fmt.Sprintf("log segment %d cannot be opened: %v", d.Segment, d.Err)
	case d.Tail:
		what = "torn"
	}
	return fmt.Sprintf("log segment %d: %d bytes at byte %d are %s: %v", d.Segment, d.Bytes, d.Offset, what, d.Err)
}

// Read yields the records of the segments [from, to), in order; to 0 is all that there
// are. What cannot be read is told and skipped. It may be called beside a Log that
// writes. The error is that of listing the folder, and the last that comes.
func Read(fsys durable.Reader, dir string, from, to int, damaged func(Damage)) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		all, err := find(fsys, dir)
		if err != nil {
			yield(Record{}, fmt.Errorf("list the log: %w", err))
			return
		}
		var r reader
		for i, f := range all {
			if f.number < from || to != 0 && f.number >= to {
				continue
			}
			r = reader{segment: f.number, sum: newSum(f.salt), limit: math.MaxInt64, buf: r.buf[:0]}
			for _, later := range all[i+1:] {
				r.limit = min(r.limit, validIn(fsys, dir, later, f.number))
			}
			path := filepath.Join(dir, f.name)
			r.read(fsys, path, func(Record, error) bool { return true }) // a correction comes after its record
			r = reader{segment: r.segment, sum: r.sum, limit: r.limit, undone: r.undone, damaged: damaged, buf: r.buf[:0]}
			if !r.read(fsys, path, yield) {
				return
			}
		}
	}
}

// Segments returns the numbers of the segments in a folder, ascending.
func Segments(fsys durable.Reader, dir string) ([]int, error) {
	all, err := find(fsys, dir)
	out := make([]int, 0, len(all))
	for _, f := range all {
		out = append(out, f.number)
	}
	return slices.Compact(out), err
}

// validIn returns up to where the segment later says that a segment before it is valid.
func validIn(fsys durable.Reader, dir string, later found, number int) int64 {
	f, err := fsys.Open(filepath.Join(dir, later.name))
	if err != nil {
		return math.MaxInt64
	}
	defer f.Close()
	b := make([]byte, fileHeader)
	if _, err := io.ReadFull(f, b); err != nil {
		return math.MaxInt64
	}
	before, ok := parseHeader(b, newSum(later.salt))
	if !ok || before.number != number || before.valid == 0 {
		return math.MaxInt64
	}
	return before.valid
}

// A reader reads a segment.
type reader struct {
	segment int
	sum     sum
	limit   int64            // where it ends at the latest
	undone  map[int64][]byte // by the offset of the record
	damaged func(Damage)

	src   io.Reader
	err   error // of src
	plain []byte
	buf   []byte
	pos   int   // of what is read next, in buf
	off   int64 // of buf in the segment
}

// piece is how much is read at once.
const piece = 256 << 10

// fill makes the next n bytes lie in the buffer, and reports whether there are so many.
// The buffer grows with what is read, not with n.
func (r *reader) fill(n int) bool {
	for len(r.buf)-r.pos < n && r.err == nil {
		if r.pos > 0 {
			r.buf = r.buf[:copy(r.buf, r.buf[r.pos:])]
			r.off += int64(r.pos)
			r.pos = 0
		}
		r.buf = slices.Grow(r.buf, piece)
		room := min(int64(cap(r.buf)), r.limit-r.off) - int64(len(r.buf))
		if room <= 0 {
			r.err = io.EOF
			break
		}
		var m int
		m, r.err = r.src.Read(r.buf[len(r.buf) : len(r.buf)+int(room)])
		r.buf = r.buf[:len(r.buf)+m]
	}
	return len(r.buf)-r.pos >= n
}

func (r *reader) at() int64 { return r.off + int64(r.pos) }

// read yields the records of a segment, and takes its corrections.
func (r *reader) read(fsys durable.Reader, path string, yield func(Record, error) bool) bool {
	f, err := fsys.Open(path)
	if err != nil {
		r.told(Damage{Closed: !errors.Is(err, fs.ErrNotExist), Err: err})
		return true
	}
	defer f.Close()
	r.src = f
	if r.fill(fileHeader) {
		if _, ok := parseHeader(r.buf[r.pos:], r.sum); !ok {
			r.tell(0, fileHeader, false, errors.New("the header of the segment is damaged")) // nothing that is needed is in it
		}
		r.pos += fileHeader
	}
	for {
		rec, corrects, err := r.record()
		switch {
		case errors.Is(err, io.EOF):
			return true
		case corrects:
			r.correct(rec.Payload)
		case err == nil:
			rec.Undone = r.undone[rec.Offset]
			if !yield(rec, nil) {
				return false
			}
		case !r.resync(err):
			return true
		}
	}
}

var (
	errMagic  = errors.New("no record begins there")
	errHeader = errors.New("checksum of a record's header is wrong")
	errBody   = errors.New("checksum of a record is wrong")
	errPacked = errors.New("a compressed record cannot be read")
	errEnd    = errors.New("the segment ends within a record")
)

// record reads the next record, and whether it is a correction. After an error the place
// is still that before it.
func (r *reader) record() (rec Record, corrects bool, err error) {
	if !r.fill(1) {
		return rec, false, r.end(io.EOF)
	}
	h, err := r.peek()
	if err != nil {
		return rec, false, err
	}
	if !r.fill(headerSize + h.length) {
		return rec, false, r.end(errEnd)
	}
	payload := r.buf[r.pos+headerSize:][:h.length:h.length]
	if r.sum.of(payload) != h.check {
		return rec, false, errBody
	}
	if h.packed {
		if payload, err = r.unpack(payload); err != nil {
			return rec, false, err
		}
	}
	rec = Record{Segment: r.segment, Offset: r.at(), At: h.at, Payload: payload}
	r.pos += headerSize + h.length
	return rec, h.corrects, nil
}

// unpack returns what was compressed.
func (r *reader) unpack(payload []byte) (plain []byte, err error) {
	n, err := s2.DecodedLen(payload)
	if err != nil || n > MaxRecord {
		return nil, errPacked
	}
	r.plain = slices.Grow(r.plain[:0], n)
	if r.plain, err = s2.Decode(r.plain[:n], payload); err != nil {
		return nil, errPacked
	}
	return r.plain, nil
}

// correct takes a correction.
func (r *reader) correct(payload []byte) {
	if len(payload) < 8 {
		return
	}
	if r.undone == nil {
		r.undone = make(map[int64][]byte)
	}
	r.undone[int64(binary.LittleEndian.Uint64(payload))] = bytes.Clone(payload[8:]) //nolint:gosec // the bits as they were written
}

// A header is that of a record.
type header struct {
	length   int
	corrects bool
	packed   bool
	at       time.Time
	check    uint32 // of the payload
}

func (r *reader) header(b []byte) (h header, err error) {
	if binary.LittleEndian.Uint32(b) != recordMagic {
		return h, errMagic
	}
	if binary.LittleEndian.Uint32(b[headerSize-4:]) != r.sum.of(b[:headerSize-4]) {
		return h, errHeader
	}
	n := binary.LittleEndian.Uint32(b[4:])
	h.length, h.corrects, h.packed = int(n&^(correction|compressed)), n&correction != 0, n&compressed != 0
	if h.length > maxPayload {
		return h, ErrTooLong
	}
	h.at = time.Unix(0, int64(binary.LittleEndian.Uint64(b[8:]))) //nolint:gosec // the bits as they were written
	h.check = binary.LittleEndian.Uint32(b[16:])
	return h, nil
}

// resync goes to the next record behind damage, tells how much was skipped, and reports
// whether there is one.
func (r *reader) resync(cause error) bool {
	began := r.at()
	if errors.Is(cause, errBody) || errors.Is(cause, errPacked) { // it says how long it is
		h, _ := r.header(r.buf[r.pos:])
		r.pos += headerSize + h.length
		if _, err := r.peek(); err == nil || !r.fill(1) {
			r.tell(began, r.at()-began, err != nil, cause)
			return true
		}
	} else {
		r.pos++
	}
	magic := binary.LittleEndian.AppendUint32(nil, recordMagic)
	for r.fill(headerSize) {
		i := bytes.Index(r.buf[r.pos:], magic)
		if i < 0 {
			r.pos = len(r.buf) - len(magic) + 1
			continue
		}
		r.pos += i
		if r.whole() {
			r.tell(began, r.at()-began, false, cause)
			return true
		}
		r.pos++
	}
	r.pos = len(r.buf)
	r.tell(began, r.at()-began, true, cause)
	return false
}

// peek looks at the header of the next record.
func (r *reader) peek() (header, error) {
	if !r.fill(headerSize) {
		return header{}, r.end(errEnd)
	}
	return r.header(r.buf[r.pos:])
}

// whole reports whether a whole record begins here.
func (r *reader) whole() bool {
	h, err := r.peek()
	return err == nil && r.fill(headerSize+h.length) && r.sum.of(r.buf[r.pos+headerSize:][:h.length]) == h.check
}

// end returns why there is no more to read: err, unless the disk has another reason.
func (r *reader) end(err error) error {
	if r.sick() {
		return r.err
	}
	return err
}

// sick reports whether the file could not be read to its end.
func (r *reader) sick() bool { return r.err != nil && !errors.Is(r.err, io.EOF) }

func (r *reader) tell(offset, n int64, tail bool, err error) {
	r.told(Damage{Offset: offset, Bytes: n, Tail: tail && !r.sick(), Err: err})
}

func (r *reader) told(d Damage) {
	if d.Segment = r.segment; r.damaged != nil {
		r.damaged(d)
	}
}
