package xrootd

import (
	"bytes"
	"encoding/binary"
)

// A RedirectStream is the content of an r datagram.
type RedirectStream struct {
	SID     uint64
	Entries []RedirectEntry
}

// A RedirectEntry is one redirection, or the window that those after it lie in.
type RedirectEntry struct {
	Window bool
	Len    int   // window: seconds
	Time   int64 // window: Unix seconds

	Op     uint8 // 1 chmod 2 locate 3 opendir 4 openc 5 openr 6 openw 7 mkdir 8 mv 9 prep a query b rm c rmdir d stat e trunc
	Local  bool
	Port   uint16 // the manager's own port, not the target's
	UserID uint32
	Host   []byte // the target
	Path   []byte
}

// The first bytes of the slots of an r datagram.
const (
	redirSID   = 0xf0
	redirTime  = 0x00
	redirOther = 0x80 // and an operation
	redirLocal = 0x90 // and an operation
)

// slotSize is the size of a slot, of which an entry takes one or more.
const slotSize = 8

func (d *Datagram) redirect(b []byte) *Error {
	s := &d.Redirect
	if len(b) < headerSize+slotSize || b[headerSize] != redirSID {
		return errorAt(headerSize, ReasonRecord, "no server id after the header")
	}
	d.Kind = KindRedirect
	s.SID = binary.BigEndian.Uint64(b[headerSize:]) & sidMask
	for at := headerSize + slotSize; at < len(b); {
		n, err := slots(b, at)
		if err != nil {
			return err
		}
		s.entry(b[at : at+n])
		at += n
	}
	return nil
}

// slots returns how many bytes the entry at b[at:] has.
func slots(b []byte, at int) (int, *Error) {
	rest := b[at:]
	if len(rest) < slotSize {
		return 0, errorAt(at, ReasonShort, "an entry of %d bytes at the end", len(rest))
	}
	n := slotSize
	switch rest[0] & 0xf0 {
	case redirOther, redirLocal:
		n += int(rest[1]) * slotSize
	case redirTime, redirSID:
	default:
		return 0, errorAt(at, ReasonRecord, "an entry of type %#x", rest[0])
	}
	if n > len(rest) {
		return 0, errorAt(at, ReasonRecord, "an entry of %d bytes in %d", n, len(rest))
	}
	return n, nil
}

// entry appends the entry e.
func (s *RedirectStream) entry(e []byte) {
	switch e[0] & 0xf0 {
	case redirSID: // once more
	case redirTime:
		s.Entries = append(s.Entries, RedirectEntry{
			Window: true, Len: int(binary.BigEndian.Uint32(e) & (1<<24 - 1)), Time: unix(e[4:]),
		})
	default:
		r := RedirectEntry{
			Op: e[0] & 0x0f, Local: e[0]&0xf0 == redirLocal,
			Port: binary.BigEndian.Uint16(e[2:]), UserID: binary.BigEndian.Uint32(e[4:]),
		}
		r.Host, r.Path = cutHost(cString(e[slotSize:]))
		s.Entries = append(s.Entries, r)
	}
}

// cutHost splits "host:path" after the host, which may be an IPv6 address in
// brackets. Text without a host is a path.
func cutHost(b []byte) (host, path []byte) {
	from := 0
	if bytes.HasPrefix(b, []byte{'['}) {
		from = bytes.IndexByte(b, ']') + 1
	}
	i := bytes.IndexByte(b[from:], ':')
	if i < 0 || bytes.HasPrefix(b, []byte{'/'}) {
		return nil, b
	}
	return b[:from+i], b[from+i+1:]
}
