package xrootd

import (
	"bytes"
	"encoding/binary"
	"math"
)

// A FileStream is the content of an f datagram.
type FileStream struct {
	Begin, End int64  // Unix seconds: first record buffered (or previous flush), flush
	NXfr       int    // how many xfr records the server says are inside
	NTotal     int    // how many records in all, the time record aside
	SID        uint64 // 0 from servers that do not send it (before 5.x)
	Unknown    int    // records of types that are not known here; they were skipped
	Records    []FileRecord
}

// A FileType is the type of an f record.
type FileType uint8

// The types of f records.
const (
	FileClose FileType = 0
	FileOpen  FileType = 1
	FileTime  FileType = 2
	FileXfr   FileType = 3
	FileDisc  FileType = 4
)

// A FileRecord is one record of an f datagram: an open, a close, a progress
// report (xfr), or a disconnect.
type FileRecord struct {
	Type FileType
	ID   uint32 // file id; of a disconnect: user id

	// open
	Size     int64
	Writable bool
	HasLFN   bool   // without the name there is no user id either
	UserID   uint32 // 0: unknown
	LFN      []byte

	// close and xfr: bytes so far
	Read, ReadV, Write int64

	// close
	Forced bool // the session ended first
	HasOps bool
	HasSSQ bool
	Ops    FileOps
	SSQ    FileSSQ
}

// FileOps are the operation counts of a close record.
type FileOps struct {
	Read, ReadV, Write int32
	SegsMin, SegsMax   int16 // rsMin, rsMax: segments per vector read
	Segs               int64 // segments of all vector reads
	ReadMin, ReadMax   int32 // bytes per read; Min 2147483647 if only page reads came (fact 4)
	ReadVMin, ReadVMax int32
	WriteMin, WriteMax int32
}

// FileSSQ are the sums of squares of a close record.
type FileSSQ struct{ Read, ReadV, Segs, Write float64 }

// The sizes of f records. Records may be longer: what is behind is skipped.
const (
	recordSize  = 8 // the header of every record: type, flags, size, id
	timeSize    = 16
	timeSizeSID = 24
	openSize    = 16
	openSizeLFN = 20 // and the name
	xfrSize     = 32
	closeSize   = 32
	closeOps    = 80
	closeSSQ    = 112 // 96 in a comment of XrdXrootdMonData.hh, which forgets the operations
)

// The flags of f records.
const (
	flagForced = 0x01 // close
	flagOps    = 0x02 // close
	flagSSQ    = 0x04 // close: operations and sums of squares
	flagLFN    = 0x01 // open
	flagRW     = 0x02 // open
	flagSID    = 0x01 // time
)

// file decodes an f datagram: a time record, which the others lie in, and the
// others.
func (d *Datagram) file(b []byte) *Error {
	s := &d.File
	first, err := cutRecord(b, headerSize)
	if err != nil {
		return err
	}
	if err := s.time(first, headerSize); err != nil {
		return err
	}
	d.Kind = KindFile
	for at := headerSize + len(first); at < len(b); {
		r, err := cutRecord(b, at)
		if err != nil {
			return err
		}
		if err := s.record(r, at); err != nil {
			return err
		}
		at += len(r)
	}
	return nil
}

// cutRecord returns the record at b[at:].
func cutRecord(b []byte, at int) ([]byte, *Error) {
	rest := b[at:]
	if len(rest) < recordSize {
		return nil, errorAt(at, ReasonShort, "a record of %d bytes at the end", len(rest))
	}
	n := int(binary.BigEndian.Uint16(rest[2:]))
	if n < recordSize || n > len(rest) {
		return nil, errorAt(at, ReasonRecord, "a record of type %d and size %d in %d bytes", rest[0], n, len(rest))
	}
	return rest[:n], nil
}

