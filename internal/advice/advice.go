// Package advice tells what the monitoring of a server shows to be misconfigured, and
// the directive that mends it.
//
// Each advice rests on something that was seen, which stands in it as evidence, or on
// something that was not seen although there was time for it.
//
// The package is pure.
package advice

import (
	"fmt"
	"time"

	"tallystick/internal/transfer"
)

// A Severity says what an advice is worth.
type Severity string

// The severities.
const (
	Wrong Severity = "wrong" // numbers are missing, or not what they seem
	Poor  Severity = "poor"  // less is known than could be
	Risky Severity = "risky" // it is well until something is lost
)

// An Item is one advice.
type Item struct {
	Code      string   `json:"code"`
	Severity  Severity `json:"severity"`
	What      string   `json:"what"`      // is wrong, and what follows from it
	Directive string   `json:"directive"` // that mends it, as it stands in the server's configuration
	Evidence  string   `json:"evidence"`  // what was seen
}

// Limits are from when on something is worth an advice.
type Limits struct {
	// Patience is how long a server is watched before it counts that something did
	// not come: summaries come every ten minutes if nothing else is configured.
	Patience time.Duration
	// Ident is how rarely a server may say who it is.
	Ident time.Duration
	// Datagram is how many bytes a datagram may have and still be one packet on the
	// wire: what Ethernet takes, less the headers of IPv4 and UDP.
	Datagram int64
}

// Default returns the limits that are used where nobody chooses others.
func Default() Limits {
	return Limits{Patience: 15 * time.Minute, Ident: 30 * time.Minute, Datagram: 1472}
}

// A rule is one thing that may be wrong.
type rule struct {
	item Item
	// shown returns the evidence, empty if it is not wrong.
	shown func(m Limits, l *transfer.Life, over Link) string
}

// A Link is what went over the links of a server, as its summary counts it, divided by
// what was told of reads, and the likely cause of a bad ratio; the zero Link is
// unknown.
type Link struct {
	Ratio float64
	Cause transfer.Cause
}

// Of returns what is to be mended at the server that l is the newest life of, and over
// its link.
func (m Limits) Of(l *transfer.Life, over Link) []Item {
	var out []Item
	for _, r := range rules() {
		if evidence := r.shown(m, l, over); evidence != "" {
			item := r.item
			item.Evidence = evidence
			out = append(out, item)
		}
	}
	return out
}

// watched reports whether l was watched for long enough for something to come.
func (m Limits) watched(l *transfer.Life) bool {
	return l.Heard-l.First >= int64(m.Patience/time.Second)
}

// fromStart reports whether l was heard of when it began: the clocks of the server and
// of the one who received it may differ.
func fromStart(l *transfer.Life) bool {
	const clocks = 60
	return l.First-l.Stod <= clocks
}

// The rules are in the order of how much depends on them.
func rules() []rule {
	return []rule{
		{Item{
			Code: "no-fstat", Severity: Wrong,
			What:      "no f stream comes: nothing is known of what files moved",
			Directive: "xrootd.monitor all … fstat 60s lfn ops xfr 5 … dest fstat … HOST:PORT",
		}, noFstat},
		{Item{
			Code: "no-xfr", Severity: Wrong,
			What:      "files are opened and never closed: a server without xfr does not send close records, and so no byte counts",
			Directive: "xrootd.monitor … fstat 60s … xfr 5 …",
		}, noXfr},
		{Item{
			Code: "async-io", Severity: Wrong,
			What:      "reads by asynchronous I/O are not counted: the server moves more than it tells",
			Directive: "xrootd.async off",
		}, asyncIO},
		{Item{
			Code: "no-lfn", Severity: Wrong,
			What:      "opens tell neither path nor session: who read what is known by other records at best",
			Directive: "xrootd.monitor … fstat 60s lfn …",
		}, noLFN},
		{Item{
			Code: "no-user", Severity: Wrong,
			What:      "no logins come: the clients of files are not known, and the end of their sessions neither",
			Directive: "xrootd.monitor … dest … user … HOST:PORT",
		}, noUser},
		{Item{
			Code: "no-ident", Severity: Wrong,
			What:      "the server never says who it is: its name and site are not known",
			Directive: "xrootd.monitor … ident 5m …",
		}, noIdent},
		{Item{
			Code: "trace-twice", Severity: Poor,
			What:      "opens and closes come twice in the t stream: auth with io or files makes a second one",
			Directive: "xrootd.monitor … with neither io nor files in dest, or without auth",
		}, traceTwice},
		{Item{
			Code: "no-ops", Severity: Poor,
			What:      "closes do not count operations: reads past the end and page writes cannot be told from others",
			Directive: "xrootd.monitor … fstat 60s … ops …",
		}, noOps},
		{Item{
			Code: "no-site", Severity: Poor,
			What:      "the server names no site",
			Directive: "all.sitename NAME",
		}, noSite},
		{Item{
			Code: "no-summary", Severity: Poor,
			What:      "no summaries come: there is nothing to check the sum of all transfers against",
			Directive: "xrd.report HOST:PORT every 60s all",
		}, noSummary},
		{Item{
			Code: "rare-ident", Severity: Risky,
			What:      "the server rarely says who it is: one who starts listening, or lost a packet, does not know its name until then",
			Directive: "xrootd.monitor … ident 5m …",
		}, rareIdent},
		{Item{
			Code: "long-datagrams", Severity: Risky,
			What:      "datagrams are sent in several packets each: if one of these is lost, so are all records in them",
			Directive: "xrootd.monitor … fbuff 1400 mbuff 1400 gbuff 1400 …",
		}, longDatagrams},
	}
}

