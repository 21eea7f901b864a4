package ledger

import "tallystick/internal/transfer"

// Changes are what was put between two Cuts, by id and key: each as it was put
// last, also what has been dropped or freed since.
type Changes struct {
	Transfers map[string]*transfer.Transfer
	Claims    map[string]*transfer.Claim
}

// Cut returns what was put since the last Cut, for a checkpoint. It takes no longer
// for a million of them.
func (l *Ledger) Cut() Changes {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Changes{l.transfers.cut(), l.claims.cut()}
}

// Uncut takes back what Cut returned and could not be saved: it is part of the next
// one then. c belongs to the ledger.
func (l *Ledger) Uncut(c Changes) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.transfers.uncut(c.Transfers)
	l.claims.uncut(c.Claims)
}

// Unsaved makes everything a part of the next Cut.
func (l *Ledger) Unsaved() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.transfers.unsaved()
	l.claims.unsaved()
}

// FillTransfer adds a transfer of a checkpoint, which is no change, unless there is
// one with its ID, which is newer, or no room. t belongs to the ledger then.
func (l *Ledger) FillTransfer(t *transfer.Transfer) {
	e := transferEntry(t)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turns.resume(t.Sequence)
	l.transfers.fill(e)
}

// FillClaim does for a claim what FillTransfer does for a transfer.
func (l *Ledger) FillClaim(c *transfer.Claim) {
	e := claimEntry(c)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.claims.fill(e)
}
