package capture

import (
	"fmt"
	"strings"

	"tallystick/internal/transfer"
)

// A Truth is what servers and clients really did in a run.
type Truth struct {
	Scenario string   `json:"scenario"`
	Notes    string   `json:"notes"`
	Monitor  string   `json:"monitor"` // host:port that the servers report to
	Servers  []Server `json:"servers"`
	Clients  []Client `json:"clients"`
	Events   []Event  `json:"events"`
	Accesses []Access `json:"accesses"`
}

// A Server is one life of one server.
type Server struct {
	Name    string  `json:"name"`
	Port    int     `json:"port"`
	Site    string  `json:"site"`
	PID     int     `json:"pid"`
	Started float64 `json:"t_start"`
	Ready   float64 `json:"t_ready"`
	Stopped float64 `json:"t_stop"` // 0 if it ran to the end
	How     string  `json:"how"`    // TERM or KILL if it was stopped
}

// A Client is one client process.
type Client struct {
	Name   string `json:"client"`
	User   string `json:"user"`
	PID    int    `json:"pid"`
	Code   int    `json:"rc"` // exit code; negative: the signal
	Killed *Kill  `json:"killed"`
}

// A Kill is the signal that ended a client.
type Kill struct {
	Time   float64 `json:"t"`
	Signal string  `json:"sig"`
}

// An Event is something that the fixture did during the run.
type Event struct {
	Time   float64 `json:"t"`
	What   string  `json:"what"` // kill, stop, started, …
	Client string  `json:"client"`
	Server string  `json:"server"`
	Signal string  `json:"sig"`
}

// An Access is one open that a client tried, and what came of it. A copy with
// xrdcp between two servers is two accesses.
type Access struct {
	Client     string `json:"client"`
	User       string `json:"user"`
	PID        int    `json:"pid"`
	Server     string `json:"server"`      // host:port in the URL
	DataServer string `json:"data_server"` // [user@]host:port that served it, if known
	LFN        string `json:"lfn"`
	URL        string `json:"url"`
	Mode       string `json:"mode"` // r, w, rw, new, …
	API        string `json:"api"`  // python or xrdcp

	OpenOK *bool  `json:"open_ok"` // nil if the client cannot tell
	Err    string `json:"err"`
	Closed bool   `json:"closed"`

	OpenTime  float64 `json:"t_open0"` // when the open was asked for
	CloseTime float64 `json:"t_close"` // when the close was answered, or the copy ended; 0 if neither

	Req       Moved   `json:"req"` // asked for
	Got       Moved   `json:"got"` // received, or acknowledged
	Ops       *Counts `json:"ops"` // nil of xrdcp, which does not tell
	FailedOps int     `json:"failed_ops"`
}

// Moved counts bytes; nil is unknown.
type Moved struct {
	Read  *int64 `json:"read"`
	ReadV *int64 `json:"readv"`
	Write *int64 `json:"write"`
}

// Counts counts requests.
type Counts struct {
	Read     int64 `json:"read"`
	ReadV    int64 `json:"readv"`
	Segments int64 `json:"rsegs"`
	Write    int64 `json:"write"`
}

// Claims returns what the clients of t would claim in the run of that name, one
// claim per access. The ids are the places of the accesses in t, from "000000".
func Claims(run string, t *Truth) []*transfer.Claim {
	killed := make(map[string]bool)
	for _, c := range t.Clients {
		killed[c.Name] = c.Killed != nil
	}
	claims := make([]*transfer.Claim, 0, len(t.Accesses))
	for i := range t.Accesses {
		a := &t.Accesses[i]
		c := a.claim(killed[a.Client])
		c.Run, c.ID = run, fmt.Sprintf("%06d", i)
		claims = append(claims, c)
	}
	return claims
}

func (a *Access) claim(killed bool) *transfer.Claim {
	c := &transfer.Claim{
		Client: a.from(), Agent: a.Client, User: a.User, PID: a.PID,
		Server: a.servedBy(), Path: a.LFN,
		Received: a.Got.bytes(),
		Opened:   a.OpenTime, Closed: a.CloseTime,
		Outcome: a.outcome(killed),
		Error:   strings.TrimRight(a.Err, "\x00\n "),
	}
	if b := a.Req.bytes(); b != nil {
		c.Asked = *b
	}
	if o := a.Ops; o != nil {
		c.Ops = &transfer.Ops{Read: o.Read, ReadV: o.ReadV, ReadVSegments: o.Segments, Write: o.Write}
	}
	return c
}

// from returns the host that the server sees: all are on one machine, and come from where they go to.
func (a *Access) from() string {
	if strings.HasPrefix(a.Server, "[") {
		return "::1"
	}
	return "127.0.0.1"
}

// servedBy returns host:port of the server that the data came from, as far as
// the client knows.
func (a *Access) servedBy() string {
	if a.DataServer == "" {
		return a.Server
	}
	return a.DataServer[strings.LastIndexByte(a.DataServer, '@')+1:]
}

func (a *Access) outcome(killed bool) transfer.Outcome {
	switch {
	case a.Err == "killed", killed && !a.Closed:
		return transfer.Killed
	case a.OpenOK == nil, !*a.OpenOK:
		return transfer.Failed
	}
	return transfer.OK
}

// bytes returns m as one value, nil if any part of it is unknown.
func (m Moved) bytes() *transfer.Bytes {
	if m.Read == nil || m.ReadV == nil || m.Write == nil {
		return nil
	}
	return &transfer.Bytes{Read: *m.Read, ReadV: *m.ReadV, Write: *m.Write}
}
