// Package audit checks what another collector made of the same packets: its records
// against our transfers, and both against the clients' claims. It says what that
// collector got wrong, by name, with the lines that show it.
//
// The known errors of the field's collectors are in XROOTD.md section 3.
package audit

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// An Error is a kind of thing that a collector gets wrong.
type Error string

// The errors.
const (
	ServerStart Error = "start-of-server"   // start_time is when the server was started
	StartTime   Error = "start-time"        // start_time is not when the file was opened
	EndTime     Error = "end-time"          // end_time is not when the file was closed
	NoPath      Error = "no-path"           // the name of the file is lost
	NoUser      Error = "no-user"           // who it was is lost
	NotDN       Error = "user-dn"           // a login name stands where a distinguished name should
	NoSite      Error = "no-site"           // the server's site is lost
	AppInfo     Error = "app-info"          // the app info is lost, or another one of the session
	WrongBytes  Error = "bytes"             // bytes are others than the server told
	Checksums   Error = "checksums-counted" // checksums of page writes are counted as bytes of the file
	AsZero      Error = "unknown-as-zero"   // 0 bytes are told where the server did not count
	Minimum     Error = "minimum-of-none"   // 2147483647 is told as the size of the smallest operation, where there was none
	Average     Error = "segments-average"  // segments of vector reads are divided by bytes
	Twice       Error = "twice"             // an access is told twice
	NotTold     Error = "not-told"          // an access that the server told has no record
	NotThere    Error = "not-there"         // a record is of no access
	NoEvent     Error = "events-not-told"   // a record of a cache or a copy is lost
	Unreadable  Error = "unreadable"        // a line is no record
)

// Errors returns all errors, in the order of a table.
func Errors() []Error {
	return []Error{
		NotTold, Twice, NotThere, WrongBytes, AsZero, Checksums, NoPath, NoUser, NotDN, NoSite, AppInfo,
		ServerStart, StartTime, EndTime, Minimum, Average, NoEvent, Unreadable,
	}
}

// A Finding is one thing that is wrong.
type Finding struct {
	Error    Error  `json:"error"`
	Line     int    `json:"line,omitempty"`     // of their record; 0 if there is none
	Transfer string `json:"transfer,omitempty"` // ID of ours
	Path     string `json:"path,omitempty"`
	Theirs   string `json:"theirs,omitempty"`
	Ours     string `json:"ours,omitempty"`
}

// A Report says what a collector got wrong.
type Report struct {
	Records   map[Form]int   `json:"records"`
	Transfers int            `json:"transfers"` // ours, as far as they ended
	Matched   int            `json:"matched"`
	Right     int            `json:"right"` // matched, with nothing wrong about them
	Errors    map[Error]int  `json:"errors"`
	Bytes     transfer.Bytes `json:"bytes"`          // of their records
	OurBytes  transfer.Bytes `json:"our_bytes"`      // of our transfers
	Verdicts  Verdicts       `json:"verdicts"`       // against the claims
	Findings  []Finding      `json:"findings"`       // by line, what is not told at the end
	Left      int            `json:"left,omitempty"` // findings that are counted, and not in Findings
}

// Verdicts are those on the claims, once with their records and once with our transfers.
type Verdicts struct {
	Theirs map[transfer.Kind]int `json:"theirs"`
	Ours   map[transfer.Kind]int `json:"ours"`
}

// MaxFindings is how many findings a report lists; all are counted.
const MaxFindings = 10_000

// Run checks records. in has our transfers, and the claims if there are any; bad is
// what Read could not read.
func Run(records []Record, bad []Finding, in validate.Input, o validate.Options) *Report {
	r := &Report{Records: make(map[Form]int), Errors: make(map[Error]int), Findings: []Finding{}}
	for _, f := range bad {
		r.find(f)
	}
	var theirs []*Record
	for i := range records {
		x := &records[i]
		r.Records[x.Form]++
		if x.Form != Cache && x.Form != Copy {
			theirs = append(theirs, x)
			r.Bytes = r.Bytes.Plus(x.Bytes)
		}
	}
	for _, t := range in.Transfers {
		if t.End != transfer.Open && t.End != transfer.Unreported {
			r.Transfers++
			r.OurBytes = r.OurBytes.Plus(t.Bytes)
		}
	}
	pairs, missing := match(theirs, in.Transfers)
	for _, p := range pairs {
		r.pair(p)
	}
	for _, t := range missing {
		r.find(Finding{Error: NotTold, Transfer: t.ID, Path: t.Path, Ours: fmt.Sprintf("%d bytes", t.Bytes.Total())})
	}
	r.events(in.Events)
	if len(in.Claims) > 0 {
		r.Verdicts.Ours = validate.Run(in, o).Totals.Verdicts
		in.Transfers = asTransfers(pairs)
		r.Verdicts.Theirs = validate.Run(in, o).Totals.Verdicts
	}
	return r
}

func (r *Report) find(f Finding) {
	r.Errors[f.Error]++
	if len(r.Findings) == MaxFindings {
		r.Left++
		return
	}
	r.Findings = append(r.Findings, f)
}

func (r *Report) pair(p pair) {
	switch {
	case p.ours == nil:
		r.find(Finding{Error: NotThere, Line: p.theirs.Line, Path: p.theirs.Path, Theirs: fmt.Sprintf("%d bytes", p.theirs.Bytes.Total())})
		return
	case p.twice:
		r.find(Finding{Error: Twice, Line: p.theirs.Line, Transfer: p.ours.ID, Path: p.theirs.Path, Theirs: fmt.Sprintf("%d bytes", p.theirs.Bytes.Total())})
		return
	}
	r.Matched++
	found := check(p.theirs, p.ours)
	for _, f := range found {
		f.Line, f.Transfer, f.Path = p.theirs.Line, p.ours.ID, p.ours.Path
		r.find(f)
	}
	if len(found) == 0 {
		r.Right++
	}
}