// time takes the record that must be the first.
func (s *FileStream) time(r []byte, at int) *Error {
	if FileType(r[0]) != FileTime {
		return errorAt(at, ReasonRecord, "the first record is of type %d and not a time", r[0])
	}
	hasSID := r[1]&flagSID != 0
	if len(r) < timeSize || hasSID && len(r) < timeSizeSID {
		return errorAt(at, ReasonRecord, "a time record of %d bytes", len(r))
	}
	s.NXfr = int(binary.BigEndian.Uint16(r[4:]))
	s.NTotal = int(binary.BigEndian.Uint16(r[6:]))
	s.Begin, s.End = unix(r[8:]), unix(r[12:])
	if hasSID {
		s.SID = binary.BigEndian.Uint64(r[16:]) & sidMask
	}
	return nil
}

// record appends the record r, which stands at offset at.
func (s *FileStream) record(r []byte, at int) *Error {
	t := FileType(r[0])
	if t == FileTime { // a comment in XrdXrootdMonData.hh has one at the end as well
		return nil
	}
	if t > FileDisc {
		s.Unknown++
		return nil
	}
	if n := minSize(t, r[1]); len(r) < n {
		return errorAt(at, ReasonRecord, "a record of type %d with flags %#x has %d bytes and needs %d", t, r[1], len(r), n)
	}
	s.Records = append(s.Records, FileRecord{Type: t, ID: binary.BigEndian.Uint32(r[4:])})
	f := &s.Records[len(s.Records)-1]
	switch t {
	case FileOpen:
		f.open(r)
	case FileXfr:
		f.bytes(r)
	case FileClose:
		f.bytes(r)
		f.close(r)
	}
	return nil
}

// minSize returns how long a record of type t with those flags must be.
func minSize(t FileType, flags byte) int {
	switch {
	case t == FileClose && flags&flagSSQ != 0:
		return closeSSQ
	case t == FileClose && flags&flagOps != 0:
		return closeOps
	case t == FileClose:
		return closeSize
	case t == FileXfr:
		return xfrSize
	case t == FileOpen && flags&flagLFN != 0:
		return openSizeLFN
	case t == FileOpen:
		return openSize
	}
	return recordSize
}

func (f *FileRecord) open(r []byte) {
	f.Size = i64(r[8:])
	f.Writable = r[1]&flagRW != 0
	if r[1]&flagLFN == 0 {
		return
	}
	f.HasLFN = true
	f.UserID = binary.BigEndian.Uint32(r[16:])
	f.LFN = cString(r[openSizeLFN:])
}

func (f *FileRecord) bytes(r []byte) {
	f.Read, f.ReadV, f.Write = i64(r[8:]), i64(r[16:]), i64(r[24:])
}

func (f *FileRecord) close(r []byte) {
	f.Forced = r[1]&flagForced != 0
	f.HasSSQ = r[1]&flagSSQ != 0
	f.HasOps = f.HasSSQ || r[1]&flagOps != 0
	if f.HasOps {
		f.Ops.decode(r[closeSize:closeOps])
	}
	if f.HasSSQ {
		f.SSQ.decode(r[closeOps:closeSSQ])
	}
}

func (o *FileOps) decode(b []byte) {
	o.Read, o.ReadV, o.Write = i32(b), i32(b[4:]), i32(b[8:])
	o.SegsMin, o.SegsMax = i16(b[12:]), i16(b[14:])
	o.Segs = i64(b[16:])
	o.ReadMin, o.ReadMax = i32(b[24:]), i32(b[28:])
	o.ReadVMin, o.ReadVMax = i32(b[32:]), i32(b[36:])
	o.WriteMin, o.WriteMax = i32(b[40:]), i32(b[44:])
}

func (q *FileSSQ) decode(b []byte) {
	q.Read, q.ReadV, q.Segs, q.Write = f64(b), f64(b[8:]), f64(b[16:]), f64(b[24:])
}

// cString returns b up to its first NUL, or all of it.
func cString(b []byte) []byte {
	s, _, _ := bytes.Cut(b, []byte{0})
	return s
}

func i16(b []byte) int16 { return int16(binary.BigEndian.Uint16(b)) }

func i32(b []byte) int32 { return int32(binary.BigEndian.Uint32(b)) }

func f64(b []byte) float64 { return math.Float64frombits(binary.BigEndian.Uint64(b)) }
