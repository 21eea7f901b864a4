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
// with its part of the bytes. So an account that is left over, and lies within
// exactly one claim that has accounts already, is taken for a part of it if it
// can stand in a row with them. A claim that is accounted for to the byte takes
// no more.
func (b *bucket) continueJoined(slack float64) {
	var long []*claim
	for _, c := range b.claims {
		if len(c.joined) > 0 {
			long = append(long, c)
		}
	}
	for _, a := range b.accounts {
		if a.owner != nil {
			continue
		}
		if c := continued(long, a, slack); c != nil {
			c.add(a, c.join)
		}
	}
	for _, c := range long {
		c.settle()
	}
}

// continued returns the one claim that a continues, nil if that is none or
// several.
func continued(claims []*claim, a *account, slack float64) (found *claim) {
	for _, c := range claims {
		if !sameClient(c, a) || len(a.ids) > 0 && !slices.Contains(a.ids, c) || !contains(c, a, slack) || !inRow(c, a) || c.accounted() && a.Bytes.Total() != 0 {
			continue
		}
		if found != nil {
			return nil
		}
		found = c
	}
	return found
}

// inRow reports whether a can stand in a row with what is joined to c: each
// part was cut off, by its session or by the end of the server's life, before
// the next began.
func inRow(c *claim, a *account) bool {
	row := append(slices.Clone(c.joined), a)
	slices.SortFunc(row, func(x, y *account) int { return cmp.Or(x.compare(y), cmp.Compare(x.ID, y.ID)) })
	for i, next := range row[1:] {
		part := row[i]
		off := part.End == transfer.Forced || part.End == transfer.Lost || part.life != next.life
		if !off || part.Closed.Known() && next.Opened.Known() && part.Closed[0] > next.Opened[1] {
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
