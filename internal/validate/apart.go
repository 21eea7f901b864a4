package validate

import "tallystick/internal/transfer"

// apartMax is how many seconds the two halves of one access may lie apart at most, if they
// agree in all else. A server's window clock was seen to stand still for five (v04_clock), and what
// times tell of an access that waited for its server to come back is not when the server opened it.
const apartMax = 60

// An act is what tells an access of one file from others, without its time.
type act struct {
	pid   int
	bytes transfer.Bytes
}

// joinApart joins what is left over on both sides of b, and is of one process and has
// the same bytes: where times are wrong, nothing else is.
func (b *bucket) joinApart() {
	accounts := make(map[act][]*account)
	for _, a := range b.accounts {
		if a.owner == nil && !a.candidate && a.pid != 0 && a.Bytes.Total() > 0 {
			k := act{a.pid, a.Bytes}
			accounts[k] = append(accounts[k], a)
		}
	}
	if len(accounts) == 0 {
		return
	}
	claims := make(map[act][]*claim)
	for _, c := range b.claims {
		if len(c.joined) == 0 && c.shares() {
			k := act{c.PID, *c.known}
			claims[k] = append(claims[k], c)
		}
	}
	for k, cs := range claims {
		joinPairs(cs, accounts[k])
	}
}

// joinPairs joins each claim to the account that has its place, if there are as many.
func joinPairs(claims []*claim, accounts []*account) {
	if len(claims) != len(accounts) {
		return
	}
	for i, c := range claims {
		if a := accounts[i]; sameClient(c, a) && mayJoin(c, a) && overlap(c, a, apartMax) {
			c.add(a, "fields")
		}
	}
}
