package xrootd

import (
	"bytes"
	"encoding/binary"
)

// A Framing is how a g-stream was wrapped.
type Framing uint8

// The framings of g-streams.
const (
	FrameBinary Framing = iota
	FrameJSON
	FrameCGI
	FrameNone // no header at all: the datagram begins with the first record
)

// A GStream is the content of a g datagram.
type GStream struct {
	Framing    Framing
	Provider   byte // C pfc, M ccm, T tcpmon, P tpc, R throttle, O oss, H http; 0 if not told
	SID        uint64
	Begin, End int64 // Unix seconds; 0 if not told
	Site       []byte
	Host       []byte
	Port       int
	Instance   []byte
	Records    [][]byte // JSON objects, not looked into; a bad one is reported by its consumer
}

// gstreamSize is the size of the header of a binary g datagram.
const gstreamSize = 24

func (d *Datagram) gstream(b []byte) *Error {
	if len(b) < gstreamSize {
		return errorAt(len(b), ReasonShort, "the header of a g-stream ends after %d bytes", len(b))
	}
	d.Kind = KindGStream
	g := &d.GStream
	g.Begin, g.End = unix(b[8:]), unix(b[12:])
	g.Provider, g.SID = b[16], binary.BigEndian.Uint64(b[16:])&sidMask
	g.split(b[gstreamSize:])
	return nil
}

// split appends the records in b: one a line, and a NUL in the place of the last
// newline.
func (g *GStream) split(b []byte) {
	b = bytes.TrimRight(b, "\x00")
	for len(b) > 0 {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte{'\n'})
		if len(line) > 0 {
			g.Records = append(g.Records, line)
		}
	}
}
