package validate

import (
	"slices"
	"sort"
	"strings"

	"tallystick/internal/transfer"
)

// farMax is how many seconds an account may lie away from a claim whose id it
// carries, if others with that id do not: longer than clocks go wrong unnoticed,
// shorter than the time from one use of a run's name to the next.
const farMax = 3600

// joinByID joins the transfers that carry the id of a claim.
//
// The id is text that the client gave its session, by its app info or its
// monitoring info: the claim's key, or in the form that older tests use,
// <id>_<url>_<retry>, which does not tell the run. It is the session's, or even
// the process's, and not the file's: a session that opens several files shows it
// with all of them, and the path says which of them is meant. A file that was
// read in several sessions, because one was idle for too long or the server went
// away, shows it several times, and all of them belong to the claim.
//
// Where the process opened the same file again for another claim, that shows the
// id of the first one too. Such accounts, and those that may be of several runs,
// only get their claims named here, in account.ids; the fields then say which is
// which: see mayJoin.
func joinByID(claims []*claim, accounts []*account, slack float64) {
	x := newIDs(claims, accounts, slack)
	own := make(map[*claim][]*account)
	for _, a := range accounts {
		a.ids = x.meant(a)
		for _, c := range a.ids {
			c.named = true
		}
		if len(a.ids) == 1 {
			own[a.ids[0]] = append(own[a.ids[0]], a)
		}
	}
	for _, c := range claims {
		if as := own[c]; len(as) > 0 && (c.tells(as, slack) || !x.disputed(as)) {
			c.addNamed(as, slack)
		}
	}
}

// joinRest joins what carries an id, and turned out to be no other claim's, to
// the claim with that id.
func joinRest(accounts []*account, slack float64) {
	for _, a := range accounts {
		if a.owner == nil && len(a.ids) == 1 && !a.ids[0].accounted() {
			a.ids[0].addNamed([]*account{a}, slack)
		}
	}
}

// ids finds claims by what an account may say of them.
type ids struct {
	byKey, byID map[string][]*claim
	byFile      map[file][]*claim // by opening
	slack       float64
}

type file struct{ run, path string }

func newIDs(claims []*claim, accounts []*account, slack float64) *ids {
	x := &ids{byKey: make(map[string][]*claim), byID: make(map[string][]*claim), byFile: make(map[file][]*claim), slack: slack}
	if !slices.ContainsFunc(accounts, func(a *account) bool { return a.AppInfo != "" || a.MonInfo != "" }) {
		return x
	}
	for _, c := range claims {
		x.byKey[c.Key()] = append(x.byKey[c.Key()], c)
		x.byID[c.ID] = append(x.byID[c.ID], c)
		f := file{c.Run, c.path}
		x.byFile[f] = append(x.byFile[f], c)
	}
	return x
}

// meant returns the claims that a may belong to by its id, nil if it has none.
func (x *ids) meant(a *account) []*claim {
	for _, text := range []string{a.AppInfo, a.MonInfo} {
		text = strings.TrimSpace(text)
		if cs := x.choose(x.byKey[text], a, false); cs != nil {
			return cs
		}
		if id, ok := oldID(text); ok {
			if cs := x.choose(x.byID[id], a, true); cs != nil {
				return cs
			}
		}
	}
	return nil
}

// oldID returns the id of <id>_<url>_<retry>. The url may have underscores in
// it.
func oldID(text string) (id string, ok bool) {
	id, rest, _ := strings.Cut(text, "_")
	return id, id != "" && strings.Contains(rest, "_")
}

// choose returns those of claims that a may belong to, and of several the one
// that it lies within. timed says that the id alone does not tell the run, so
// that the times must overlap.
func (x *ids) choose(claims []*claim, a *account, timed bool) []*claim {
	var fit, within []*claim
	for _, c := range claims {
		if !sameFile(c, a) || timed && !overlap(c, a, x.slack) {
			continue
		}
		fit = append(fit, c)
		if contains(c, a, x.slack) {
			within = append(within, c)
		}
	}
	if len(within) == 1 {
		return within
	}
	return fit
}

// tells reports whether there is no doubt that as are what c's id says.
func (c *claim) tells(as []*account, slack float64) bool {
	for _, a := range as {
		if !overlap(c, a, slack) {
			return false
		}
	}
	sum, known := sumOf(as)
	return len(as) == 1 || c.known != nil && known && sum == *c.known
}

// disputed reports whether any of as may belong to a claim that no account
// names.
func (x *ids) disputed(as []*account) bool {
	for _, a := range as {
		c := a.ids[0]
		cs := x.byFile[file{c.Run, c.path}]
		from := sort.Search(len(cs), func(i int) bool { return cs[i].Opened >= a.begin-x.slack })
		for _, r := range cs[from:] {
			if r.Opened > float64(a.Opened[1])+1+x.slack {
				break
			}
			if mayJoin(r, a) && r != c && fit(r, a, x.slack) {
				return true
			}
		}
	}
	return false
}

// mayJoin reports whether c may have a as far as their ids say: a claim that is
// named has only accounts that name it. What names another claim may be c's if
// the same process opened the file for both. Where processes are not known, it
// must have exactly the bytes of c.
func mayJoin(c *claim, a *account) bool {
	switch {
	case len(a.ids) == 0 || c.named:
		return !c.named || slices.Contains(a.ids, c)
	case !slices.ContainsFunc(a.ids, func(o *claim) bool { return o.Run == c.Run }):
		return false
	case c.PID != 0 && a.ids[0].PID != 0:
		return slices.ContainsFunc(a.ids, func(o *claim) bool { return o.PID == c.PID })
	}
	return c.known != nil && a.counts(*c.known)
}

// addNamed joins as to c by id, but for those that are far away in time if any
// that are joined are not.
func (c *claim) addNamed(as []*account, slack float64) {
	near := func(a *account) bool { return overlap(c, a, slack) }
	some := slices.ContainsFunc(as, near) || slices.ContainsFunc(c.joined, near)
	for _, a := range as {
		if !some || overlap(c, a, max(slack, farMax)) {
			c.add(a, "id")
		}
	}
}

// overlap reports whether c and a may have been open at the same time.
func overlap(c *claim, a *account, slack float64) bool {
	return a.begin <= c.end+slack && a.end > c.Opened-slack
}

// contains reports whether a may have been opened and ended while c lasted.
func contains(c *claim, a *account, slack float64) bool {
	if !a.Opened.Known() && !a.Closed.Known() {
		return false
	}
	return (!a.Opened.Known() || gap(a.Opened, c.Opened, c.end) <= slack) &&
		(a.End == transfer.Open || !a.Closed.Known() || gap(a.Closed, c.Opened, c.end) <= slack)
}

// gap returns how many seconds lie between i and the time from begin to end, 0
// if they touch. The seconds of i are whole ones: i lasts to the end of its
// last.
func gap(i transfer.Interval, begin, end float64) float64 {
	return max(0, float64(i[0])-end, begin-float64(i[1]+1))
}
