package ledger_test

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/ledger"
	"tallystick/internal/transfer"
)

func lost(server string, n, from, to int64) transfer.Loss {
	return transfer.Loss{
		SID: uint64(len(server)), Stod: 1, Server: server, Of: transfer.FilePackets, Count: n, Sent: transfer.Interval{from, to},
	}
}

// Losses are found by server and time; those of a minute are one, and what came
// after all is taken from it.
func TestLosses(t *testing.T) {
	l := ledger.New(ledger.Config{})
	f := func(how, server string, from, to int64, want ...transfer.Loss) {
		t.Helper()
		if d := cmp.Diff(want, l.Losses(server, from, to)); d != "" && len(want)+len(l.Losses(server, from, to)) > 0 {
			t.Errorf("%s (-want +got):\n%s", how, d)
		}
	}
	f("none", "", math.MinInt64, math.MaxInt64)
	for _, n := range []transfer.Loss{
		lost("a:1", 2, 6000, 6010), lost("a:1", 3, 6010, 6020), lost("bb:1", 1, 5990, 6030), lost("a:1", 1, 6060, 6070),
	} {
		l.PutLoss(n)
	}
	minute, next, other := lost("a:1", 5, 6000, 6020), lost("a:1", 1, 6060, 6070), lost("bb:1", 1, 5990, 6030)
	f("all", "", math.MinInt64, math.MaxInt64, minute, other, next)
	f("of one server", "A:1", math.MinInt64, math.MaxInt64, minute, next)
	f("until one begins", "a:1", 0, 6000, minute)
	f("before it", "a:1", 0, 5999)
	f("from its end on", "a:1", 6020, 6059, minute)
	f("after it", "a:1", 6021, 6059)
	l.PutLoss(lost("a:1", -1, 6000, 6010))
	minute.Count = 4
	f("one less", "a:1", 0, 6059, minute)
	l.PutLoss(lost("a:1", -1, 6060, 6070))
	f("none left", "a:1", 6060, 6100)
	l.PutLoss(lost("a:1", -1, 6060, 6070))
	f("less than none", "a:1", 6060, 6100)
	l.Rename(3, "x:2", "192.0.2.1:2")
	minute.Server = "x:2"
	f("renamed", "x:2", 0, 7000, minute)
	l.FreeBefore(6025)
	f("freed", "", 0, 7000, other)
}

// A ledger holds so many losses, and the newest.
func TestLossesAreBounded(t *testing.T) {
	l := ledger.New(ledger.Config{})
	const n = ledger.MaxLosses + 5000
	for i := range int64(n) {
		l.PutLoss(lost("a:1", 1, i*60, i*60))
	}
	got := l.Losses("", math.MinInt64, math.MaxInt64)
	if len(got) > ledger.MaxLosses || len(got)+l.LossesDropped() != n {
		t.Errorf("got %d losses and %d dropped of %d", len(got), l.LossesDropped(), n)
	}
	if !slices.ContainsFunc(got, func(l transfer.Loss) bool { return l.Sent[1] == (n-1)*60 }) || got[0].Sent[1] == 0 {
		t.Error("the oldest stayed or the newest went")
	}
}
