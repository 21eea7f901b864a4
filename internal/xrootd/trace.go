package xrootd

import "encoding/binary"

// A TraceStream is the content of a t datagram.
type TraceStream struct {
	Unknown int // entries of types that are not known here; they were skipped
	Entries []TraceEntry
}

// A TraceType is the type of a t entry.
type TraceType uint8

// The types of t entries, by their first byte where they have one.
const (
	TraceRead   TraceType = 0x00 // a read, or a write if Write is set
	TraceOpen   TraceType = 0x80
	TraceReadV  TraceType = 0x90
	TraceReadU  TraceType = 0x91 // a vector read whose segments follow as entries
	TraceAppID  TraceType = 0xa0
	TraceClose  TraceType = 0xc0
	TraceDisc   TraceType = 0xd0
	TraceWindow TraceType = 0xe0
)

// A TraceEntry is one 16-byte entry of a t datagram.
type TraceEntry struct {
	Type TraceType
	ID   uint32 // file id; of a disconnect: user id

	Offset int64 // read, write
	Len    int64 // read, write; readv: bytes in all
	Write  bool
	VSeq   uint8 // readv
	Segs   int   // readv

	Size int64 // open: of the file

	// close: totals, with the low bits lost above 4 GiB
	ReadBytes, WriteBytes uint64

	Forced, Bound bool  // disc
	Seconds       int32 // disc: how long the session was

	SID     uint64 // window
	PrevEnd int64  // window: Unix seconds, end of the one before
	Begin   int64  // window: Unix seconds
	App     []byte // appid
}

// traceSize is the size of an entry.
const traceSize = 16

// maxShift is the most that a close entry may have its totals shifted: 64 bits
// into 32.
const maxShift = 32

func (d *Datagram) trace(b []byte) *Error {
	d.Kind = KindTrace
	at := headerSize
	for ; at+traceSize <= len(b); at += traceSize {
		if err := d.Trace.entry(b[at:at+traceSize], at); err != nil {
			return err
		}
	}
	if at < len(b) {
		return errorAt(at, ReasonShort, "an entry of %d bytes at the end", len(b)-at)
	}
	return nil
}

// entry appends the entry e, which stands at offset at.
func (s *TraceStream) entry(e []byte, at int) *Error {
	t := TraceEntry{Type: TraceType(e[0]), ID: binary.BigEndian.Uint32(e[12:])}
	if e[0] < byte(TraceOpen) {
		t.Type = TraceRead
	}
	switch t.Type {
	case TraceRead:
		t.request(e)
	case TraceReadV, TraceReadU:
		t.VSeq, t.Segs, t.Len = e[1], int(i16(e[2:])), int64(i32(e[8:]))
	case TraceOpen:
		t.Size = i64(e) & (1<<56 - 1)
	case TraceAppID:
		t.ID, t.App = 0, cString(e[4:])
	case TraceClose:
		if e[1] > maxShift || e[2] > maxShift {
			return errorAt(at, ReasonRecord, "a close entry shifted by %d and %d bits", e[1], e[2])
		}
		t.ReadBytes = uint64(binary.BigEndian.Uint32(e[4:])) << e[1]
		t.WriteBytes = uint64(binary.BigEndian.Uint32(e[8:])) << e[2]
	case TraceDisc:
		t.Forced, t.Bound, t.Seconds = e[1]&0x01 != 0, e[1]&0x02 != 0, i32(e[8:])
	case TraceWindow:
		t.ID, t.SID = 0, binary.BigEndian.Uint64(e)&sidMask
		t.PrevEnd, t.Begin = unix(e[8:]), unix(e[12:])
	default:
		s.Unknown++
		return nil
	}
	s.Entries = append(s.Entries, t)
	return nil
}

// request takes a read, or a write, which has a negative length.
func (t *TraceEntry) request(e []byte) {
	t.Offset, t.Len = i64(e), int64(i32(e[8:]))
	if t.Len < 0 {
		t.Len, t.Write = -t.Len, true
	}
}
