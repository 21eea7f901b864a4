package validate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strings"

	"tallystick/internal/transfer"
)

// A claim is a client's half of the tally with what is found to belong to it.
type claim struct {
	*transfer.Claim
	server, path, host string            // clean
	root               string            // the name that all names of its server lead to
	end                float64           // when it was over: as it says, else when it began
	known              *transfer.Bytes   // what the server should have counted; nil if nobody can tell
	anywhere           bool              // no account's server has the name that the claim knows: see sameFile
	named              bool              // an account carries its id
	join               string            // "id" or "fields"; empty as long as nothing is joined
	joined             []*account        // in the server's order
	together           []*claim          // all claims that have these, c too; nil: c alone
	candidates         map[*account]bool // if c is ambiguous, all that fit equally well; the account nil is that it has none
}

// An account is a server's half of the tally.
type account struct {
	*transfer.Transfer
	names      [2]string // of the server, clean
	path, host string    // clean
	begin, end float64   // when it may have been open; end is +Inf if it still is
	life, file int64     // its place in the server's order
	root       string    // the name that all names of its server lead to
	pid        int       // of the client; 0 where the server tells something else
	ids        []*claim  // the claims that it may be by its id
	about      int64     // estimate of when it was opened, in ticks
	blank      bool      // nothing is known of its bytes
	torn       bool      // it is open, and its close may be what was lost
	owner      *claim    // whom it belongs to
	candidate  bool      // an ambiguous claim names it
}

func newClaim(c *transfer.Claim) *claim {
	n := &claim{
		Claim: c, server: transfer.CleanServer(c.Server), path: transfer.CleanPath(c.Path),
		host: transfer.CleanHost(c.Client), end: max(c.Opened, c.Closed), known: c.Received,
	}
	if n.known == nil && c.Outcome == transfer.OK {
		n.known = &c.Asked
	}
	return n
}

func newAccount(t *transfer.Transfer) *account {
	a := &account{
		Transfer: t, names: [2]string{transfer.CleanServer(t.Server), transfer.CleanServer(t.Address)},
		path: transfer.CleanPath(t.Path), host: transfer.CleanHost(t.Client),
		begin: float64(t.Opened[0]), end: float64(t.Opened[1]) + 1,
		blank: t.Quality == transfer.Unknown || t.Quality == transfer.LostBytes || t.End == transfer.Unreported, pid: t.PID,
	}
	if strings.HasPrefix(t.Protocol, "http") {
		a.pid = 0 // the number of a connection (XROOTD.md 1.2)
	}
	if !t.Opened.Known() {
		a.begin = float64(t.Closed[0])
	}
	switch {
	case t.End == transfer.Open:
		a.end = math.Inf(1)
	case t.Closed.Known():
		a.end = float64(t.Closed[1]) + 1
	}
	a.life, a.file, _ = t.Order()
	return a
}

// sortClaims returns the claims by opening and key. What is the same in both is
// ordered by all that is in it, so that the order of the input never shows.
func sortClaims(in []*transfer.Claim) []*claim {
	out := make([]*claim, 0, len(in))
	for _, c := range in {
		out = append(out, newClaim(c))
	}
	slices.SortFunc(out, func(a, b *claim) int {
		if c := cmp.Or(cmp.Compare(a.Opened, b.Opened), cmp.Compare(a.Run, b.Run), cmp.Compare(a.ID, b.ID)); c != 0 {
			return c
		}
		return compareText(a.Claim, b.Claim)
	})
	return out
}

// sortAccounts returns the transfers in the order in which the server opened
// them, as far as that is known.
func sortAccounts(in []*transfer.Transfer) []*account {
	out := make([]*account, 0, len(in))
	for _, t := range in {
		out = append(out, newAccount(t))
	}
	slices.SortFunc(out, func(a, b *account) int {
		if c := cmp.Or(a.compare(b), cmp.Compare(a.ID, b.ID)); c != 0 {
			return c
		}
		return compareText(a.Transfer, b.Transfer)
	})
	return out
}

// compare orders the accounts of one server as it opened them.
func (a *account) compare(b *account) int {
	return cmp.Or(cmp.Compare(a.life, b.life), cmp.Compare(a.file, b.file), cmp.Compare(a.begin, b.begin))
}

// compareText orders two values that are alike in all that matters.
func compareText(a, b any) int {
	x, _ := json.Marshal(a) //nolint:errchkjson // what cannot be written is no worse than equal
	y, _ := json.Marshal(b) //nolint:errchkjson // likewise
	return bytes.Compare(x, y)
}

func (a *account) named(server string) bool { return a.names[0] == server || a.names[1] == server }

// sameFile reports whether c and a may be of one file on one server. A name of a
// server that no account has, be it a redirector's or another name of a machine,
// says nothing about where the client was sent.
func sameFile(c *claim, a *account) bool {
	return a.path == c.path && (c.anywhere || a.named(c.server))
}

// sameClient reports whether c and a may be of one client at one server's file.
func sameClient(c *claim, a *account) bool {
	return sameFile(c, a) &&
		(c.host == "" || a.host == "" || c.host == a.host) &&
		transfer.SameUser(c.User, a.User)
}

// accounted reports whether what is joined to c is exactly what it claims.
func (c *claim) accounted() bool {
	sum, known := c.sum()
	return c.known != nil && known && c.fold(sum) == c.fold(*c.known)
}

// sum returns the bytes of all that is joined to c, and whether anything is
// known of them.
func (c *claim) sum() (sum transfer.Bytes, known bool) { return sumOf(c.joined) }

func sumOf(accounts []*account) (sum transfer.Bytes, known bool) {
	for _, a := range accounts {
		sum = sum.Plus(a.Bytes)
		known = known || !a.blank
	}
	return sum, known
}

// add joins a to c.
func (c *claim) add(a *account, join string) {
	a.owner = c
	c.joined = append(c.joined, a)
	slices.SortFunc(c.joined, func(x, y *account) int { return cmp.Or(x.compare(y), cmp.Compare(x.ID, y.ID)) })
	if c.join == "" {
		c.join = join
	}
}
