package audit

import (
	"cmp"
	"slices"

	"tallystick/internal/transfer"
)

// A pair is a record and the transfer that it is of; nil where there is none.
type pair struct {
	theirs *Record
	ours   *transfer.Transfer
	twice  bool // the transfer has a record already
}

// A place is what a record and a transfer have in common, as far as a pass looks.
type place struct {
	stod             int64
	site, path, user string
	bytes            transfer.Bytes
	size             int64
}

// A look is a pass: what it looks at. Their records have no id of the file, so that the
// passes begin with everything, and go on with less.
type look struct {
	at       func(p place) place
	nameless bool // it is for records that name no file
}

func looks() []look {
	var none transfer.Bytes
	return []look{
		{func(p place) place { return p }, false},
		{func(p place) place { p.size = 0; return p }, false},
		{func(p place) place { p.user = ""; return p }, false},
		{func(p place) place { p.user, p.path = "", ""; return p }, true},
		{func(p place) place { p.user, p.site, p.path = "", "", ""; return p }, true},
		{func(p place) place { p.user, p.site, p.path, p.size = "", "", "", 0; return p }, true},
		{func(p place) place { p.user, p.site, p.path, p.stod = "", "", "", 0; return p }, true},
		{func(p place) place { p.site, p.size = "", 0; return p }, false},
		{func(p place) place { p.user, p.site, p.size = "", "", 0; return p }, false},
		{func(p place) place { p.bytes, p.site = none, ""; return p }, false}, // other bytes
		{func(p place) place { p.bytes, p.site, p.size = none, "", 0; return p }, false},
		{func(p place) place { p.stod, p.site, p.size = 0, "", 0; return p }, false}, // of WLCG, which has no server's start
		{func(p place) place { p.stod, p.site, p.size, p.user = 0, "", 0, ""; return p }, false},
		{func(p place) place { return place{path: p.path} }, false},
	}
}

func placeOfRecord(r *Record) place {
	return place{r.Stod, r.Site, r.Path, r.User, r.Bytes, r.Size}
}

// placeOf returns t as a collector that corrects nothing has it.
func placeOf(t *transfer.Transfer) place {
	stod, _, _ := t.Order()
	return place{stod, known(t.Site), known(t.Path), known(t.User), told(t), max(t.Size, 0)}
}

// told returns the bytes of t as the server told them.
func told(t *transfer.Transfer) transfer.Bytes {
	if t.Raw != nil {
		return *t.Raw
	}
	return t.Bytes
}

// match finds the transfer of each record. Where several are equal in all that counts,
// those with a close record are taken first, in the order of their ends.
func match(records []*Record, transfers []*transfer.Transfer) (pairs []pair, missing []*transfer.Transfer) {
	ours := slices.Clone(transfers)
	slices.SortStableFunc(ours, func(a, b *transfer.Transfer) int {
		return cmp.Or(-compareBool(ended(a), ended(b)), cmp.Compare(a.Closed[1], b.Closed[1]), cmp.Compare(a.ID, b.ID))
	})
	m := matching{make(map[*transfer.Transfer]bool), make(map[*Record]*transfer.Transfer)}
	m.byID(records, ours)
	for _, l := range looks() {
		m.pass(l, records, ours)
	}
	pairs = pairUp(records, ours, m.found)
	for _, t := range ours {
		if !m.taken[t] && ended(t) {
			missing = append(missing, t)
		}
	}
	return pairs, missing
}

// A matching is what is matched so far.
type matching struct {
	taken map[*transfer.Transfer]bool
	found map[*Record]*transfer.Transfer
}

func (m *matching) put(r *Record, t *transfer.Transfer) { m.taken[t], m.found[r] = true, t }

// byID matches the records that we wrote ourselves.
func (m *matching) byID(records []*Record, ours []*transfer.Transfer) {
	all := make(map[string]*transfer.Transfer)
	for _, t := range ours {
		all[t.ID] = t
	}
	for _, r := range records {
		if t := all[r.ID]; t != nil && !m.taken[t] {
			m.put(r, t)
		}
	}
}

// pass matches what is equal in what l looks at.
func (m *matching) pass(l look, records []*Record, ours []*transfer.Transfer) {
	free := make(map[place][]*transfer.Transfer)
	for _, t := range ours {
		if !m.taken[t] {
			at := l.at(placeOf(t))
			free[at] = append(free[at], t)
		}
	}
	for _, r := range records {
		at := l.at(placeOfRecord(r))
		if m.found[r] != nil || len(free[at]) == 0 || l.nameless && r.Path != "" || at == (place{}) {
			continue
		}
		i := nearest(r, free[at])
		t := free[at][i]
		copy(free[at][1:i+1], free[at][:i]) // in their order
		free[at] = free[at][1:]
		m.put(r, t)
	}
}

// within is among how many equal transfers that of a record is looked for by its times.
const within = 64

// nearest returns the place of the first of transfers whose times are those of r, or at
// least whose end is; 0 if there is none.
func nearest(r *Record, transfers []*transfer.Transfer) (at int) {
	transfers = transfers[:min(within, len(transfers))]
	closed := func(t *transfer.Transfer) bool { return !outside(r.End, t.Closed) }
	if i := slices.IndexFunc(transfers, func(t *transfer.Transfer) bool { return closed(t) && !outside(r.Start, t.Opened) }); i >= 0 {
		return i
	}
	return max(slices.IndexFunc(transfers, closed), 0)
}

// ended reports whether the server told the end of t, so that every collector that had
// its packets could.
func ended(t *transfer.Transfer) bool { return t.End == transfer.Closed || t.End == transfer.Forced }

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// pairUp returns the pairs in the order of the records. A record that found nothing is
// one of a transfer that has one, if any is of the same file, and of the same user and
// life where the form has these.
func pairUp(records []*Record, ours []*transfer.Transfer, found map[*Record]*transfer.Transfer) []pair {
	same := func(p place) place { return place{stod: p.stod, path: p.path, user: p.user} }
	one := make(map[place]*transfer.Transfer)
	for _, t := range ours {
		p := placeOf(t)
		one[same(p)], one[place{path: p.path}] = t, t
	}
	pairs := make([]pair, 0, len(records))
	for _, r := range records {
		p := pair{theirs: r, ours: found[r]}
		if p.ours == nil && r.Path != "" {
			p.ours = one[same(placeOfRecord(r))]
			p.twice = p.ours != nil
		}
		pairs = append(pairs, p)
	}
	return pairs
}
