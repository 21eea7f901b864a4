// Package xrootd decodes the monitoring datagrams of XRootD servers. It holds no
// state: what a dictionary id stands for, and what was lost on the way, is for
// others to say.
//
//	first byte  kind
//	'<'         summary, XML
//	'{'         summary, g-stream or dictionary record, JSON
//	"code="     g-stream or dictionary record, CGI
//	others      binary: code u8, sequence u8, length u16, server start u32
//
// The rules:
//
//   - Everything that a datagram says is distrusted: no length in it is followed
//     outside the datagram, and nothing is allocated by it. What a decoder
//     allocates is at most a constant times the length of the datagram, which
//     is at most MaxDatagram.
//   - What was decoded before a fault stays, and the error is returned beside it.
//   - Byte slices alias the datagram. Strings are copies.
//   - Times are Unix seconds. The wire has 32 bits for them, which are read
//     without sign, so that they last to 2106.
//
// The layouts are those of XrdXrootd/XrdXrootdMonData.hh, XrdXrootdMonitor.cc,
// XrdXrootdMonFile.cc and XrdXrootdGSReal.cc, Xrd/XrdStats.cc and
// Xrd/XrdMonitor.cc of the XRootD sources, checked against captures of 5.5.3
// (internal/capture).
package xrootd

import "encoding/binary"

// MaxDatagram is the longest datagram that can exist: the length of UDP over
// IPv6 and of the binary header have 16 bits.
const MaxDatagram = 1<<16 - 1

// headerSize is the size of the binary header.
const headerSize = 8

// sidMask has the 48 bits of a server's fingerprint; the bits above name other
// things.
const sidMask = 1<<48 - 1

// A Kind is what a datagram turned out to be.
type Kind uint8

// The kinds of datagrams.
const (
	KindNone     Kind = iota
	KindMap           // = d i p u x T U: a dictionary record
	KindFile          // f: opens, closes and progress of files
	KindTrace         // t: single reads, writes, opens and closes
	KindRedirect      // r: redirections
	KindGStream       // g: records of a plug-in, in any of the framings
	KindSummary       // <statistics …>: the summary, XML or (6.x) JSON
)

// String returns the kind as one lower-case word, which can label a metric.
func (k Kind) String() string {
	switch k {
	case KindMap:
		return "map"
	case KindFile:
		return "file"
	case KindTrace:
		return "trace"
	case KindRedirect:
		return "redirect"
	case KindGStream:
		return "gstream"
	case KindSummary:
		return "summary"
	}
	return "none"
}

// A Header is what every binary datagram begins with. A text datagram has what
// its text says of it.
type Header struct {
	Code byte   // one of = d f g i p r t T u U x; 0 where a text datagram names none
	Text bool   // JSON, CGI or XML: such datagrams come from sockets of their own and have sequences of their own
	Seq  uint16 // pseq: mod 256 in binary datagrams, mod 1000 in text ones
	Stod int64  // Unix seconds of the server's start
}

// A Datagram is one decoded datagram: its header and, as Kind says, one of the
// other fields. Everything in it aliases the bytes that it was decoded from.
type Datagram struct {
	Kind   Kind
	Header Header

	Map      Map
	File     FileStream
	Trace    TraceStream
	Redirect RedirectStream
	GStream  GStream
	Summary  Summary
}

// Decode makes d what b says, and reuses the slices of d for that. What d had
// before is gone.
//
// The error is an *Error. With an error, d has what stands before the fault: the
// records of a stream, the counters of a summary, a dictionary record without
// its user id. Kind is KindNone if there is nothing that could be used.
func (d *Datagram) Decode(b []byte) error {
	d.reset()
	if len(b) > MaxDatagram {
		return errorAt(MaxDatagram, ReasonLong, "%d bytes", len(b))
	}
	// Through a variable of its own, so that a nil *Error does not become an
	// error that is not nil.
	if err := d.decode(b); err != nil {
		return err
	}
	return nil
}

// reset empties d: of the kinds that come most, what they fill in.
func (d *Datagram) reset() {
	switch d.Kind {
	case KindMap:
		d.Map = Map{}
	case KindFile:
		d.File = FileStream{Records: d.File.Records[:0]}
	case KindTrace:
		d.Trace = TraceStream{}
	default:
		*d = Datagram{
			File:     FileStream{Records: d.File.Records[:0]},
			Redirect: RedirectStream{Entries: d.Redirect.Entries[:0]},
			GStream:  GStream{Records: d.GStream.Records[:0]},
		}
	}
	d.Kind, d.Header = KindNone, Header{}
}

// decode looks at the first bytes to tell text from binary: the length in a
// header means nothing before that.
func (d *Datagram) decode(b []byte) *Error {
	if isText(b) {
		d.Header.Text = true
		return d.text(b)
	}
	if err := checkBinary(b); err != nil {
		return err
	}
	d.Header = Header{Code: b[0], Seq: uint16(b[1]), Stod: unix(b[4:])}
	switch b[0] {
	case 'f':
		return d.file(b)
	case 't':
		return d.trace(b)
	case 'r':
		return d.redirect(b)
	case 'g':
		return d.gstream(b)
	}
	return d.mapping(b)
}

// checkBinary reports whether b can be a binary datagram. A dictionary record
// may be shorter than its header tells: servers count the whole text there, and
// send at most 1280 bytes of it (XrdXrootdMonitor.cc, Map).
func checkBinary(b []byte) *Error {
	if len(b) == 0 {
		return errorAt(0, ReasonShort, "empty")
	}
	isMap := false
	switch b[0] {
	case '=', 'd', 'i', 'p', 'u', 'x', 'T', 'U':
		isMap = true
	case 'f', 'g', 'r', 't':
	default:
		return errorAt(0, ReasonCode, "%q begins no datagram", b[0])
	}
	if len(b) < headerSize {
		return errorAt(len(b), ReasonShort, "the header ends after %d bytes", len(b))
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if n == len(b) || isMap && n > len(b) {
		return nil
	}
	return errorAt(2, ReasonLength, "the header says %d bytes, there are %d", n, len(b))
}

// unix reads a 32-bit time.
func unix(b []byte) int64 { return int64(binary.BigEndian.Uint32(b)) }

// i64 reads a signed 64-bit count.
func i64(b []byte) int64 {
	return int64(binary.BigEndian.Uint64(b))
}
