// Package report makes of a validation one page that a person can decide by: whether
// the numbers of a site can be trusted, by how much they are off, and why.
//
// The page is one file of HTML without scripts and without anything from elsewhere: it
// can be kept, sent, printed, and read in fifty years. Its plots are SVG in it.
package report

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

//go:embed page.html
var page string

// What a page has at most of each: more is told as a number, and the CSV has all.
const (
	barsMax     = 25
	groupsMax   = 50
	verdictsMax = 300
	evidenceMax = 12
)

// WriteHTML writes the page of r.
func WriteHTML(w io.Writer, r *validate.Report) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"bytes": size, "count": count, "percent": percent, "name": name, "time": clock, "deref": deref,
		"verdicts": func(t validate.Totals, k transfer.Kind) int { return t.Verdicts[k] },
		"caused":   func(t validate.Totals, c transfer.Cause) int { return t.Causes[c] },
	}).Parse(page)
	if err != nil {
		return fmt.Errorf("parse page: %w", err)
	}
	if err := t.Execute(w, newView(r)); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// A view is what the page shows.
type view struct {
	*validate.Report

	Headline string
	Grade    string // good, fair or bad: how the headline is marked
	Span     string
	Judged   int // claims that are final
	Agreed   int // claims whose bytes both accounts tell alike

	Causes  []causeRow
	Servers table
	Clients table
	More    []table
	Time    *plot // nil without bins
	Drift   *plot
	Pairs   []slotsPlot // by bytes
	Unshown int         // that are not among Pairs

	Rows []verdictRow
	Left int // verdicts to explain that are not in Rows
}

// A table is one sort of groups.
type table struct {
	Title string
	Note  string
	Rows  []groupRow
	Left  int
}

// A groupRow is a group with its two bars, as percent of the longest.
type groupRow struct {
	validate.Group

	ClaimedBar, JoinedBar float64
	Unexplained, Lost     int
}

// A causeRow is how many verdicts have a cause.
type causeRow struct {
	Cause   transfer.Cause
	Count   int
	Claims  int
	Share   float64
	Meaning string
	Do      string
	Bad     bool
}

// A verdictRow is a verdict that is not exact.
type verdictRow struct {
	transfer.Verdict

	Who, Server, Path string
	Evidence          []string
	Left              int
}

func newView(r *validate.Report) *view {
	v := &view{Report: r, Span: span(r), Causes: causeRows(r), Time: rates(r), Drift: drift(r)}
	v.Pairs, v.Unshown = slotRates(r)
	v.judge()
	v.Headline, v.Grade = v.headline()
	v.Servers = newTable("Servers", "", r.Servers)
	v.Clients = newTable("Clients", "", r.Clients)
	v.More = []table{
		newTable("Runs", "What belongs to no claim is in the run without a name.", r.Runs),
		newTable("Sites", "", r.Sites),
		newTable("Paths", "By the first folders.", r.Paths),
	}
	for i := range r.Verdicts {
		x := &r.Verdicts[i]
		if x.Cause == transfer.CauseExact {
			continue
		}
		if len(v.Rows) == verdictsMax && x.Cause != transfer.CauseUnexplained {
			v.Left++
			continue
		}
		v.Rows = append(v.Rows, newVerdictRow(x))
	}
	slices.SortStableFunc(v.Rows, func(a, b verdictRow) int { return rank(a.Cause) - rank(b.Cause) }) // the alarm first
	if n := len(v.Rows) - verdictsMax; n > 0 {
		v.Rows, v.Left = v.Rows[:verdictsMax], v.Left+n
	}
	return v
}

// rank orders causes by how much they want to be looked at.
func rank(c transfer.Cause) int {
	switch c {
	case transfer.CauseUnexplained:
		return 0
	case transfer.StillOpen:
		return 2
	}
	return 1
}

// judge counts the claims that are final, and those that agree.
func (v *view) judge() {
	for i := range v.Verdicts {
		switch x := &v.Verdicts[i]; {
		case x.Claim == nil, x.Cause == transfer.StillOpen:
			continue
		case x.Kind == transfer.Match, x.Cause == transfer.CauseExact: // of a client that was killed, too
			v.Agreed++
		}
		v.Judged++
	}
}

