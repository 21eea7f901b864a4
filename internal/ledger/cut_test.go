package ledger_test

import (
	"maps"
	"slices"
	"testing"

	"tallystick/internal/ledger"
	"tallystick/internal/transfer"
)

// TestCut: each change is in one Cut, unless that is taken back; what is filled in
// is no change and does not take the place of what is newer.
func TestCut(t *testing.T) {
	l := ledger.New(ledger.Config{Max: 3})
	put := func(id string, bytes int64) {
		l.PutTransfer(&transfer.Transfer{ID: id, Opened: transfer.Interval{1, 1}, Bytes: transfer.Bytes{Read: bytes}})
	}
	claim := &transfer.Claim{Run: "r", ID: "1", Opened: 1}
	f := func(what string, c ledger.Changes, claims int, want ...string) {
		t.Helper()
		if got := slices.Sorted(maps.Keys(c.Transfers)); !slices.Equal(got, want) || len(c.Claims) != claims {
			t.Errorf("%s: got %v and %d claims, want %v and %d", what, got, len(c.Claims), want, claims)
		}
	}
	put("a", 1)
	put("b", 1)
	if _, err := l.PutClaim(claim); err != nil {
		t.Fatal(err)
	}
	first := l.Cut()
	f("first", first, 1, "a", "b")
	put("b", 2)
	l.Uncut(first)
	again := l.Cut()
	f("first, taken back", again, 1, "a", "b")
	if got := again.Transfers["b"].Bytes.Read; got != 2 {
		t.Errorf("b has %d bytes, want those put last: 2", got)
	}
	if _, err := l.PutClaim(claim); err != nil {
		t.Fatal(err)
	}
	f("the same claim again", l.Cut(), 0)
	l.FillTransfer(&transfer.Transfer{ID: "b", Opened: transfer.Interval{1, 1}})
	l.FillTransfer(&transfer.Transfer{ID: "c", Opened: transfer.Interval{0, 0}})
	l.FillTransfer(&transfer.Transfer{ID: "d", Opened: transfer.Interval{9, 9}})
	l.FillClaim(&transfer.Claim{Run: "r", ID: "1", Opened: 7})
	f("filled", l.Cut(), 0)
	if l.Transfer("b").Bytes.Read != 2 || l.Transfer("c") == nil || l.Transfer("d") != nil || l.Claim("r", "1").Opened != 1 {
		t.Error("what was filled in took a place, or found none")
	}
	l.FreeBefore(100)
	put("x", 1)
	l.FreeBefore(100)
	f("freed", l.Cut(), 0, "x")
}
