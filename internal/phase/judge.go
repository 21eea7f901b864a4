package phase

import (
	"maps"
	"slices"
	"strings"

	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// Counts are the verdicts that the earlier validations gave: a request is good if its
// id was recorded with its file and bytes, wrong if it was recorded otherwise, missing
// if it was not. Extra, of ids that were recorded and not requested, they did not tell.
type Counts struct {
	Good    int `json:"good"`
	Wrong   int `json:"wrong"`
	Missing int `json:"missing"`
	Extra   int `json:"extra"`
}

// A Verdict on a test as it was given then.
type Verdict string

// The verdicts on a test.
const (
	Match      Verdict = "match"
	Mismatch   Verdict = "mismatch"
	Unrecorded Verdict = "no recording"
)

// A Result is a test judged in both ways.
type Result struct {
	Test      string  `json:"test"`
	Verdict   Verdict `json:"verdict"` // as it was given then
	Requests  int     `json:"requests"`
	Then      Counts  `json:"then"`
	Requested int64   `json:"requested"` // bytes; 0 in phase 2
	Recorded  int64   `json:"recorded"`  // bytes of the ids that were requested

	Report *validate.Report `json:"report"` // as it is judged now
}

// Judge judges all tests.
func Judge(tests []Test) []Result {
	out := make([]Result, 0, len(tests))
	for i := range tests {
		out = append(out, tests[i].judge(tests))
	}
	return out
}

func (t *Test) judge(all []Test) Result {
	r := Result{Test: t.Name, Verdict: Match, Requests: len(t.Requests)}
	for id, q := range t.Requests {
		got, ok := t.Records[id]
		r.Requested += q.Bytes
		r.Recorded += got.Bytes
		switch {
		case !ok:
			r.Then.Missing++
		case t.equal(q, got):
			r.Then.Good++
		default:
			r.Then.Wrong++
		}
	}
	for id := range t.Records {
		if _, ok := t.Requests[id]; !ok {
			r.Then.Extra++
		}
	}
	switch {
	case t.Records == nil:
		r.Verdict = Unrecorded
	case r.Then.Good < len(t.Requests):
		r.Verdict = Mismatch
	}
	r.Report = validate.Run(t.input(all), validate.Options{})
	return r
}

// equal is what was compared then: of phase 1 the file and the bytes, of phase 2 the
// file and the server.
func (t *Test) equal(q Request, got Record) bool {
	if t.Phase == 2 {
		return got.Path == q.Path && got.Server == q.Server
	}
	return strings.TrimPrefix(got.Path, "/") == q.Path && got.Bytes == q.Bytes
}

// Neither side tells a time: all is taken to have been at one second, and what is of
// another test at another.
const (
	at    = 1
	other = 1_000_000
)

// input returns what was requested as claims and what was recorded as transfers.
func (t *Test) input(all []Test) validate.Input {
	var in validate.Input
	for _, id := range slices.Sorted(maps.Keys(t.Requests)) {
		in.Claims = append(in.Claims, t.claim(id, t.Requests[id]))
	}
	own := 0
	for _, id := range slices.Sorted(maps.Keys(t.Records)) {
		x := t.transfer(id, t.Records[id])
		if _, ok := t.Requests[id]; ok {
			own++
		} else {
			o := t.owner(id, all)
			x.Server, x.AppInfo, x.Opened, x.Closed = o, o+"."+id, transfer.Interval{other, other}, transfer.Interval{other, other}
		}
		in.Transfers = append(in.Transfers, x)
	}
	if own > 0 { // a test of which nothing was recorded was not monitored
		in.Lives = []transfer.Life{{SID: 1, Stod: at, Server: t.Name, Last: other, Heard: other, Opens: 1, Closes: 1, Named: 1, Idents: 1}}
	}
	return in
}

// owner returns the test of the same folder that has requested the id, if it is there.
func (t *Test) owner(id string, all []Test) string {
	for i := range all {
		if _, ok := all[i].Requests[id]; ok && all[i].folder() == t.folder() {
			return all[i].Name
		}
	}
	return "another test"
}

// elementMax is the longest element of a vector read that a server takes, its
// maxReadv_ior: it refuses the whole read otherwise ("Single readv transfer is too
// large", XrdXrootdXeq.cc). Clients of phase 1 did not write down that they were refused.
const elementMax = 2097136

func (t *Test) claim(id string, q Request) *transfer.Claim {
	c := &transfer.Claim{
		Run: t.Name, ID: id, Server: t.server(q.Server), Path: transfer.CleanPath(q.Path),
		Opened: at, Closed: at, Outcome: transfer.OK,
	}
	switch {
	case q.Vector != nil:
		c.Asked.ReadV = q.Bytes
		c.Ops = &transfer.Ops{ReadV: 1, ReadVSegments: int64(len(q.Vector))}
	case q.Reads > 0:
		c.Asked.Read = q.Bytes
		c.Ops = &transfer.Ops{Read: q.Reads}
	}
	got := t.Records[id]
	switch {
	case len(q.Vector) > 0 && slices.Max(q.Vector) > elementMax:
		c.Outcome, c.Error = transfer.Failed, "a vector read with an element of more than 2097136 bytes, which servers refuse"
	case !q.Counts: // the bytes are compared with nothing
		c.Received = &transfer.Bytes{Read: got.Bytes}
	}
	return c
}

func (t *Test) transfer(id string, r Record) *transfer.Transfer {
	x := &transfer.Transfer{
		ID: "1." + "1." + id, Server: t.server(r.Server), Path: transfer.CleanPath(r.Path), Size: -1,
		AppInfo: t.Name + "." + id, Opened: transfer.Interval{at, at}, Closed: transfer.Interval{at, at},
		Bytes: transfer.Bytes{Read: r.Bytes}, End: transfer.Closed, Quality: transfer.Exact,
	}
	switch q := t.Requests[id]; {
	case r.Split && (q.Vector != nil || r.Bytes != q.Bytes): // else it is asked for as one number
		x.Bytes = transfer.Bytes{Read: r.Single, ReadV: r.VectorBytes}
	case q.Vector != nil: // one number is told for both
		x.Bytes = transfer.Bytes{ReadV: r.Bytes}
	}
	return x
}

// server returns the name of the one server that phase 1 had, which it does not tell:
// the test's.
func (t *Test) server(name string) string {
	if name == "" {
		return t.Name
	}
	return name
}
