package ledger_test

import (
	"strconv"
	"testing"

	"tallystick/internal/ledger"
	"tallystick/internal/transfer"
)

// TestWalkIsInPages: a walk over everything does not read it in one go, with the lock held:
// what is put far behind where it is comes too.
func TestWalkIsInPages(t *testing.T) {
	l := ledger.New(ledger.Config{})
	put := func(n int) {
		at := int64(1000 + n)
		l.PutTransfer(&transfer.Transfer{
			ID: strconv.Itoa(n), Server: "s:1", Opened: transfer.Interval{at, at}, Closed: transfer.Interval{at, at}, End: transfer.Closed,
		})
		if _, err := l.PutClaim(&transfer.Claim{Run: "r", ID: strconv.Itoa(n), Server: "s:1", Opened: float64(at), Closed: float64(at)}); err != nil {
			t.Fatal(err)
		}
	}
	const n = 5000
	for i := range n {
		put(i)
	}
	transfers, claims := 0, 0
	for range l.AllTransfers(ledger.Filter{Server: "s:1"}) {
		if transfers++; transfers == 1 {
			put(n)
		}
	}
	for range l.AllClaims(ledger.Filter{Run: "r"}) {
		if claims++; claims == 1 {
			put(n + 1)
		}
	}
	if transfers != n+1 || claims != n+2 {
		t.Errorf("got %d transfers and %d claims, want %d and %d: those too that came meanwhile", transfers, claims, n+1, n+2)
	}
}
