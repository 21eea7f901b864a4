package xrootd

import (
	"bytes"
	"encoding/binary"
)

// A Map is a dictionary record: what a dictionary id stands for.
//
// Its text is "userid\nrest". Text datagrams have no user id; of User they have
// what their header tells, SID and (of an ident) Host.
type Map struct {
	DictID uint32 // 0 for = p x
	User   UserID
	// UserOK tells whether User is known: the text began with a user id that
	// could be parsed, or a header had the SID. p and x records have a path there.
	UserOK  bool
	RawUser []byte // the text before the newline, as sent
	Rest    []byte // the text after the newline: a path, an info text, or &k=v pairs
}

// mapTextAt is where the text of a dictionary record begins.
const mapTextAt = headerSize + 4

func (d *Datagram) mapping(b []byte) *Error {
	if len(b) < mapTextAt {
		return errorAt(len(b), ReasonShort, "the dictionary id ends after %d bytes", len(b)-headerSize)
	}
	d.Kind = KindMap
	m := &d.Map
	m.DictID = binary.BigEndian.Uint32(b[headerSize:])
	m.RawUser, m.Rest, _ = bytes.Cut(b[mapTextAt:], []byte{'\n'})
	if b[0] == 'p' || b[0] == 'x' {
		return nil
	}
	u, err := parseUserID(m.RawUser)
	if err != nil {
		err.Offset += mapTextAt
		return err
	}
	m.User, m.UserOK = u, true
	return nil
}
