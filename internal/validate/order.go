package validate

import (
	"math"
	"slices"
	"sort"
)

// ticks is how many units of account.about a second has: more than a server
// opens files in one, so that a crowd does not run ahead of its time, and few
// enough that aboutMax of them are longer than a server waits with its records.
const ticks = 16_000

// estimate says about when each account was opened. The server's order says
// which came first, its intervals only to some seconds when. So the claims that
// may have been theirs are laid beside them: those of the same process where it
// is known on both sides, else all that remain.
//
// The claims are by opening, the accounts in their server's order.
func estimate(claims []*claim, accounts []*account) {
	processes, roots := make(map[line]bool), make(map[string]bool)
	for _, a := range accounts {
		roots[a.root] = true
	}
	for _, c := range claims {
		for root := range c.roots(roots) {
			processes[line{root, c.PID}] = true
		}
	}
	theirs := make(map[line][]*account)
	for _, a := range accounts {
		l := line{a.root, a.pid}
		if !processes[l] {
			l.pid = 0
		}
		theirs[l] = append(theirs[l], a)
	}
	ours := make(map[line][]*claim)
	for _, c := range claims {
		for root := range c.roots(roots) {
			l := line{root, c.PID}
			if theirs[l] == nil {
				l.pid = 0
			}
			if !c.openFailed() {
				ours[l] = append(ours[l], c)
			}
		}
	}
	for l, as := range theirs {
		align(ours[l], as)
	}
}

// A line is what one process did on one server; with pid 0, what is not known
// to be of any that both sides tell.
type line struct {
	root string
	pid  int
}

// roots returns where c may have been, of all.
func (c *claim) roots(all map[string]bool) map[string]bool {
	if c.anywhere {
		return all
	}
	return map[string]bool{c.root: true}
}

// align estimates for the accounts of one line. If there are as many claims, the
// first account is the first claim's, and so on. Else there are too few of one
// or the other, and each stretch of accounts is looked at for itself.
func align(claims []*claim, accounts []*account) {
	last := int64(math.MinInt64)
	if len(claims) == len(accounts) {
		place(accounts, func(k int) float64 { return claims[k].Opened }, &last)
		return
	}
	for len(accounts) > 0 {
		n := 1
		for n < len(accounts) && accounts[n].Opened == accounts[0].Opened && accounts[n].life == accounts[0].life {
			n++
		}
		at := spread(claims, accounts[0])
		place(accounts[:n], func(k int) float64 { return at((float64(k) + 0.5) / float64(n)) }, &last)
		accounts = accounts[n:]
	}
}

// place says that the k-th of accounts was opened at about at(k), but not
// outside its interval, and after the last one before it: the order counts
// however many there are.
func place(accounts []*account, at func(k int) float64, last *int64) {
	for k, a := range accounts {
		t := at(k)
		if a.Opened.Known() {
			t = min(max(t, float64(a.Opened[0])), float64(a.Opened[1])+1)
		}
		*last = max(*last+1, clampTime(ticks*t))
		a.about = *last
	}
}

// spread returns the time at a fraction of the claims in the interval of a.
func spread(claims []*claim, a *account) func(fraction float64) float64 {
	begin, end := a.begin, a.begin
	if a.Opened.Known() {
		end = float64(a.Opened[1]) + 1
	}
	from := sort.Search(len(claims), func(i int) bool { return claims[i].Opened >= begin })
	to := sort.Search(len(claims), func(i int) bool { return claims[i].Opened >= end })
	if from >= to {
		return func(fraction float64) float64 { return begin + fraction*(end-begin) }
	}
	within := claims[from:to]
	return func(fraction float64) float64 {
		place := min(max(fraction*float64(len(within))-0.5, 0), float64(len(within)-1))
		low, part := int(place), place-math.Floor(place)
		high := min(low+1, len(within)-1)
		return within[low].Opened*(1-part) + within[high].Opened*part
	}
}

// Of each of three kinds, the nearMax accounts that are nearest in order are
// looked at for one claim: of those with the claim's bytes and process, of those
// with its bytes, and of all. A client that opens one file more often than that
// within one flush of the server (some seconds) has most of them left out, and
// gets a second chance at what is free in the end: see matching.retry.
const nearMax = 32

// nearest returns those of fits that are looked at for c. fits is sorted; the
// result is not of it.
func nearest(c *claim, accounts []*account, fits []int, slack float64) []int {
	if len(fits) <= 2*nearMax {
		return slices.Clone(fits)
	}
	after := sort.Search(len(fits), func(i int) bool { return accounts[fits[i]].about >= clampTime(c.Opened*ticks) })
	before := after - 1
	keep := make([]int, 0, 3*nearMax)
	var kept [3]int
	for before >= 0 || after < len(fits) {
		var j int
		if after == len(fits) || before >= 0 && disorder(c, accounts[fits[before]], slack) <= disorder(c, accounts[fits[after]], slack) {
			j = fits[before]
			before--
		} else {
			j = fits[after]
			after++
		}
		if k := likeness(c, accounts[j]); kept[k] < nearMax {
			kept[k]++
			keep = append(keep, j)
		}
	}
	slices.Sort(keep)
	return keep
}

// likeness returns 0 if c and a are alike in bytes and process, 1 if in bytes,
// 2 if not.
func likeness(c *claim, a *account) int {
	switch {
	case c.known == nil || a.blank || !a.counts(*c.known):
		return 2
	case c.PID == 0 || a.pid != c.PID:
		return 1
	}
	return 0
}

// disorder returns how far c is from where a stands in the server's order. The
// square is what makes two pairs cost more crossed than not. An access that the
// server opened only later, after a restart, is where its own time is nearest.
func disorder(c *claim, a *account, slack float64) int64 {
	opened := clampTime(c.Opened * ticks)
	d := opened - a.about
	if gap(a.Opened, c.Opened, c.Opened) > slack {
		d = max(0, opened-a.about, a.about-clampTime(c.end*ticks))
	}
	d = min(max(d, -d), aboutMax)
	return d * d
}

// clampTime returns t as a whole number, within bounds that leave room to add.
func clampTime(t float64) int64 {
	const bound = 1 << 60
	switch {
	case t > bound:
		return bound
	case t > -bound:
		return int64(t)
	}
	return -bound // also of what is no number
}
