// Package ledger keeps the transfers and claims, indexed.
//
// Both kinds lie in lists sorted by opening: one of all, one for each name of a
// server, and for claims one for each run. A list is cut into chunks that know
// when the last of their entries ended, so that asking for an hour out of a
// month looks at little more than that hour. A second list, sorted by end, says
// what is to go first when the ledger is full or old entries are freed.
//
// Rules: what was put is never changed afterwards, neither by the ledger nor by
// those who read it; a transfer of which more is known is put again, whole.
// Everything may be called from many goroutines. Reads hold the lock for a page
// of entries at most, so that who walks over everything does not stop those who
// write; such a walk sees what is put meanwhile or does not, but each entry at
// most once as long as it keeps its place.
package ledger

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"reflect"
	"sync"

	"tallystick/internal/transfer"
)

// DefaultMax is how many entries of each kind a ledger holds if nothing else is
// said: with some 700 bytes per entry, 3.5 GB of each kind.
const DefaultMax = 5_000_000

// pageMax is how many entries are read in one go under the lock.
const pageMax = 1024

// ErrConflict is the error of a claim whose run and id another claim has.
var ErrConflict = errors.New("another claim has this run and id")

// Config is what an operator may choose.
type Config struct {
	Max int `koanf:"max"` // entries of each kind; those that ended first go first. Default 5 000 000
}

// Default returns the configuration that an operator gets who chooses nothing.
func Default() Config { return Config{Max: DefaultMax} }

// A Ledger holds transfers and claims in memory.
type Ledger struct {
	mu        sync.RWMutex
	transfers *table[*transfer.Transfer] // under mu
	claims    *table[*transfer.Claim]    // under mu
	lost      losses                     // under mu
	lived     lives                      // under mu
	events    events                     // under mu
	balanced  balances                   // under mu
	turns     turns                      // under mu
}

// New returns an empty ledger.
func New(cfg Config) *Ledger {
	limit := cfg.Max
	if limit <= 0 {
		limit = DefaultMax
	}
	return &Ledger{
		transfers: newTable(limit, transferGroups),
		claims:    newTable(limit, claimGroups),
		lost:      losses{all: make(map[lossKey]*transfer.Loss)},
		lived:     lives{all: make(map[lifeKey]*transfer.Life)},
		events:    newEvents(),
		balanced:  balances{all: make(map[balanceKey]*transfer.Balance)},
	}
}

// PutTransfer adds t, or replaces the transfer with its ID. t belongs to the ledger
// then, which gives it a Sequence and a Revision if it has ended (see Told).
func (l *Ledger) PutTransfer(t *transfer.Transfer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.number(t)
	l.transfers.put(transferEntry(t))
}

func transferEntry(t *transfer.Transfer) *entry[*transfer.Transfer] {
	return &entry[*transfer.Transfer]{
		opened: float64(t.Opened[0]), ended: transferEnd(t), id: t.ID, val: t, bytes: transferBytes(t),
		told: float64(t.Sequence),
	}
}

// PutClaim adds c, which belongs to the ledger then. added is false if the same
// claim is there already; another claim under the same key is an ErrConflict.
func (l *Ledger) PutClaim(c *transfer.Claim) (added bool, err error) {
	e := claimEntry(c)
	l.mu.Lock()
	defer l.mu.Unlock()
	if old := l.claims.byID[e.id]; old != nil {
		if reflect.DeepEqual(old.val, c) {
			return false, nil
		}
		return false, fmt.Errorf("claim %q: %w", e.id, ErrConflict)
	}
	l.claims.put(e)
	return true, nil
}

func claimEntry(c *transfer.Claim) *entry[*transfer.Claim] {
	return &entry[*transfer.Claim]{
		opened: c.Opened, ended: claimEnd(c), id: c.Key(), val: c, bytes: claimBytes(c),
	}
}

// Transfer returns the transfer with the ID, nil if there is none. It must not be changed.
func (l *Ledger) Transfer(id string) *transfer.Transfer {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if e := l.transfers.byID[id]; e != nil {
		return e.val
	}
	return nil
}

// Claim returns the claim of that run and id, nil if there is none. It must not be changed.
func (l *Ledger) Claim(run, id string) *transfer.Claim {
	key := (&transfer.Claim{Run: run, ID: id}).Key()
	l.mu.RLock()
	defer l.mu.RUnlock()
	if e := l.claims.byID[key]; e != nil {
		return e.val
	}
	return nil
}

// Transfers returns those that f selects, ordered by opening and ID. They must not be changed.
func (l *Ledger) Transfers(f Filter) []*transfer.Transfer { return collect(l.AllTransfers(f)) }

// Claims returns those that f selects, ordered by opening and key. They must not be changed.
func (l *Ledger) Claims(f Filter) []*transfer.Claim { return collect(l.AllClaims(f)) }

// AllTransfers goes over those that f selects in the same order as Transfers,
// without holding the lock while the loop's body runs.
func (l *Ledger) AllTransfers(f Filter) iter.Seq[*transfer.Transfer] {
	q := newQuery(f)
	group := ""
	if q.Server != "" {
		group = serverGroup(q.Server)
	}
	return all(&l.mu, l.transfers, group, q, q.transfer)
}

// AllClaims goes over those that f selects in the same order as Claims, without
// holding the lock while the loop's body runs.
func (l *Ledger) AllClaims(f Filter) iter.Seq[*transfer.Claim] {
	q := newQuery(f)
	group := ""
	switch {
	case q.Run != "":
		group = runGroup(q.Run)
	case q.Server != "":
		group = serverGroup(q.Server)
	}
	return all(&l.mu, l.claims, group, q, q.claim)
}

// FreeBefore drops what ended before the Unix second before, and returns how
// many transfers and claims went. What never said when it ended counts as ended when it was
// opened; transfers that are open stay.
func (l *Ledger) FreeBefore(before int64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost.freeBefore(before)
	l.lived.freeBefore(before)
	l.events.freeBefore(before)
	l.balanced.freeBefore(before)
	return l.transfers.freeBefore(float64(before)) + l.claims.freeBefore(float64(before))
}

// Len returns how many transfers and claims there are.
func (l *Ledger) Len() (transfers, claims int) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.transfers.byID), len(l.claims.byID)
}

// Dropped returns how many transfers and claims had to go because there were
// more than Config.Max.
func (l *Ledger) Dropped() (transfers, claims int) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.transfers.dropped, l.claims.dropped
}

// Bytes returns about how much memory the entries take.
func (l *Ledger) Bytes() int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.transfers.bytes + l.claims.bytes
}

// transferEnd returns the first second in which t was surely over.
func transferEnd(t *transfer.Transfer) float64 {
	switch {
	case t.End == transfer.Open:
		return math.Inf(1)
	case t.Closed.Known():
		return float64(t.Closed[1]) + 1
	}
	return float64(t.Opened[1]) + 1
}

// claimEnd returns the first second in which c was surely over.
func claimEnd(c *transfer.Claim) float64 { return math.Floor(max(c.Opened, c.Closed)) + 1 }
