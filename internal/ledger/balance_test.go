package ledger_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/ledger"
	"tallystick/internal/transfer"
)

// Balances of a life are one for each hour, those of servers without a sid are told
// apart by name, and the oldest give way.
func TestBalances(t *testing.T) {
	l := ledger.New(ledger.Default())
	put := func(sid uint64, server string, from, to int64) {
		l.PutBalance(transfer.Balance{SID: sid, Stod: 1, Server: server, Address: server, Between: transfer.Interval{from, to}, Reports: 1, Out: 10})
	}
	put(5, "a", 10, 20)
	put(5, "a", 20, 3599)
	put(5, "a", 3599, 3600)
	put(0, "b", 10, 20)
	put(0, "c", 10, 20)
	f := func(server string, from, to int64, want ...string) {
		t.Helper()
		var got []string
		for _, b := range l.Balances(server, from, to) {
			got = append(got, fmt.Sprint(b.Server, b.Between, b.Reports, b.Out))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("Balances(%q, %d, %d) (-want +got):\n%s", server, from, to, d)
		}
	}
	f("", 0, 9999, "b[10 20] 1 10", "c[10 20] 1 10", "a[10 3599] 2 20", "a[3599 3600] 1 10")
	f("A", 3600, 9999, "a[3599 3600] 1 10")
	f("a", 0, 9, []string(nil)...)
	l.Rename(5, "x", "y")
	f("y", 0, 9999, "x[10 3599] 2 20", "x[3599 3600] 1 10")
	l.FreeBefore(3600)
	f("", 0, 9999, "x[3599 3600] 1 10")
	for i := range int64(ledger.MaxBalances) {
		put(7, "z", 3600*(i+2), 3600*(i+2)+1)
	}
	if n := len(l.Balances("", math.MinInt64, math.MaxInt64)); n+l.BalancesDropped() != ledger.MaxBalances+1 || n > ledger.MaxBalances {
		t.Errorf("got %d and %d dropped", n, l.BalancesDropped())
	}
	f("x", 0, 9999, []string(nil)...)
}
