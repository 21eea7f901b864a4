package xrootd

import (
	"encoding/binary"
	"unsafe"
)

// A TraceStream is the content of a t datagram. Its entries are many, and stay where
// they lie.
type TraceStream struct {
	Entries []TraceEntry // with those of types that are not known here
	Unknown int          // how many are of such types
}

// A TraceType is the type of a t entry.
type TraceType uint8

// The types of t entries, by their first byte where they have one.
const (
	TraceRead   TraceType = 0x00 // a read or a write
	TraceOpen   TraceType = 0x80
	TraceReadV  TraceType = 0x90
	TraceReadU  TraceType = 0x91 // a vector read whose segments follow as entries
	TraceAppID  TraceType = 0xa0
	TraceClose  TraceType = 0xc0
	TraceDisc   TraceType = 0xd0
	TraceWindow TraceType = 0xe0
)

// traceSize is the size of an entry.
const traceSize = 16

// A TraceEntry is one entry of a t datagram, as it is sent. What its methods tell
// means something only for the types that they name.
type TraceEntry [traceSize]byte

// Type returns the type, which may be one that is not named here.
func (e *TraceEntry) Type() TraceType {
	if e[0] < byte(TraceOpen) {
		return TraceRead
	}
	return TraceType(e[0])
}

// ID returns the file id; of a disconnect the user id; 0 of others that are about no
// file.
func (e *TraceEntry) ID() uint32 {
	if t := TraceType(e[0]); t == TraceWindow || t == TraceAppID {
		return 0
	}
	return binary.BigEndian.Uint32(e[12:])
}

// Write reports whether a request is a write, which has a negative length.
func (e *TraceEntry) Write() bool { return e[8]&0x80 != 0 }

// Offset returns where in its file a read or write begins.
func (e *TraceEntry) Offset() int64 { return i64(e[:]) }

// Len returns the bytes of a read or write, and those of a vector read in all.
func (e *TraceEntry) Len() int64 {
	n := int64(i32(e[8:]))
	if n < 0 && e.Type() == TraceRead {
		return -n
	}
	return n
}

// VSeq returns what numbers the vector reads of one request.
func (e *TraceEntry) VSeq() uint8 { return e[1] }

// Segs returns how many pieces a vector read has.
func (e *TraceEntry) Segs() int { return int(i16(e[2:])) }

// Size returns the size of a file that is opened.
func (e *TraceEntry) Size() int64 { return i64(e[:]) & (1<<56 - 1) }

// Totals returns the bytes that were read and written up to a close, with the low bits
// lost above 4 GiB.
func (e *TraceEntry) Totals() (read, write uint64) {
	return uint64(binary.BigEndian.Uint32(e[4:])) << e[1], uint64(binary.BigEndian.Uint32(e[8:])) << e[2]
}

// Forced reports whether a session was ended by the server.
func (e *TraceEntry) Forced() bool { return e[1]&0x01 != 0 }

// Bound reports whether what disconnected was a second connection of a session.
func (e *TraceEntry) Bound() bool { return e[1]&0x02 != 0 }

// Seconds returns how long a session was that has disconnected.
func (e *TraceEntry) Seconds() int32 { return i32(e[8:]) }

// SID returns the fingerprint of the server, of a window.
func (e *TraceEntry) SID() uint64 { return binary.BigEndian.Uint64(e[:]) & sidMask }

// PrevEnd returns when the window before this one ended, in Unix seconds.
func (e *TraceEntry) PrevEnd() int64 { return unix(e[8:]) }

// Begin returns when a window begins, in Unix seconds.
func (e *TraceEntry) Begin() int64 { return unix(e[12:]) }

// App returns the text of an appid.
func (e *TraceEntry) App() []byte { return cString(e[4:]) }

// maxShift is the most that a close entry may have its totals shifted: 64 bits
// into 32.
const maxShift = 32

func (d *Datagram) trace(b []byte) (err *Error) {
	d.Kind = KindTrace
	at := headerSize
	for ; err == nil && at+traceSize <= len(b); at += traceSize {
		if b[at] >= byte(TraceOpen) { // as few
			err = d.Trace.check(b[at:], at)
		}
	}
	switch {
	case err != nil:
		at = err.Offset
	case at < len(b):
		err = errorAt(at, ReasonShort, "an entry of %d bytes at the end", len(b)-at)
	}
	d.Trace.Entries = entriesIn(b[headerSize:at])
	return err
}

// entriesIn returns the entries that b has.
func entriesIn(b []byte) []TraceEntry {
	return unsafe.Slice((*TraceEntry)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/traceSize) //nolint:gosec // an entry is bytes
}

// check looks at the entry that b begins with, which stands at offset at and is no
// request.
func (s *TraceStream) check(b []byte, at int) *Error {
	switch TraceType(b[0]) {
	case TraceOpen, TraceReadV, TraceReadU, TraceAppID, TraceDisc, TraceWindow:
	case TraceClose:
		if b[1] > maxShift || b[2] > maxShift {
			return errorAt(at, ReasonRecord, "a close entry shifted by %d and %d bits", b[1], b[2])
		}
	default:
		s.Unknown++
	}
	return nil
}
