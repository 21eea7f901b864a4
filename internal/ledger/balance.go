package ledger

import (
	"cmp"
	"maps"
	"slices"

	"tallystick/internal/transfer"
)

// MaxBalances is how many balances a ledger holds: of a thousand servers those of a
// day. The oldest go first.
const MaxBalances = 30_000

// balanceSpan is within how many seconds balances of one life become one.
const balanceSpan = 3600

// A balanceKey is what balances that become one have in common.
type balanceKey struct {
	sid    uint64
	stod   int64
	server string // of one without a sid
	span   int64  // of their end
}

func keyOfBalance(b *transfer.Balance) balanceKey {
	k := balanceKey{sid: b.SID, stod: b.Stod, span: b.Between[1] / balanceSpan}
	if b.SID == 0 {
		k.server = b.Server
	}
	return k
}

// balances are the balances of a ledger. The caller locks.
type balances struct {
	all     map[balanceKey]*transfer.Balance
	dropped int
}

// PutBalance adds b to that of its life and hour.
func (l *Ledger) PutBalance(b transfer.Balance) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := keyOfBalance(&b)
	if has := l.balanced.all[k]; has != nil {
		b = has.Plus(b)
	}
	l.balanced.all[k] = &b
	l.balanced.limit()
}

// limit drops the oldest sixteenth of the balances if there are too many.
func (n *balances) limit() {
	if len(n.all) <= MaxBalances {
		return
	}
	for _, b := range slices.SortedFunc(maps.Values(n.all), compareBalances)[:MaxBalances/16] {
		delete(n.all, keyOfBalance(b))
		n.dropped++
	}
}

func compareBalances(a, b *transfer.Balance) int {
	return cmp.Or(
		cmp.Compare(a.Between[1], b.Between[1]), cmp.Compare(a.Between[0], b.Between[0]),
		cmp.Compare(a.Server, b.Server), cmp.Compare(a.SID, b.SID), cmp.Compare(a.Stod, b.Stod),
	)
}

// Balances returns the balances of the server of that name or address, or of all
// servers if it is empty, that ended from the Unix second from on and began until to:
// sorted by their end. Those of a life that ended within an hour are one.
func (l *Ledger) Balances(server string, from, to int64) []transfer.Balance {
	server = transfer.CleanServer(server)
	var out []transfer.Balance
	l.mu.RLock()
	for _, b := range l.balanced.all {
		named := server == "" || transfer.CleanServer(b.Server) == server || transfer.CleanServer(b.Address) == server
		if named && b.Between[1] >= from && b.Between[0] <= to {
			out = append(out, *b)
		}
	}
	l.mu.RUnlock()
	slices.SortFunc(out, func(a, b transfer.Balance) int { return compareBalances(&a, &b) })
	return out
}

// BalancesDropped returns how many balances had to go because there were more than
// MaxBalances.
func (l *Ledger) BalancesDropped() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.balanced.dropped
}

// rename gives all balances of a server its name.
func (n *balances) rename(sid uint64, name, address string) {
	for _, b := range n.all {
		if b.SID == sid {
			b.Server, b.Address = name, address
		}
	}
}

// freeBefore drops the balances that ended before the Unix second.
func (n *balances) freeBefore(before int64) {
	maps.DeleteFunc(n.all, func(_ balanceKey, b *transfer.Balance) bool { return b.Between[1] < before })
}
