package validate

import (
	"slices"
	"sort"

	"tallystick/internal/transfer"
)

// degreeMax is how many accounts are looked at for one claim. A client that
// opens one file more often than that within one flush of the server (some
// seconds) gets those nearest in time, and of those with the same bytes the
// nearest.
const degreeMax = 64

// A bucket is the claims and accounts of one path on one server, in order.
type bucket struct {
	claims   []*claim
	accounts []*account
}

type bucketKey struct{ server, path string }

// buckets returns the claims and accounts, cut by server and path, sorted by
// these. Claims on servers that no account names are in none: there is nothing
// to find for them.
func buckets(claims []*claim, accounts []*account) []*bucket {
	names := make(aliases)
	for _, a := range accounts {
		names.join(a.names[0], a.names[1])
	}
	byKey := make(map[bucketKey]*bucket)
	at := func(server, path string) *bucket {
		k := bucketKey{names.root(server), path}
		if byKey[k] == nil {
			byKey[k] = new(bucket)
		}
		return byKey[k]
	}
	for _, a := range accounts {
		b := at(a.names[0], a.path)
		b.accounts = append(b.accounts, a)
	}
	for _, c := range claims {
		if _, ok := names[c.server]; ok {
			b := at(c.server, c.path)
			b.claims = append(b.claims, c)
		}
	}
	keys := make([]bucketKey, 0, len(byKey))
	for k := range byKey {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		return keys[i].server < keys[j].server || keys[i].server == keys[j].server && keys[i].path < keys[j].path
	})
	out := make([]*bucket, 0, len(keys))
	for _, k := range keys {
		out = append(out, byKey[k])
	}
	return out
}

// aliases says which names are of one server: each name has another one of the
// same server, or itself.
type aliases map[string]string

func (a aliases) root(name string) string {
	for a[name] != name {
		next, ok := a[name]
		if !ok {
			return name
		}
		a[name] = a[next]
		name = next
	}
	return name
}

func (a aliases) join(x, y string) {
	for _, n := range []string{x, y} {
		if _, ok := a[n]; !ok {
			a[n] = n
		}
	}
	rx, ry := a.root(x), a.root(y)
	a[max(rx, ry)] = min(rx, ry)
}

// joinByFields joins what is left in b by server, path, user, client and time.
//
// A claim may be any account that fits. What fits is cut into groups that share
// nothing, and each is solved for itself: see matching. So a sequence of
// thousands of opens is no large problem as long as there are gaps in it.
func (b *bucket) joinByFields(slack float64) {
	for _, g := range b.groups(slack) {
		m := newMatching(g)
		m.solve()
		m.apply()
	}
}

// A group is claims and accounts that may be one another's, in order.
type group struct {
	claims   []*claim
	accounts []*account
	edges    [][]edge // per claim, by account
}

// An edge is an account that fits a claim.
type edge struct {
	account int // its place in group.accounts
	cost    cost
}

// groups returns the groups of what is not joined yet.
func (b *bucket) groups(slack float64) []*group {
	claims := slices.DeleteFunc(slices.Clone(b.claims), func(c *claim) bool { return len(c.joined) > 0 })
	accounts := slices.DeleteFunc(slices.Clone(b.accounts), func(a *account) bool { return a.owner != nil })
	if len(claims) == 0 || len(accounts) == 0 {
		return nil
	}
	estimate(claims, accounts)
	opened, closed := newWindows(accounts, opening), newWindows(accounts, closing)
	fits := make([][]int, len(claims))
	sets := newSets(len(claims) + len(accounts))
	var found []int
	for i, c := range claims {
		found = opened.at(c.Opened, slack, found[:0])
		if c.Closed != 0 {
			found = closed.at(c.Closed, slack, found)
		}
		fits[i] = nearest(c, accounts, fitting(c, accounts, found, slack), slack)
		for _, j := range fits[i] {
			sets.join(i, len(claims)+j)
		}
	}
	return cut(claims, accounts, fits, sets, slack)
}

// fitting returns those of found that fit c, sorted, each once. It uses found
// for that.
func fitting(c *claim, accounts []*account, found []int, slack float64) []int {
	slices.Sort(found)
	found = slices.Compact(found)
	return slices.DeleteFunc(found, func(j int) bool { return !fit(c, accounts[j], slack) })
}

// fit reports whether a may be what the server tells of c.
func fit(c *claim, a *account, slack float64) bool {
	if !sameClient(c, a) || !overlap(c, a, slack) {
		return false
	}
	if c.openFailed() && a.Bytes.Total() == 0 {
		return false
	}
	// Of an access that outlived a restart the server knows only a later part:
	// the beginning or the end has to be right, not both. But no server closes
	// a file for its client after the client had the answer.
	if a.End == transfer.Closed && c.Closed != 0 && a.Closed.Known() && float64(a.Closed[0]) > c.Closed+slack {
		return false
	}
	return a.Opened.Known() && gap(a.Opened, c.Opened, c.Opened) <= slack ||
		c.Closed != 0 && closing(a).Known() && gap(a.Closed, c.Closed, c.Closed) <= slack
}

// openFailed reports whether nothing at all came of c. XRootD has no record of
// an open that failed (XROOTD.md 4.2), so that an account without bytes is not
// of it.
func (c *claim) openFailed() bool {
	return c.Outcome == transfer.Failed && c.Asked == (transfer.Bytes{}) &&
		(c.Received == nil || *c.Received == transfer.Bytes{})
}

// cut returns the groups that the sets make.
func cut(claims []*claim, accounts []*account, fits [][]int, s sets, slack float64) []*group {
	byRoot := make(map[int]*group)
	place := make([]int, len(accounts))
	for j, a := range accounts {
		root := s.root(len(claims) + j)
		g := byRoot[root]
		if g == nil {
			g = new(group)
			byRoot[root] = g
		}
		place[j] = len(g.accounts)
		g.accounts = append(g.accounts, a)
	}
	var out []*group
	for i, c := range claims {
		g := byRoot[s.root(i)]
		if g == nil {
			continue // nothing fits it
		}
		if len(g.claims) == 0 {
			out = append(out, g)
		}
		g.claims = append(g.claims, c)
		es := make([]edge, 0, len(fits[i]))
		for _, j := range fits[i] {
			es = append(es, edge{place[j], costOf(c, accounts[j], slack)})
		}
		g.edges = append(g.edges, es)
	}
	return out
}

// sets are disjoint sets of the numbers below their length.
type sets []int

func newSets(n int) sets {
	s := make(sets, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func (s sets) root(i int) int {
	for s[i] != i {
		s[i] = s[s[i]]
		i = s[i]
	}
	return i
}

func (s sets) join(i, j int) { s[s.root(i)] = s.root(j) }
