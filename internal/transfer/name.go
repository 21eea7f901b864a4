package transfer

import (
	"strconv"
	"strings"
)

// userMax is where XRootD cuts a login name: Transfer.User has at most so many
// bytes of it.
const userMax = 8

// CleanPath returns p with exactly one slash in front. A client may ask for
// a/b, /a/b or //a/b, and the server's account has /a/b.
func CleanPath(p string) string {
	rest := strings.TrimLeft(p, "/")
	if len(p) == len(rest)+1 {
		return p
	}
	return "/" + rest
}

// CleanServer returns the name of a server as it is compared: in lower case.
func CleanServer(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// CleanHost returns the name of a client's host as it is compared: in lower
// case, without brackets and without the prefix of an IPv4 address in IPv6.
func CleanHost(h string) string {
	h = strings.ToLower(strings.TrimSpace(h))
	h = strings.TrimSuffix(strings.TrimPrefix(h, "["), "]")
	return strings.TrimPrefix(h, "::ffff:")
}

// SameUser reports whether the login name user may be the one that a server
// calls reported. An empty name may be anyone's. Of a name that is escaped in a URL,
// the client library sends _ for each %: the capture l01_two_sessions shows it.
func SameUser(user, reported string) bool {
	user = strings.ReplaceAll(user, "%", "_")
	return user == "" || reported == "" || user == reported ||
		len(user) > userMax && user[:userMax] == reported
}

// Named reports whether server, which is already clean, is a name of t's server.
func (t *Transfer) Named(server string) bool {
	return CleanServer(t.Server) == server || CleanServer(t.Address) == server
}

// Order returns the life of the server and the number of the file in it, which
// together are the true order of opening on one server: XRootD numbers opens
// and other records of a life by one counter (XROOTD.md fact 9). ok is false if
// t.ID is not of the usual form.
func (t *Transfer) Order() (life, file int64, ok bool) {
	rest, last, found := cutLast(t.ID)
	if !found {
		return 0, 0, false
	}
	_, stod, found := cutLast(rest)
	if !found {
		return 0, 0, false
	}
	file, err := strconv.ParseInt(last, 10, 64)
	if err != nil {
		return 0, 0, false
	}
	life, err = strconv.ParseInt(stod, 10, 64)
	return life, file, err == nil
}

func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
