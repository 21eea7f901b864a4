package xrootd

import (
	"strconv"
	"strings"
)

// A pair is one "&key=value" of a dictionary record, and where its value begins.
type pair struct {
	key, value string
	at         int
}

// pairs yields the pairs of text in order. Values stand in it as they are, so
// that one with an '&' in it ends there, and what follows looks like a pair.
func pairs(text string) func(yield func(pair) bool) {
	return func(yield func(pair) bool) {
		for at := 0; at < len(text); {
			p, _, _ := strings.Cut(text[at:], "&")
			key, value, ok := strings.Cut(p, "=")
			if ok && !yield(pair{key, value, at + len(key) + 1}) {
				return
			}
			at += len(p) + 1
		}
	}
}

// u32 reads p's value as a dictionary id.
func (p pair) u32() (uint32, *Error) {
	n, err := strconv.ParseUint(p.value, 10, 32)
	if err != nil {
		return 0, p.bad()
	}
	return uint32(n), nil
}

// i64 reads p's value as a count; an empty one is 0.
func (p pair) i64() (int64, *Error) {
	n, err := strconv.ParseInt(p.value, 10, 64)
	if err != nil && p.value != "" {
		return 0, p.bad()
	}
	return n, nil
}

// toInt returns the number that s is, 0 if it is none.
func toInt(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (p pair) bad() *Error {
	return errorAt(p.at, ReasonField, "%s is %q, which is no such number", p.key, p.value)
}

// An Ident is the rest of an = record: what a server calls itself.
type Ident struct {
	Site     string // empty if none is configured
	Host     string // only in text datagrams: binary ones have it in the user id
	Instance string
	Program  string // xrootd, cmsd, frm_purged, …
	Version  string
	Port     int // 0 of programs that listen on none
}

// ParseIdent reads "&site=S&port=P&inst=I&pgm=xrootd&ver=V". The strings share
// one copy of rest; the error is an *Error.
func ParseIdent(rest []byte) (Ident, error) {
	var id Ident
	for p := range pairs(string(rest)) {
		switch p.key {
		case "site":
			id.Site = p.value
		case "host":
			id.Host = p.value
		case "inst":
			id.Instance = p.value
		case "pgm":
			id.Program = p.value
		case "ver":
			id.Version = p.value
		case "port":
			n, err := strconv.ParseUint(p.value, 10, 16)
			if err != nil {
				return Ident{}, p.bad()
			}
			id.Port = int(n)
		}
	}
	return id, nil
}

// A Login is the rest of a u record: who logged in, as far as the server tells.
type Login struct {
	Protocol      string // p: of the authentication: unix, gsi, ztn, …; http for HTTP
	Name          string // n
	Host          string // h
	VO            string // o
	Role          string // r
	Groups        string // g
	DN            string // m
	ClientVersion string // R
	App           string // x: what the client calls itself (XRD_APPNAME)
	MonInfo       string // y: XRD_MONINFO
	IPVersion     int    // I: 4, 6; 0 if not told
}

// ParseLogin reads "&p=unix&n=NAME&…&I=4". Every key may be missing. Of a key
// that comes twice the first counts: what the server knows stands before what
// the client says, and a value of the client's with an '&' in it must not
// overrule the server. The strings share one copy of rest.
func ParseLogin(rest []byte) Login {
	var l Login
	for p := range pairs(string(rest)) {
		if p.key == "I" {
			l.IPVersion = int(toInt(p.value))
		}
		if s := l.field(p.key); s != nil && *s == "" {
			*s = p.value
		}
	}
	return l
}

// field returns the field that key stands for, nil if there is none.
func (l *Login) field(key string) *string {
	switch key {
	case "p":
		return &l.Protocol
	case "n":
		return &l.Name
	case "h":
		return &l.Host
	case "o":
		return &l.VO
	case "r":
		return &l.Role
	case "g":
		return &l.Groups
	case "m":
		return &l.DN
	case "R":
		return &l.ClientVersion
	case "x":
		return &l.App
	case "y":
		return &l.MonInfo
	}
	return nil
}

// A Flow is the rest of a U record: which experiment and activity a session's
// packets are marked with.
type Flow struct {
	User       uint32 // dictionary id of the session
	Experiment int
	Activity   int
}

// ParseFlow reads "&Uc=USER&Ec=EXPERIMENT&Ac=ACTIVITY"; the error is an *Error.
func ParseFlow(rest []byte) (Flow, error) {
	var f Flow
	for p := range pairs(string(rest)) {
		var n int64
		var err *Error
		switch p.key {
		case "Uc":
			f.User, err = p.u32()
		case "Ec":
			n, err = p.i64()
			f.Experiment = int(n)
		case "Ac":
			n, err = p.i64()
			f.Activity = int(n)
		}
		if err != nil {
			return Flow{}, err
		}
	}
	return f, nil
}

// A Token is the rest of a T record: whose token a session used.
type Token struct {
	User    uint32 // dictionary id of the session
	Subject string // s
	Name    string // n: the user that the token was mapped to
	VO      string // o
	Role    string // r
	Groups  string // g
}

// ParseToken reads "&Uc=USER&s=…&n=…&o=…&r=…&g=…". The strings share one copy of
// rest; the error is an *Error.
func ParseToken(rest []byte) (Token, error) {
	var t Token
	for p := range pairs(string(rest)) {
		switch p.key {
		case "Uc":
			n, err := p.u32()
			if err != nil {
				return Token{}, err
			}
			t.User = n
		case "s":
			t.Subject = p.value
		case "n":
			t.Name = p.value
		case "o":
			t.VO = p.value
		case "r":
			t.Role = p.value
		case "g":
			t.Groups = p.value
		}
	}
	return t, nil
}

// A Purge is the rest of a p record: a file that was purged. Its path is the
// RawUser of the Map. All times are Unix seconds.
type Purge struct {
	Time     int64 // tod: of the purge
	Size     int64 // sz: bytes
	Accessed int64 // at
	Created  int64 // ct
	Modified int64 // mt
	Link     bool  // fn: whether a link was purged (l) or a file (p)
}

// ParsePurge reads "&tod=&sz=&at=&ct=&mt=&fn=l|p"; the error is an *Error.
func ParsePurge(rest []byte) (Purge, error) {
	var g Purge
	for p := range pairs(string(rest)) {
		var err *Error
		switch p.key {
		case "tod":
			g.Time, err = p.i64()
		case "sz":
			g.Size, err = p.i64()
		case "at":
			g.Accessed, err = p.i64()
		case "ct":
			g.Created, err = p.i64()
		case "mt":
			g.Modified, err = p.i64()
		case "fn":
			g.Link = p.value == "l"
		}
		if err != nil {
			return Purge{}, err
		}
	}
	return g, nil
}

// A Stage is the rest of an x record: a file that was staged or migrated. Its
// path is the RawUser of the Map.
type Stage struct {
	Time     int64  // tod: Unix seconds, of the end
	Size     int64  // sz: bytes
	Queued   int64  // qt: seconds in the queue
	Took     int64  // tm: seconds of the transfer
	Op       string // op
	Code     int    // rc: 0 is success
	Progress string // pd: what the transfer command said, if anything
}

// ParseStage reads "&tod=&sz=&qt=&tm=&op=&rc=[&pd=]". The strings share one copy
// of rest; the error is an *Error.
func ParseStage(rest []byte) (Stage, error) {
	var s Stage
	for p := range pairs(string(rest)) {
		var err *Error
		var n int64
		switch p.key {
		case "tod":
			s.Time, err = p.i64()
		case "sz":
			s.Size, err = p.i64()
		case "qt":
			s.Queued, err = p.i64()
		case "tm":
			s.Took, err = p.i64()
		case "op":
			s.Op = p.value
		case "rc":
			n, err = p.i64()
			s.Code = int(n)
		case "pd":
			s.Progress = p.value
		}
		if err != nil {
			return Stage{}, err
		}
	}
	return s, nil
}
