package validate

import (
	"math"
	"time"

	"tallystick/internal/ledger"
	"tallystick/internal/transfer"
)

// Margin is how much time around what is asked for is looked at too: what is
// there may compete for the same transfers.
const Margin = time.Hour

// A Ledger is where claims and transfers are kept: *ledger.Ledger.
type Ledger interface {
	Claims(f ledger.Filter) []*transfer.Claim
	Transfers(f ledger.Filter) []*transfer.Transfer
}

// Books is Run with what l has: with all of it, or where o selects a run or a
// range of time, with what was open then or within Margin of it.
func Books(l Ledger, o Options) *Report {
	var f ledger.Filter
	if o.From != 0 {
		f.From = o.From - int64(Margin.Seconds())
	}
	if o.To != 0 {
		f.To = o.To + int64(Margin.Seconds())
	}
	if o.Run != "" {
		within(&f, l.Claims(ledger.Filter{Run: o.Run, From: o.From, To: o.To}))
	}
	return Run(l.Claims(f), l.Transfers(f), o)
}

// within narrows f to the time of the claims.
func within(f *ledger.Filter, claims []*transfer.Claim) {
	first, last := math.Inf(1), 0.0
	for _, c := range claims {
		first, last = min(first, c.Opened), max(last, c.Opened, c.Closed)
	}
	if last == 0 {
		return
	}
	f.From = max(f.From, int64(first)-int64(Margin.Seconds()))
	if to := int64(last) + int64(Margin.Seconds()); f.To == 0 || to < f.To {
		f.To = to
	}
}