// headline says in a sentence what the report comes to.
func (v *view) headline() (text, grade string) {
	n := v.Totals.Causes[transfer.CauseUnexplained]
	switch {
	case v.Totals.Claims == 0:
		return "No client claims anything: there is nothing to compare with.", "fair"
	case n > 0:
		return fmt.Sprintf("%s of %s verdicts have no known reason. Until they do, do not rely on these numbers.", count(n), count(len(v.Verdicts))), "bad"
	case v.Judged == 0:
		return "Nothing is final yet.", "fair"
	case v.Agreed == v.Judged && v.Tolerance == validate.Tolerance{}:
		return fmt.Sprintf("Both accounts agree to the byte in all %s accesses.", count(v.Judged)), "good"
	case v.Agreed == v.Judged:
		return fmt.Sprintf("Both accounts agree in all %s accesses, as far as the tolerance demands.", count(v.Judged)), "good"
	}
	text = fmt.Sprintf("Both accounts agree in %s of %s accesses, and every difference has a known reason.", count(v.Agreed), count(v.Judged))
	if ratio := v.Totals.Ratio; ratio != nil && math.Abs(*ratio-1) > offMax {
		return text + fmt.Sprintf(" The monitoring has %s of the bytes that clients moved: its sums cannot be used as they are.", percent(*ratio)), "bad"
	}
	return text, "fair"
}

// offMax is by what share the sums of both sides may be apart for those of the
// monitoring to be of use, if it is known why.
const offMax = 0.05

func causeRows(r *validate.Report) (out []causeRow) {
	claims := make(map[transfer.Cause]int)
	for i := range r.Verdicts {
		if r.Verdicts[i].Claim != nil {
			claims[r.Verdicts[i].Cause]++
		}
	}
	for _, c := range validate.Causes() {
		n := r.Totals.Causes[c]
		if n == 0 {
			continue
		}
		m := meanings()[c]
		out = append(out, causeRow{
			Cause: c, Count: n, Claims: claims[c], Share: 100 * float64(n) / float64(len(r.Verdicts)),
			Meaning: m[0], Do: m[1], Bad: c == transfer.CauseUnexplained,
		})
	}
	return out
}

// meanings are what each cause means for the numbers, and what mends it.
func meanings() map[transfer.Cause][2]string {
	return map[transfer.Cause][2]string{
		transfer.CauseExact:       {"Both accounts tell the same, or the server's stands alone and is exact.", ""},
		transfer.PastEnd:          {"The server counts the bytes asked for; fewer came, because the file ended.", "Nothing to mend: counts of such reads are too high."},
		transfer.Checksums:        {"The server counts the checksums of page writes as bytes.", "They are taken off here; records of other collectors have them."},
		transfer.KilledClient:     {"The client or its connection ended before the access did, and what it moved by then is not counted.", "Counts of such accesses are too low, often 0."},
		transfer.AsyncCacheRead:   {"The cache does not count the reads that it makes asynchronously.", "On the cache: xrootd.async off. The cache's own stream has the right bytes."},
		transfer.HTTPPut:          {"What is written by HTTP is not counted.", "Counts of uploads by HTTP are 0 on this server."},
		transfer.ServerStopped:    {"The server was stopped with its records unsent or the file open.", "A shorter flush interval loses less."},
		transfer.PacketsLost:      {"Packets with the records never came.", "fbsz 1400 avoids fragments; a shoveler next to the server avoids the network."},
		transfer.NoCloseByConfig:  {"The server is configured so that it tells of no close.", "Add xfr to fstat in xrootd.monitor."},
		transfer.ClientFailed:     {"The client had an error; the monitoring agrees with what it can have moved.", ""},
		transfer.Partial:          {"Only some of the reads were monitored.", "Sessions that idle are closed and opened again: a part may be under another name."},
		transfer.NotMonitored:     {"Nothing came from the server then, or no stream that names its files.", "Check xrootd.monitor of the server, and the way from it to here."},
		transfer.CauseUnexplained: {"None of the known reasons holds.", "Look at these first: either the monitoring or a client is wrong in a new way."},
		transfer.StillOpen:        {"Not final: the file is open, or records may still come.", "Make the report again later."},
	}
}