// check returns what is wrong with a record of t.
func check(r *Record, t *transfer.Transfer) (out []Finding) {
	add := func(wrong bool, e Error, theirs, ours any) {
		if wrong {
			out = append(out, Finding{Error: e, Theirs: fmt.Sprint(theirs), Ours: fmt.Sprint(ours)})
		}
	}
	stod, _, _ := t.Order()
	late, ofServer := outside(r.Start, t.Opened), int64(r.Start) == stod
	add(late && ofServer, ServerStart, int64(r.Start), t.Opened)
	add(late && !ofServer, StartTime, int64(r.Start), t.Opened)
	add(outside(r.End, t.Closed), EndTime, int64(r.End), t.Closed)
	add(r.Path == "" && known(t.Path) != "", NoPath, `""`, t.Path)
	add(r.Form != WLCG && r.User == "" && known(t.User) != "", NoUser, `""`, t.User)
	add(notDN(r, t.Auth), NotDN, r.DN, "a distinguished name")
	add(r.Site == "" && known(t.Site) != "", NoSite, `""`, t.Site)
	add(r.Form != WLCG && r.AppInfo != t.AppInfo && r.AppInfo != "" || r.Form != WLCG && r.AppInfo == "" && t.AppInfo != "", AppInfo, r.AppInfo, t.AppInfo)
	return append(out, checkBytes(r, t)...)
}

// notDN reports whether r has the name of the login for its distinguished name. Ours
// have it on purpose where the collector of their form does: docs/records.md.
func notDN(r *Record, a *transfer.Auth) bool {
	return a != nil && r.ID == "" && r.DN != "" && r.DN == a.Name && r.DN != a.DN && !strings.HasPrefix(r.DN, "/")
}

func checkBytes(r *Record, t *transfer.Transfer) (out []Finding) {
	add := func(wrong bool, e Error, theirs, ours any) {
		if wrong {
			out = append(out, Finding{Error: e, Theirs: fmt.Sprint(theirs), Ours: fmt.Sprint(ours)})
		}
	}
	switch raw := told(t); {
	case r.Bytes != raw && r.Bytes != t.Bytes:
		add(true, WrongBytes, text(r.Bytes), text(t.Bytes))
	case r.Bytes != t.Bytes:
		add(true, Checksums, text(r.Bytes), text(t.Bytes))
	case t.Quality == transfer.Unknown || t.Quality == transfer.LostBytes:
		add(r.Bytes == transfer.Bytes{}, AsZero, "0 bytes", "unknown")
	}
	add(slices.Contains(r.Minima, math.MaxInt32), Minimum, math.MaxInt32, "none")
	if r.Vectors > 0 && t.Ops != nil && t.Ops.ReadV > 0 {
		mean := float64(t.Ops.ReadVSegments) / float64(t.Ops.ReadV)
		add(math.Abs(r.CountAvg-mean) > 1e-6*mean, Average, r.CountAvg, mean)
	}
	return out
}

func text(b transfer.Bytes) string {
	return fmt.Sprintf("%d read, %d in vectors, %d written", b.Read, b.ReadV, b.Write)
}

// outside reports whether a time in seconds is not within i. Their clocks have whole
// seconds, and a fraction that is cut off is no error.
func outside(at float64, i transfer.Interval) bool {
	return i.Known() && (at < float64(i[0]) || at >= float64(i[1])+1)
}

// events compares how many records of caches and copies there are.
func (r *Report) events(events []transfer.Event) {
	n := make(map[Form]int)
	for i := range events {
		switch events[i].Provider {
		case transfer.PFC:
			n[Cache]++
		case transfer.TPC:
			n[Copy]++
		}
	}
	for _, f := range slices.Sorted(maps.Keys(n)) {
		if lost := n[f] - r.Records[f]; lost > 0 {
			for range lost {
				r.Errors[NoEvent]++
			}
			r.Findings = append(r.Findings, Finding{
				Error: NoEvent, Theirs: fmt.Sprintf("%d records of %s", r.Records[f], f), Ours: strconv.Itoa(n[f]),
			})
		}
	}
}

// asTransfers returns their records as transfers, so that they can be laid beside
// claims: with our names of servers, and what they have of everything else.
func asTransfers(pairs []pair) []*transfer.Transfer {
	out := make([]*transfer.Transfer, 0, len(pairs))
	for i, p := range pairs {
		t := transfer.Transfer{End: transfer.Closed, Quality: transfer.Exact}
		if p.ours != nil {
			t.Server, t.Address, t.Opened, t.Closed, t.MonInfo = p.ours.Server, p.ours.Address, p.ours.Opened, p.ours.Closed, p.ours.MonInfo
			t.PID, t.Client, t.ID = p.ours.PID, p.ours.Client, p.ours.ID
		}
		if p.ours == nil || p.twice {
			t.ID = fmt.Sprintf("0.%d.%d", p.theirs.Stod, i)
		}
		t.Site, t.User, t.Path, t.AppInfo, t.Bytes, t.Size = p.theirs.Site, p.theirs.User, p.theirs.Path, p.theirs.AppInfo, p.theirs.Bytes, p.theirs.Size
		if p.theirs.User == "" {
			t.PID, t.Client = 0, ""
		}
		out = append(out, &t)
	}
	slices.SortFunc(out, func(a, b *transfer.Transfer) int { return cmp.Compare(a.ID, b.ID) })
	return out
}
