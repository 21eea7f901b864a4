package validate

import (
	"math"
	"slices"
	"sort"
)

// estimate says about when each account was opened. The server's order says
// which came first, its intervals only to some seconds when. So the accounts of
// one interval are taken to be spread over it as the claims in it are, or
// evenly if there are none.
func estimate(claims []*claim, accounts []*account) {
	last := int64(math.MinInt64)
	for i := 0; i < len(accounts); {
		n := i + 1
		for n < len(accounts) && accounts[n].Opened == accounts[i].Opened && accounts[n].life == accounts[i].life {
			n++
		}
		at := spread(claims, accounts[i])
		for k, a := range accounts[i:n] {
			// One after the other, so that the order counts however many there are.
			last = max(last+1, clampTime(1000*at((float64(k)+0.5)/float64(n-i))))
			a.about = last
		}
		i = n
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

// nearest returns at most degreeMax of fits: the nearest in order, and of those
// with the same bytes the nearest. fits is sorted; the result is not of it.
func nearest(c *claim, accounts []*account, fits []int, slack float64) []int {
	if len(fits) <= degreeMax {
		return slices.Clone(fits)
	}
	after := sort.Search(len(fits), func(i int) bool { return accounts[fits[i]].about >= clampTime(c.Opened*1000) })
	before := after - 1
	keep := make([]int, 0, degreeMax)
	for len(keep) < degreeMax && (before >= 0 || after < len(fits)) {
		var j int
		if after == len(fits) || before >= 0 && disorder(c, accounts[fits[before]], slack) <= disorder(c, accounts[fits[after]], slack) {
			j = fits[before]
			before--
		} else {
			j = fits[after]
			after++
		}
		if len(keep) < degreeMax/2 || c.known != nil && accounts[j].Bytes == *c.known {
			keep = append(keep, j)
		}
	}
	slices.Sort(keep)
	return keep
}

// disorder returns how far c is from where a stands in the server's order. The
// square is what makes two pairs cost more crossed than not. An access that the
// server opened only later, after a restart, is where its own time is nearest.
func disorder(c *claim, a *account, slack float64) int64 {
	opened := clampTime(c.Opened * 1000)
	d := opened - a.about
	if gap(a.Opened, c.Opened, c.Opened) > slack {
		d = max(0, opened-a.about, a.about-clampTime(c.end*1000))
	}
	d = min(max(d, -d), aboutMax)
	return d * d
}

// clampTime returns ms as a whole number, within bounds that leave room to add.
func clampTime(ms float64) int64 {
	const bound = 1 << 60
	switch {
	case ms > bound:
		return bound
	case ms > -bound:
		return int64(ms)
	}
	return -bound // also of what is no number
}