func newTable(title, note string, groups []validate.Group) table {
	t := table{Title: title, Note: note}
	sorted := slices.Clone(groups)
	slices.SortStableFunc(sorted, func(a, b validate.Group) int {
		return int(min(max(weight(&b)-weight(&a), -1), 1))
	})
	limit := groupsMax
	if len(sorted) > limit {
		t.Left = len(sorted) - limit
		sorted = sorted[:limit]
	}
	longest := int64(1)
	for i := range sorted {
		longest = max(longest, weight(&sorted[i]))
	}
	for _, g := range sorted {
		t.Rows = append(t.Rows, groupRow{
			Group:      g,
			ClaimedBar: 100 * float64(g.Claimed.Total()) / float64(longest), JoinedBar: 100 * float64(g.Joined.Total()) / float64(longest),
			Unexplained: g.Causes[transfer.CauseUnexplained], Lost: g.Causes[transfer.PacketsLost],
		})
	}
	return t
}

func weight(g *validate.Group) int64 { return max(g.Claimed.Total(), g.Joined.Total()) }

// Bars returns the rows that are drawn.
func (t table) Bars() []groupRow {
	var out []groupRow
	for _, g := range t.Rows {
		if weight(&g.Group) > 0 && len(out) < barsMax {
			out = append(out, g)
		}
	}
	return out
}

func newVerdictRow(v *transfer.Verdict) verdictRow {
	row := verdictRow{Verdict: *v, Evidence: v.Evidence}
	if len(v.Transfers) > 0 {
		x := v.Transfers[0]
		row.Who, row.Server, row.Path = x.User+"@"+x.Client, x.Server, x.Path
	}
	if c := v.Claim; c != nil {
		row.Who, row.Path = c.User+"@"+c.Client, c.Path
		if row.Server == "" {
			row.Server = c.Server
		}
	}
	row.Who = strings.Trim(row.Who, "@")
	if n := len(row.Evidence) - evidenceMax; n > 0 {
		row.Evidence, row.Left = row.Evidence[:evidenceMax], n
	}
	return row
}

// span returns from when to when the report is, as far as anything in it tells.
func span(r *validate.Report) string {
	if len(r.Bins) == 0 {
		return "no times are known"
	}
	last := r.Bins[len(r.Bins)-1].At + r.Step
	return clock(r.Bins[0].At) + " to " + clock(last) + " UTC"
}

func clock(at int64) string { return time.Unix(at, 0).UTC().Format("2006-01-02 15:04:05") }

// size returns a number of bytes in the unit that suits it, of powers of a thousand.
func size(n int64) string {
	f, sign := float64(n), ""
	if f < 0 {
		f, sign = -f, "−"
	}
	for _, unit := range []string{"B", "kB", "MB", "GB", "TB", "PB"} {
		if f < 1000 || unit == "PB" {
			return sign + trim(strconv.FormatFloat(f, 'f', digits(f, unit), 64)) + " " + unit
		}
		f /= 1000
	}
	return ""
}

// trim returns a number without zeros at the end of its fraction.
func trim(s string) string {
	if strings.Contains(s, ".") {
		return strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

func digits(f float64, unit string) int {
	switch {
	case unit == "B" || f >= 100:
		return 0
	case f >= 10:
		return 1
	}
	return 2
}

// count returns n with a narrow space between each three digits.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// percent returns a share as percent. What is not all is never rounded to 100.
func percent(share float64) string {
	p := 100 * share
	switch {
	case p == 0 || p == 100 || p >= 1000:
		return strconv.FormatFloat(p, 'f', 0, 64) + " %"
	case p > 99.99 && p < 100:
		return "99.99 %"
	case p > 100 && p < 100.01:
		return "100.01 %"
	}
	return strconv.FormatFloat(p, 'f', 2, 64) + " %"
}

func deref(f *float64) float64 {
	if f == nil {
		return 0
	}
	return *f
}

// name returns what a group is called.
func name(s string) string {
	if s == "" {
		return "(not told)"
	}
	return s
}
