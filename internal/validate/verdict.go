package validate

import (
	"cmp"
	"slices"

	"tallystick/internal/transfer"
)

// A row is a verdict with what it is sorted and counted by.
type row struct {
	transfer.Verdict
	opened float64
	key    string

	site, server, client string // whose groups it counts in
}

// kindOf returns the verdict on c.
func kindOf(c *claim, t Tolerance) transfer.Kind {
	sum, known := c.sum()
	same := known && c.known != nil && t.allows(c.comparable(), c.fold(sum))
	switch {
	case c.Outcome != transfer.OK:
		return transfer.Fail
	case c.candidates != nil:
		return transfer.Ambiguous
	case !known:
		return transfer.Missing
	case same:
		return transfer.Match
	}
	return transfer.Differ
}

// claimRow returns the row of c; names has the names of servers in the tree.
func claimRow(w *watch, c *claim, names map[string]string) row {
	x := row{opened: c.Opened, key: c.Key(), server: c.server, client: c.host}
	x.Shared = c.others()
	x.Kind, x.Join, x.Claim, x.Claimed = kindOf(c, w.tolerance), c.join, c.Claim, c.known
	if name, ok := names[c.server]; ok {
		x.server = name
	}
	accounts := c.all()
	x.take(accounts)
	newExam(w, &x.Verdict, c, accounts).explain(&x.Verdict)
	return x
}

// extraRow returns the row of an account that belongs to no claim.
func extraRow(w *watch, a *account) row {
	x := row{opened: float64(a.Opened[0]), key: a.ID}
	x.Kind = transfer.Extra
	x.take([]*account{a})
	newExam(w, &x.Verdict, nil, []*account{a}).explain(&x.Verdict)
	return x
}

// take makes the accounts those of x.
func (x *row) take(accounts []*account) {
	x.Transfers = make([]*transfer.Transfer, 0, len(accounts))
	x.Exact = len(accounts) > 0
	for _, a := range accounts {
		x.Transfers = append(x.Transfers, a.Transfer)
		x.Monitored = x.Monitored.Plus(a.Bytes)
		x.Exact = x.Exact && a.Quality == transfer.Exact
	}
	if len(accounts) == 0 {
		return
	}
	x.server, x.site = accounts[0].Server, accounts[0].Site
	if x.client == "" {
		x.client = accounts[0].host
	}
}

// all returns what is joined to c, and what might be instead, in order.
func (c *claim) all() []*account {
	if c.candidates == nil {
		return c.joined
	}
	out := slices.Clone(c.joined)
	for a := range c.candidates {
		if a != nil && a.owner != c {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(x, y *account) int { return cmp.Or(x.compare(y), cmp.Compare(x.ID, y.ID)) })
	return out
}
