package xrootd

import (
	"bytes"
	"encoding/binary"
)

// A Map is a dictionary record: what a dictionary id stands for.
//
// Its text is "userid\nrest". Text datagrams have no user id; of it they have what
// their header tells, the SID and (of an ident) the host.
type Map struct {
	DictID uint32 // 0 for = p x
	SID    uint64 // of the user id
	Host   string // only of text datagrams
	// UserOK tells whether the user id is known: the text began with one that could
	// be parsed, or a header had the SID. p and x records have a path there.
	UserOK  bool
	RawUser []byte // the text before the newline, as sent
	Rest    []byte // the text after the newline: a path, an info text, or &k=v pairs
}

// User returns the user id of m, as far as it is known. Its strings share one copy.
func (m *Map) User() UserID {
	if len(m.RawUser) == 0 {
		return UserID{SID: m.SID, Host: m.Host}
	}
	p, err := cutUserID(m.RawUser)
	if err != nil {
		return UserID{}
	}
	return p.id(string(m.RawUser))
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
	p, err := cutUserID(m.RawUser)
	if err != nil {
		err.Offset += mapTextAt
		return err
	}
	m.SID, m.UserOK = p.sid, true
	return nil
}
