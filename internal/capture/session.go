package capture

// A Session is one file access as the reference decoder joined it from the f
// stream and the dictionary. What the datagrams did not tell is the zero value.
type Session struct {
	Stod   int64  `json:"stod"`
	Remote string `json:"remote"`
	Port   int    `json:"port"`
	Site   string `json:"site"`

	FileID uint32 `json:"file_id"`
	UserID uint32 `json:"user_id"`
	User   string `json:"user"`
	PID    string `json:"pid"`
	Host   string `json:"host"`
	Proto  string `json:"proto"`

	LFN      string   `json:"lfn"`
	Size     int64    `json:"fsz"`
	Writable bool     `json:"rw"`
	Opened   [2]int64 `json:"open_window"`  // tBeg, tEnd of the datagram with the open
	Ended    [2]int64 `json:"close_window"` // of the one with the close

	Closed bool        `json:"closed"`
	Forced bool        `json:"forced"`
	Read   int64       `json:"read"`
	ReadV  int64       `json:"readv"`
	Write  int64       `json:"write"`
	Ops    *SessionOps `json:"ops"` // nil if not reported
	Xfr    [][4]int64  `json:"xfr"` // tEnd, read, readv, write of each progress report
}

// SessionOps are the operation counts of a Session, named as XRootD does.
type SessionOps struct {
	Read  int32 `json:"read"`
	ReadV int32 `json:"readv"`
	Write int32 `json:"write"`
	RsMin int16 `json:"rsMin"`
	RsMax int16 `json:"rsMax"`
	Rsegs int64 `json:"rsegs"`
	RdMin int32 `json:"rdMin"`
	RdMax int32 `json:"rdMax"`
	RvMin int32 `json:"rvMin"`
	RvMax int32 `json:"rvMax"`
	WrMin int32 `json:"wrMin"`
	WrMax int32 `json:"wrMax"`
}