func noFstat(_ Limits, l *transfer.Life, _ Link) string {
	if l.Last != 0 || l.Names+l.Traced == 0 {
		return ""
	}
	return fmt.Sprintf("%d names of files and %d traced opens, no packet of the f stream", l.Names, l.Traced)
}

func noXfr(m Limits, l *transfer.Life, over Link) string {
	moved := over.Cause == transfer.NoCloseByConfig
	switch {
	case l.Opens == 0, l.Closes+l.Moved > 0, l.Discs == 0 && !m.watched(l) && !moved:
		return ""
	case moved:
		return fmt.Sprintf("%d opens, no close, and %.0f bytes went over its links", l.Opens, over.Ratio)
	}
	return fmt.Sprintf("%d opens, no close, %d sessions ended", l.Opens, l.Discs)
}

func asyncIO(_ Limits, _ *transfer.Life, over Link) string {
	if over.Cause != transfer.AsyncCacheRead {
		return ""
	}
	return fmt.Sprintf("over its links went %.3g times as much as it told", over.Ratio)
}

func noLFN(_ Limits, l *transfer.Life, _ Link) string {
	if l.Opens == 0 || l.Named > 0 {
		return ""
	}
	return fmt.Sprintf("%d opens, none with a path", l.Opens)
}

func noUser(m Limits, l *transfer.Life, _ Link) string {
	if l.Opens+l.Traced == 0 || l.Logins > 0 || !fromStart(l) && !m.watched(l) {
		return ""
	}
	return fmt.Sprintf("%d opens, no login", max(l.Opens, l.Traced))
}

func noIdent(_ Limits, l *transfer.Life, _ Link) string {
	const most = time.Hour // is how rarely it comes if nothing else is configured
	if l.Idents > 0 || !fromStart(l) && l.Heard-l.First <= int64(most/time.Second) {
		return ""
	}
	return fmt.Sprintf("%d seconds watched, no ident", l.Heard-l.First)
}

func traceTwice(_ Limits, l *transfer.Life, _ Link) string {
	const some = 2 // packets may be lost
	if l.Twice == 0 || l.Twice < l.Traced/some {
		return ""
	}
	return fmt.Sprintf("of %d opens in the t stream %d came twice", l.Traced, l.Twice)
}

func noOps(_ Limits, l *transfer.Life, _ Link) string {
	if l.Closes == 0 || l.Counts > 0 {
		return ""
	}
	return fmt.Sprintf("%d closes, none with counts", l.Closes)
}

func noSite(_ Limits, l *transfer.Life, _ Link) string {
	if l.Idents == 0 || l.Site != "" {
		return ""
	}
	return fmt.Sprintf("%d idents, none with a site", l.Idents)
}

func noSummary(m Limits, l *transfer.Life, _ Link) string {
	if l.Summaries > 0 || !m.watched(l) {
		return ""
	}
	return fmt.Sprintf("%d seconds watched, no summary", l.Heard-l.First)
}

func rareIdent(m Limits, l *transfer.Life, _ Link) string {
	if l.IdentEvery <= int64(m.Ident/time.Second) {
		return ""
	}
	return fmt.Sprintf("%d seconds from one ident to the next", l.IdentEvery)
}

func longDatagrams(m Limits, l *transfer.Life, _ Link) string {
	if max(l.LongestFile, l.LongestTrace, l.LongestGStream) <= m.Datagram {
		return ""
	}
	return fmt.Sprintf("the longest have %d bytes (f), %d (t), %d (g)", l.LongestFile, l.LongestTrace, l.LongestGStream)
}
