package transfer

import "strconv"

// A Life is one life of a server: from its start to its stop, as its monitoring
// shows it. What a report says of the server's own doing rests on it: that it was
// stopped with files open, that it never tells of a close, that it was not there.
type Life struct {
	SID     uint64 `json:"sid"`  // the server's fingerprint, 0 if it tells none
	Stod    int64  `json:"stod"` // its start, Unix seconds
	Server  string `json:"server"`
	Address string `json:"address"`

	// Last is the end of its newest f datagram by its own clock, 0 if none came:
	// what it did later it never told.
	Last int64 `json:"last,omitempty"`
	// Heard is when its newest datagram arrived, Unix seconds.
	Heard int64 `json:"heard"`
	// Next is the start of its next life, 0 while there is none: it was stopped
	// between Last and Next.
	Next int64 `json:"next,omitempty"`

	// What was seen of it. A directive of its configuration shows in these
	// (XROOTD.md section 1).
	Idents int64 `json:"idents"` // = records
	Logins int64 `json:"logins"` // u records
	Names  int64 `json:"names"`  // d records
	Opens  int64 `json:"opens"`
	Closes int64 `json:"closes"` // none without xfr in fstat (fact 1)
	Moved  int64 `json:"moved"`  // progress (xfr) records
	Discs  int64 `json:"discs"`  // sessions that ended
	Named  int64 `json:"named"`  // opens that say the path and the session: lfn in fstat
	Counts int64 `json:"counts"` // closes that count operations: ops in fstat
	Traced int64 `json:"traced"` // opens in the t stream: files or io
	Twice  int64 `json:"twice"`  // of these, those that came again from the same server: auth and io (fact 11)

	Habits
}

// ID names the life, "<sid>.<stod>", as the IDs of its transfers begin.
func (l *Life) ID() string {
	return strconv.FormatUint(l.SID, 10) + "." + strconv.FormatInt(l.Stod, 10)
}
