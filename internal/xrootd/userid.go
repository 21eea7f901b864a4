package xrootd

import (
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
	u, err := parseUserID(b)
	if err != nil {
		return UserID{}, err
	}
	return u, nil
}

func parseUserID(b []byte) (UserID, *Error) {
	if len(b) > maxUserID {
		return UserID{}, errorAt(maxUserID, ReasonUser, "user id of %d bytes", len(b))
	}
	s := string(b)
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return UserID{}, errorAt(len(s), ReasonUser, "user id without '@'")
	}
	colon := strings.LastIndexByte(s[:at], ':')
	if colon < 0 {
		return UserID{}, errorAt(at, ReasonUser, "user id without ':' before '@'")
	}
	dot := strings.LastIndexByte(s[:colon], '.')
	if dot < 0 {
		return UserID{}, errorAt(colon, ReasonUser, "user id without '.' before ':'")
	}
	sid, err := strconv.ParseUint(s[colon+1:at], 10, 64)
	if err != nil {
		return UserID{}, errorAt(colon+1, ReasonUser, "sid %q is not a number", s[colon+1:at])
	}
	pid, err := strconv.ParseInt(s[dot+1:colon], 10, 64)
	if err != nil {
		return UserID{}, errorAt(dot+1, ReasonUser, "pid %q is not a number", s[dot+1:colon])
	}
	u := UserID{User: s[:dot], PID: int(pid), SID: sid, Host: s[at+1:]}
	if protocol, user, ok := strings.Cut(u.User, "/"); ok {
		u.Protocol, u.User = strings.TrimPrefix(protocol, "="), user
	}
	return u, nil
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
