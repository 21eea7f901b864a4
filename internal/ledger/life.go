package ledger

import (
	"cmp"
	"maps"
	"slices"

	"tallystick/internal/transfer"
)

// MaxLives is how many lives of servers a ledger holds; those that were heard of
// last stay.
const MaxLives = 20_000

// A lifeKey names a life.
type lifeKey struct {
	sid  uint64
	stod int64
}

// lives are the lives of a ledger. The caller locks.
type lives struct {
	all     map[lifeKey]*transfer.Life
	dropped int
}

// PutLife adds n, or replaces the life with its ID.
func (l *Ledger) PutLife(n transfer.Life) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lived.all[lifeKey{n.SID, n.Stod}] = &n
	l.lived.limit()
}

// limit drops the sixteenth of the lives that has been silent for longest if there
// are too many.
func (l *lives) limit() {
	if len(l.all) <= MaxLives {
		return
	}
	old := slices.SortedFunc(maps.Values(l.all), func(a, b *transfer.Life) int {
		return cmp.Or(cmp.Compare(a.Heard, b.Heard), compareLives(a, b))
	})
	for _, n := range old[:MaxLives/16] {
		delete(l.all, lifeKey{n.SID, n.Stod})
		l.dropped++
	}
}

// Lives returns the lives of the server of that name or address, or of all servers
// if it is empty, that may have lasted at some time from the Unix second from on
// until to: sorted by server and start. One that no other has followed may last.
func (l *Ledger) Lives(server string, from, to int64) []transfer.Life {
	server = transfer.CleanServer(server)
	var out []transfer.Life
	l.mu.RLock()
	for _, n := range l.lived.all {
		named := server == "" || transfer.CleanServer(n.Server) == server || transfer.CleanServer(n.Address) == server
		if named && n.Stod <= to && (n.Next == 0 || max(n.Next, n.Last) >= from) {
			out = append(out, *n)
		}
	}
	l.mu.RUnlock()
	slices.SortFunc(out, func(a, b transfer.Life) int { return compareLives(&a, &b) })
	return out
}

func compareLives(a, b *transfer.Life) int {
	return cmp.Or(cmp.Compare(a.Server, b.Server), cmp.Compare(a.Stod, b.Stod), cmp.Compare(a.SID, b.SID))
}

// LivesDropped returns how many lives had to go because there were more than
// MaxLives.
func (l *Ledger) LivesDropped() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.lived.dropped
}

// rename gives all lives of a server its name.
func (l *lives) rename(sid uint64, name, address string) {
	for _, n := range l.all {
		if n.SID == sid {
			n.Server, n.Address = name, address
		}
	}
}

// freeBefore drops the lives that were last heard of before the Unix second.
func (l *lives) freeBefore(before int64) {
	maps.DeleteFunc(l.all, func(_ lifeKey, n *transfer.Life) bool { return n.Heard < before })
}
