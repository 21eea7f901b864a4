package shovel

import (
	"bytes"
	"encoding/binary"
)

// headerSize is that of a binary datagram: code, sequence, length (u16) and the
// server's start (u32).
const headerSize = 8

// verify reports whether b can be a datagram of XRootD's monitoring. As the field's
// shoveler it takes what says its own length rightly, and summaries in XML; besides that
// summaries and g-streams in JSON and CGI, bare ones too, and the dictionary records whose
// length XRootD says too large where it cut them
// (internal/xrootd).
func verify(b []byte) bool {
	if len(b) < headerSize {
		return false
	}
	if isText(b) {
		return true
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	return n == len(b) || n > len(b) && bytes.IndexByte([]byte("=dipuxTU"), b[0]) >= 0
}

// isText reports whether a datagram, of headerSize at least, is JSON, CGI or XML.
func isText(b []byte) bool {
	return b[0] == '<' || b[0] == '{' || bytes.HasPrefix(b, []byte("code="))
}
