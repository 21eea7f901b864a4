package validate

import (
	"cmp"
	"slices"

	"tallystick/internal/transfer"
)

// continueJoined adds what is left over in b to the claims that it continues.
//
// A client whose connection or whose server went away opens the file again by
// itself and reads on: one access to the client, several to the servers, each
// with its part of the bytes. By HTTP each request is an access to the server
// (measured with XRootD 5.5.3). So what is left over, lies within a claim that has
// accounts already, and can stand in a row with them, is taken for a part of it:
// first where the parts make up just what the claim has, and there is only one
// way to choose them, then, if it was cut, where there is only one claim that it can be of. A
// claim that is accounted for to the byte takes no more.
func (b *bucket) continueJoined(slack float64) {
	row := rows{slack: slack, processes: b.tellsProcesses()}
	var long []*claim
	for _, c := range b.claims {
		if len(c.joined) > 0 {
			long = append(long, c)
		}
	}
	var left []*account
	for _, a := range b.accounts {
		if a.owner == nil {
			left = append(left, a)
		}
	}
	if len(left) > 0 {
		for row.complete(long, left) {
			left = slices.DeleteFunc(left, func(a *account) bool { return a.owner != nil })
		}
	}
	for _, a := range left {
		if c := row.continued(long, a); c != nil {
			c.add(a, c.join)
		}
	}
	for _, c := range long {
		c.settle()
	}
}

// tellsProcesses reports whether the server's process numbers are the clients',
// which they are up to XRootD 5.6.4: so it is if most that is joined agrees.
func (b *bucket) tellsProcesses() bool {
	same, other := 0, 0
	for _, c := range b.claims {
		for _, a := range c.joined {
			switch {
			case c.PID == 0 || a.pid == 0:
			case c.PID == a.pid:
				same++
			default:
				other++
			}
		}
	}
	return same > other
}

// rows finds parts of claims.
type rows struct {
	slack     float64
	processes bool // they must agree
}

// complete gives claims the parts that they lack, where there is one way to do
// it and no two claims lack the same, and reports whether there was any such
// claim: then there may be more, as less is left.
func (r rows) complete(long []*claim, left []*account) (some bool) {
	wanted := make(map[*account]int)
	lack := make(map[*claim][]*account)
	for _, c := range long {
		if c.known == nil || c.accounted() {
			continue
		}
		lack[c] = r.lacking(c, left)
		for _, a := range lack[c] {
			wanted[a]++
		}
	}
	for _, c := range long {
		row := lack[c]
		if len(row) == 0 || slices.ContainsFunc(row, func(a *account) bool { return wanted[a] > 1 }) {
			continue
		}
		for _, a := range row {
			c.add(a, c.join)
		}
		some = true
	}
	return some
}

// lacking returns the parts that make up just what c lacks, nil if there are
// none or several ways to choose them.
func (r rows) lacking(c *claim, left []*account) []*account {
	s := partition[*account]{
		bytes: func(a *account) transfer.Bytes { return a.Bytes },
		fits:  func(taken []*account) bool { return inRow(c, taken...) },
	}
	for _, a := range left {
		if !a.blank && a.Bytes.Total() != 0 && r.continues(c, a) {
			s.parts = append(s.parts, a)
		}
	}
	sum, _ := c.sum()
	return s.only(c.known.Minus(sum))
}

// continued returns the one claim that a continues, nil if that is none or
// several. Of several, one of the same process is meant.
func (r rows) continued(claims []*claim, a *account) (found *claim) {
	same, several := false, false
	for _, c := range claims {
		if !r.continues(c, a) || !inRow(c, a) || a.http() && !a.cut() || c.accounted() && a.Bytes.Total() != 0 {
			continue
		}
		process := c.PID != 0 && c.PID == a.pid
		switch {
		case found == nil, process && !same:
			found, same, several = c, process, false
		case process == same:
			several = true
		}
	}
	if several {
		return nil
	}
	return found
}

// continues reports whether a may be a part of c, which has some.
func (r rows) continues(c *claim, a *account) bool {
	first := c.joined[0]
	apart := c.cut() || a.cut() || first.life != a.life || first.http() && a.http()
	if !apart || !overlap(c, a, r.slack) {
		return false // as most: not to be looked at further
	}
	if r.processes && c.PID != 0 && a.pid != 0 && c.PID != a.pid {
		return false
	}
	return sameClient(c, a) && (len(a.ids) == 0 || slices.Contains(a.ids, c)) && contains(c, a, r.slack)
}

// cut reports whether a was cut off by the end of its session or its server's
// life, as far as anybody can tell.
func (a *account) cut() bool {
	return a.End == transfer.Forced || a.End == transfer.Lost || a.End == transfer.Stopped || a.torn
}

func (c *claim) cut() bool { return slices.ContainsFunc(c.joined, (*account).cut) }

// inRow reports whether the accounts can stand in a row with what is joined to
// c: each part was cut off before the next began, or was a request of its own.
func inRow(c *claim, accounts ...*account) bool {
	row := append(slices.Clone(c.joined), accounts...)
	slices.SortFunc(row, func(x, y *account) int { return cmp.Or(x.compare(y), cmp.Compare(x.ID, y.ID)) })
	for i, next := range row[1:] {
		part := row[i]
		if part.http() && next.http() {
			continue
		}
		if !part.cut() && part.life == next.life {
			return false
		}
		if part.Closed.Known() && next.Opened.Known() && part.Closed[0] > next.Opened[1] {
			return false
		}
	}
	return true
}

// settle takes back that c is ambiguous if all that it could be is joined to it.
func (c *claim) settle() {
	for a := range c.candidates {
		if a == nil || a.owner != c {
			return
		}
	}
	c.candidates = nil
}
