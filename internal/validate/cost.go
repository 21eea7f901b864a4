package validate

import (
	"strings"

	"tallystick/internal/transfer"
)

// A cost says how bad it is to join a claim and an account, or to leave a claim
// without one. What stands first outweighs all that follows; costs are added
// and compared field by field.
//
//	0  claims without an account, by weight: see unjoined
//	1  joined pairs whose bytes differ; then of these those where the server opened
//	   the file only later; then all whose processes differ
//	2  bytes of difference
//	3  seconds outside the account's intervals, in ms, after pairs whose servers may differ
//	4  disorder: the squared difference to about when the server opened it
//
// Pairs that differ come before bytes, because a claim that fits exactly is
// hardly ever there by accident, while the same sum of differences often is:
// of two claims and two smaller accounts, either way to pair them gives the
// same sum. So do processes: a part of a read that was cut looks like a worse
// account of another's, and only the process says that it is not. Disorder is last: it makes the order of opening, which is known on
// both sides, decide between equals, and lets what happened at the same time be
// crossed. It is of no weight for what is ambiguous.
type cost [5]int64

// judged is how many of the fields of a cost tell a better solution from a
// worse one; the rest only picks one among equals.
const judged = 4

// The limits keep sums of costs within an int64 for 100 000 claims.
const (
	differ   = 1 << 40
	later    = 1 << 20
	bytesMax = 1 << 44
	msMax    = 1 << 22
	nameCost = 1 << 24 // of a claim that may be anywhere; as much again if the port is another one
	aboutMax = 1 << 22
)

func (c cost) plus(d cost) cost {
	for i := range c {
		c[i] += d[i]
	}
	return c
}

func (c cost) minus(d cost) cost {
	for i := range c {
		c[i] -= d[i]
	}
	return c
}

func (c cost) less(d cost) bool {
	for i := range c {
		if c[i] != d[i] {
			return c[i] < d[i]
		}
	}
	return false
}

// tied reports whether c is nothing in all that tells better from worse.
func (c cost) tied() bool {
	for _, x := range c[:judged] {
		if x != 0 {
			return false
		}
	}
	return true
}

// unjoined returns the cost of c without an account. An access that went well
// must have one; a killed client may have been killed before the open, and of a
// failure it is hard to say.
func unjoined(c *claim) cost {
	switch c.Outcome {
	case transfer.OK:
		return cost{4}
	case transfer.Killed:
		return cost{3}
	}
	return cost{1}
}

// costOf returns the cost of joining c and a.
func costOf(c *claim, a *account, slack float64) cost {
	var k cost
	switch {
	case c.known == nil:
	case a.blank:
		k[1] = differ
	case !a.counts(*c.known):
		k[1], k[2] = differ, distance(a.fold(a.Bytes), a.fold(*c.known))
	}
	k[3] = outside(c, a)
	if c.PID != 0 && a.pid != 0 && c.PID != a.pid {
		k[1]++
	}
	if k[1] >= differ && a.Opened.Known() && gap(a.Opened, c.Opened, c.Opened) > slack {
		k[1] += later
	}
	if c.anywhere {
		k[3] += nameCost
		if port(c.server) != port(a.names[0]) {
			k[3] += nameCost
		}
	}
	k[4] = disorder(c, a, slack)
	return k
}

// port returns what follows the last colon.
func port(server string) string { return server[strings.LastIndexByte(server, ':')+1:] }

// distance returns by how many bytes x and y differ, up to bytesMax.
func distance(x, y transfer.Bytes) int64 {
	d := x.Minus(y)
	var sum int64
	for _, n := range []int64{d.Read, d.ReadV, d.Write} {
		sum += min(max(n, -n, 0), bytesMax/4)
	}
	return sum
}

// outside returns how many milliseconds c is outside the times of a.
func outside(c *claim, a *account) int64 {
	var s float64
	if a.Opened.Known() {
		s += gap(a.Opened, c.Opened, c.end)
	}
	if a.End == transfer.Closed && c.Closed != 0 {
		s += gap(a.Closed, c.Closed, c.Closed)
	}
	if s < msMax/1000 {
		return int64(s * 1000)
	}
	return msMax // also of what is no number
}
