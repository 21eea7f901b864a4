package xrootd

import (
	"bytes"
	"strconv"
	"strings"
)

// maxUserID is more than any server sends: its whole dictionary text has 1280
// bytes (XrdXrootdMonMap.info).
const maxUserID = 1280

// A UserID is "[proto/]user.pid:sid@host", which begins every map record.
type UserID struct {
	Protocol string // xroot, http, …; empty in idents
	User     string // at most 8 bytes
	PID      int    // the client's pid up to 5.6.4, the server's session number after
	SID      uint64 // the server's 48-bit fingerprint
	Host     string // as sent: a name, [::ffff:127.0.0.1], [v6]
}

// ParseUserID reads "[proto/]user.pid:sid@host". The user is the client's own
// word and may have any byte but a newline in it, so that the parts are found
// from the right: the host after the last '@', the sid after the last ':' before
// that, the pid after the last '.' before that. The "=" that stands for the
// protocol in idents is left out.
//
// The strings share one copy of b, of at most 1280 bytes; the error is an *Error.
func ParseUserID(b []byte) (UserID, error) {
	p, err := cutUserID(b)
	if err != nil {
		return UserID{}, err
	}
	return p.id(string(b)), nil
}

// userParts are where the parts of a user id end, and the numbers in it.
type userParts struct {
	dot, at int
	pid     int
	sid     uint64
}

// cutUserID finds the parts of a user id without making strings of them.
func cutUserID(b []byte) (p userParts, err *Error) {
	if len(b) > maxUserID {
		return p, errorAt(maxUserID, ReasonUser, "user id of %d bytes", len(b))
	}
	p.at = bytes.LastIndexByte(b, '@')
	if p.at < 0 {
		return p, errorAt(len(b), ReasonUser, "user id without '@'")
	}
	colon := bytes.LastIndexByte(b[:p.at], ':')
	if colon < 0 {
		return p, errorAt(p.at, ReasonUser, "user id without ':' before '@'")
	}
	p.dot = bytes.LastIndexByte(b[:colon], '.')
	if p.dot < 0 {
		return p, errorAt(colon, ReasonUser, "user id without '.' before ':'")
	}
	sid, bad := strconv.ParseUint(string(b[colon+1:p.at]), 10, 64)
	if bad != nil {
		return p, errorAt(colon+1, ReasonUser, "sid %q is not a number", b[colon+1:p.at])
	}
	pid, bad := strconv.ParseInt(string(b[p.dot+1:colon]), 10, 64)
	if bad != nil {
		return p, errorAt(p.dot+1, ReasonUser, "pid %q is not a number", b[p.dot+1:colon])
	}
	p.sid, p.pid = sid, int(pid)
	return p, nil
}

// id returns the user id s, of which p are the parts.
func (p *userParts) id(s string) UserID {
	u := UserID{User: s[:p.dot], PID: p.pid, SID: p.sid, Host: s[p.at+1:]}
	if protocol, user, ok := strings.Cut(u.User, "/"); ok {
		u.Protocol, u.User = strings.TrimLeft(protocol, "="), user
	}
	return u
}

// ClientHost returns the host as people and other servers write it: without
// brackets, and an IPv4 address without the IPv6 prefix ::ffff: before it.
func (u UserID) ClientHost() string {
	const v4 = "::ffff:"
	h := u.Host
	if len(h) < 2 || h[0] != '[' || h[len(h)-1] != ']' {
		return h
	}
	h = h[1 : len(h)-1]
	if len(h) > len(v4) && strings.EqualFold(h[:len(v4)], v4) && !strings.Contains(h[len(v4):], ":") {
		return h[len(v4):]
	}
	return h
}
