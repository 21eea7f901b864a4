package validate

import (
	"cmp"
	"slices"

	"tallystick/internal/transfer"
)

// A bucket is the claims and accounts of one path on one server, in order; on
// all servers if a claim does not tell which.
type bucket struct {
	claims   []*claim
	accounts []*account
}

type bucketKey struct{ server, path string }

// settleNames finds out which names are of one server, and which claims know
// none of them.
func settleNames(claims []*claim, accounts []*account) {
	names := make(aliases)
	for _, a := range accounts {
		names.join(a.names[0], a.names[1])
	}
	for _, a := range accounts {
		a.root = names.root(a.names[0])
	}
	for _, c := range claims {
		_, known := names[c.server]
		c.anywhere, c.root = !known, names.root(c.server)
	}
}

// buckets returns the claims and accounts, cut by server and path, sorted by
// these.
func buckets(claims []*claim, accounts []*account) []*bucket {
	anywhere := make(map[string]bool) // paths
	for _, c := range claims {
		if c.anywhere {
			anywhere[c.path] = true
		}
	}
	byKey := make(map[bucketKey]*bucket)
	at := func(server, path string) *bucket {
		k := bucketKey{server, path}
		if anywhere[path] {
			k.server = ""
		}
		if byKey[k] == nil {
			byKey[k] = new(bucket)
		}
		return byKey[k]
	}
	for _, a := range accounts {
		b := at(a.root, a.path)
		b.accounts = append(b.accounts, a)
	}
	for _, c := range claims {
		b := at(c.root, c.path)
		b.claims = append(b.claims, c)
	}
	keys := make([]bucketKey, 0, len(byKey))
	for k := range byKey {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y bucketKey) int {
		return cmp.Or(cmp.Compare(x.server, y.server), cmp.Compare(x.path, y.path))
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
	f := newFinder(b, slack)
	if f == nil {
		return
	}
	for _, g := range f.groups() {
		m := newMatching(g)
		m.solve()
		for i, j := range m.mine {
			if j == none && g.cut[i] {
				m.retry(i, f.free(m, i))
			}
		}
		m.apply()
	}
}

// A group is claims and accounts that may be one another's, in order.
type group struct {
	claims   []*claim
	accounts []*account
	edges    [][]edge // per claim, by account
	cut      []bool   // per claim: more accounts fit than there are edges
}

// An edge is an account that fits a claim.
type edge struct {
	account int // its place in group.accounts
	cost    cost
}

// A finder finds the accounts that fit a claim.
type finder struct {
	claims         []*claim
	accounts       []*account
	opened, closed *windows
	slack          float64
	place          []int // per account: in its group
	found          []int // reused
}

// newFinder returns the finder for what is not joined yet, nil if nothing can
// be found.
func newFinder(b *bucket, slack float64) *finder {
	f := &finder{slack: slack}
	for _, c := range b.claims {
		if len(c.joined) == 0 {
			f.claims = append(f.claims, c)
		}
	}
	for _, a := range b.accounts {
		if a.owner == nil {
			f.accounts = append(f.accounts, a)
		}
	}
	if len(f.claims) == 0 || len(f.accounts) == 0 {
		return nil
	}
	estimate(f.claims, f.accounts)
	slices.SortStableFunc(f.accounts, func(x, y *account) int { return cmp.Compare(x.about, y.about) })
	f.opened, f.closed = newWindows(f.accounts, opening), newWindows(f.accounts, closing)
	f.place = make([]int, len(f.accounts))
	return f
}

// groups returns the groups of what fits.
func (f *finder) groups() []*group {
	fits, short := make([][]int, len(f.claims)), make([]bool, len(f.claims))
	sets := newSets(len(f.claims) + len(f.accounts))
	for i, c := range f.claims {
		all := f.fits(c)
		for _, j := range all {
			sets.join(i, len(f.claims)+j)
		}
		fits[i] = nearest(c, f.accounts, all, f.slack)
		short[i] = len(fits[i]) < len(all)
	}
	return f.cut(fits, short, sets)
}

// fits returns the accounts that fit c, sorted. They are good until the next call.
func (f *finder) fits(c *claim) []int {
	found := f.opened.at(c.Opened, f.slack, f.found[:0])
	if c.Closed != 0 {
		found = f.closed.at(c.Closed, f.slack, found)
	}
	slices.Sort(found)
	found = slices.Compact(found)
	found = slices.DeleteFunc(found, func(j int) bool { return !fit(c, f.accounts[j], f.slack) })
	f.found = found
	return found
}

// free returns edges to the accounts that fit claim i of m and are free.
func (f *finder) free(m *matching, i int) []edge {
	var out []edge
	c := m.claims[i]
	for _, j := range f.fits(c) {
		if at := f.place[j]; m.owner[at] == none {
			out = append(out, edge{at, costOf(c, f.accounts[j], f.slack)})
		}
	}
	return out
}

// fit reports whether a may be what the server tells of c.
func fit(c *claim, a *account, slack float64) bool {
	if !sameClient(c, a) || !overlap(c, a, slack) || !mayJoin(c, a) {
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
func (f *finder) cut(fits [][]int, short []bool, s sets) []*group {
	byRoot := make(map[int]*group)
	for j, a := range f.accounts {
		root := s.root(len(f.claims) + j)
		g := byRoot[root]
		if g == nil {
			g = new(group)
			byRoot[root] = g
		}
		f.place[j] = len(g.accounts)
		g.accounts = append(g.accounts, a)
	}
	var out []*group
	for i, c := range f.claims {
		g := byRoot[s.root(i)]
		if g == nil {
			continue // nothing fits it
		}
		if len(g.claims) == 0 {
			out = append(out, g)
		}
		g.claims, g.cut = append(g.claims, c), append(g.cut, short[i])
		es := make([]edge, 0, len(fits[i]))
		for _, j := range fits[i] {
			es = append(es, edge{f.place[j], costOf(c, f.accounts[j], f.slack)})
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
