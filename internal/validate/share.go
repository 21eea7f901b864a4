package validate

import (
	"cmp"
	"slices"

	"tallystick/internal/transfer"
)

// shareJoined gives claims of b that are left without an account those of another.
//
// A server tells of each open by itself, also where one process opens a file twice. But
// a client may tell of more than it opened: where several readers have one open file, or
// one open is claimed in parts. So where the accounts of a claim have more bytes than it
// has, and there is just one way to choose claims that have none, of the same client and
// run and while the accounts were open, that make up the rest, the accounts are those of
// all of them, and are compared with their sum.
func (b *bucket) shareJoined(slack float64) {
	var alone []*claim
	for _, c := range b.claims {
		if len(c.joined) == 0 && c.shares() && c.Closed != 0 && c.known.Total() > 0 {
			alone = append(alone, c)
		}
	}
	if len(alone) == 0 {
		return
	}
	wanted := make(map[*claim]int)
	others := make(map[*claim][]*claim)
	for _, c := range b.claims {
		if len(c.joined) > 0 && c.shares() {
			others[c] = c.sharers(alone, slack)
		}
		for _, m := range others[c] {
			wanted[m]++
		}
	}
	for _, c := range b.claims {
		if len(others[c]) > 0 && !slices.ContainsFunc(others[c], func(m *claim) bool { return wanted[m] > 1 }) {
			c.share(others[c])
		}
	}
}

// shares reports whether c may be one of several claims of an account.
func (c *claim) shares() bool {
	return c.Outcome == transfer.OK && c.known != nil && c.candidates == nil
}

// sharers returns those of alone that have what the accounts of c have more than c, nil
// if there are none or several ways to choose them.
func (c *claim) sharers(alone []*claim, slack float64) []*claim {
	sum, known := c.sum()
	rest := sum.Minus(*c.known)
	if !known || rest.Total() <= 0 || negative(rest) {
		return nil
	}
	var may []*claim
	for _, m := range alone {
		if c.sharesWith(m, slack) {
			may = append(may, m)
		}
	}
	s := partition[*claim]{parts: may, bytes: func(m *claim) transfer.Bytes { return *m.known }}
	return s.only(rest)
}

// sharesWith reports whether m may be of the accounts of c too.
func (c *claim) sharesWith(m *claim, slack float64) bool {
	if c.Run != m.Run || c.Client != m.Client || c.User != m.User || c.PID != m.PID {
		return false
	}
	return all(c.joined, func(a *account) bool {
		return sameClient(m, a) && mayJoin(m, a) && m.Opened >= a.begin-slack && m.end <= a.end+slack
	})
}

// share makes the accounts of c those of the others too.
func (c *claim) share(with []*claim) {
	together := append([]*claim{c}, with...)
	slices.SortStableFunc(together, func(x, y *claim) int {
		return cmp.Or(cmp.Compare(x.Opened, y.Opened), cmp.Compare(x.Key(), y.Key()))
	})
	for _, m := range together {
		m.joined, m.join, m.together = c.joined, c.join, together
	}
}

// others returns the keys of the claims that have the accounts of c too.
func (c *claim) others() (keys []string) {
	for _, m := range c.together {
		if m != c {
			keys = append(keys, m.Key())
		}
	}
	return keys
}
