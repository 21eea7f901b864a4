package ledger_test

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"tallystick/internal/ledger"
	"tallystick/internal/transfer"
)

// A model is the ledger as one would write it without a thought for speed.
type model struct {
	max       int
	transfers []*transfer.Transfer
	claims    []*transfer.Claim
	dropped   [2]int
}

func transferEnd(t *transfer.Transfer) float64 {
	if t.End == transfer.Open {
		return math.Inf(1)
	}
	if t.Closed.Known() {
		return float64(t.Closed[1] + 1)
	}
	return float64(t.Opened[1] + 1)
}

func claimEnd(c *transfer.Claim) float64 { return math.Floor(max(c.Opened, c.Closed)) + 1 }

func (m *model) putTransfer(t *transfer.Transfer) {
	m.transfers = slices.DeleteFunc(m.transfers, func(o *transfer.Transfer) bool { return o.ID == t.ID })
	m.transfers = append(m.transfers, t)
	if len(m.transfers) > m.max {
		first := slices.MinFunc(m.transfers, func(a, b *transfer.Transfer) int {
			return cmp.Or(cmp.Compare(transferEnd(a), transferEnd(b)), cmp.Compare(a.ID, b.ID))
		})
		m.transfers = slices.DeleteFunc(m.transfers, func(o *transfer.Transfer) bool { return o == first })
		m.dropped[0]++
	}
}

func (m *model) putClaim(c *transfer.Claim) (added, conflict bool) {
	for _, o := range m.claims {
		if o.Key() == c.Key() {
			return false, o.Opened != c.Opened || o.Closed != c.Closed || o.Server != c.Server
		}
	}
	m.claims = append(m.claims, c)
	if len(m.claims) > m.max {
		first := slices.MinFunc(m.claims, func(a, b *transfer.Claim) int {
			return cmp.Or(cmp.Compare(claimEnd(a), claimEnd(b)), cmp.Compare(a.Key(), b.Key()))
		})
		m.claims = slices.DeleteFunc(m.claims, func(o *transfer.Claim) bool { return o == first })
		m.dropped[1]++
	}
	return true, false
}

func (m *model) free(before int64) int {
	n := len(m.transfers) + len(m.claims)
	m.transfers = slices.DeleteFunc(m.transfers, func(t *transfer.Transfer) bool { return transferEnd(t) <= float64(before) })
	m.claims = slices.DeleteFunc(m.claims, func(c *transfer.Claim) bool { return claimEnd(c) <= float64(before) })
	return n - len(m.transfers) - len(m.claims)
}

// sort puts everything in the order of answers.
func (m *model) sort() {
	slices.SortFunc(m.transfers, func(a, b *transfer.Transfer) int {
		return cmp.Or(cmp.Compare(a.Opened[0], b.Opened[0]), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(m.claims, func(a, b *transfer.Claim) int {
		return cmp.Or(cmp.Compare(a.Opened, b.Opened), cmp.Compare(a.Key(), b.Key()))
	})
}

func within(opened, ended float64, f ledger.Filter) bool {
	return (f.From == 0 || ended > float64(f.From)) && (f.To == 0 || opened < float64(f.To))
}

func (m *model) selectTransfers(f ledger.Filter) []string {
	var ids []string
	for _, t := range m.transfers {
		if within(float64(t.Opened[0]), transferEnd(t), f) &&
			(f.Server == "" || strings.EqualFold(f.Server, t.Server) || strings.EqualFold(f.Server, t.Address)) &&
			(f.Client == "" || f.Client == t.Client) && (f.Site == "" || f.Site == t.Site) {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

func (m *model) selectClaims(f ledger.Filter) []string {
	var keys []string
	for _, c := range m.claims {
		if within(c.Opened, claimEnd(c), f) && (f.Run == "" || f.Run == c.Run) &&
			(f.Server == "" || strings.EqualFold(f.Server, c.Server)) && (f.Client == "" || f.Client == c.Client) {
			keys = append(keys, c.Key())
		}
	}
	return keys
}
