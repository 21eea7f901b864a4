package ledger

import (
	"cmp"
	"maps"
	"slices"

	"tallystick/internal/transfer"
)

// MaxLosses is how many losses a ledger holds; the oldest go first.
const MaxLosses = 20_000

// lossSpan is within how many seconds losses of one kind become one: else a bad
// network would fill the ledger in an hour.
const lossSpan = 60

// A lossKey is what losses that become one have in common.
type lossKey struct {
	sid  uint64
	stod int64
	of   transfer.LossOf
	span int64 // of their end
}

func keyOfLoss(l *transfer.Loss) lossKey { return lossKey{l.SID, l.Stod, l.Of, l.Sent[1] / lossSpan} }

// losses are the losses of a ledger. The caller locks.
type losses struct {
	all     map[lossKey]*transfer.Loss
	dropped int
}

// PutLoss adds l to those of its server, life, kind and minute. One that was told
// before and came after all, with a negative count, is taken from them.
func (l *Ledger) PutLoss(n transfer.Loss) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost.put(n)
}

func (l *losses) put(n transfer.Loss) {
	k := keyOfLoss(&n)
	has := l.all[k]
	switch {
	case has == nil && n.Count <= 0: // what it takes back is gone
	case has == nil:
		l.all[k] = &n
		l.limit()
	case has.Count+n.Count <= 0:
		delete(l.all, k)
	default:
		has.Count += n.Count
		has.Sent[0], has.Sent[1] = min(has.Sent[0], n.Sent[0]), max(has.Sent[1], n.Sent[1])
	}
}

// limit drops the oldest sixteenth of the losses if there are too many.
func (l *losses) limit() {
	if len(l.all) <= MaxLosses {
		return
	}
	for _, n := range l.sorted()[:MaxLosses/16] {
		delete(l.all, keyOfLoss(&n))
		l.dropped++
	}
}

// sorted returns all losses by when they were over.
func (l *losses) sorted() []transfer.Loss {
	out := make([]transfer.Loss, 0, len(l.all))
	for n := range maps.Values(l.all) {
		out = append(out, *n)
	}
	slices.SortFunc(out, func(a, b transfer.Loss) int {
		return cmp.Or(
			cmp.Compare(a.Sent[1], b.Sent[1]), cmp.Compare(a.Sent[0], b.Sent[0]),
			cmp.Compare(a.SID, b.SID), cmp.Compare(a.Stod, b.Stod), cmp.Compare(a.Of, b.Of),
		)
	})
	return out
}

// Losses returns what was lost of the server of that name, or of all if it is
// empty, and may have been sent from the Unix second from on and until to: sorted
// by when it was over.
func (l *Ledger) Losses(server string, from, to int64) []transfer.Loss {
	server = transfer.CleanServer(server)
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.DeleteFunc(l.lost.sorted(), func(n transfer.Loss) bool {
		return n.Sent[1] < from || n.Sent[0] > to || server != "" && transfer.CleanServer(n.Server) != server
	})
}

// LossesDropped returns how many losses had to go because there were more than
// MaxLosses.
func (l *Ledger) LossesDropped() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.lost.dropped
}

// Rename gives all losses, lives, events and balances of a server its name and address.
func (l *Ledger) Rename(sid uint64, name, address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lived.rename(sid, name, address)
	l.events.rename(sid, name, address)
	if sid != 0 {
		l.balanced.rename(sid, name, address)
	}
	for _, n := range l.lost.all {
		if n.SID == sid {
			n.Server = name
		}
	}
}

// freeBefore drops what was lost before the Unix second.
func (l *losses) freeBefore(before int64) {
	maps.DeleteFunc(l.all, func(_ lossKey, n *transfer.Loss) bool { return n.Sent[1] < before })
}
