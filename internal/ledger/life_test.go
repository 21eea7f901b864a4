package ledger_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/ledger"
	"tallystick/internal/transfer"
)

// Lives are found by server and time; each is there once, as it was told last.
func TestLives(t *testing.T) {
	l := ledger.New(ledger.Config{})
	f := func(how, server string, from, to int64, want ...transfer.Life) {
		t.Helper()
		if d := cmp.Diff(want, l.Lives(server, from, to)); d != "" {
			t.Errorf("%s (-want +got):\n%s", how, d)
		}
	}
	f("none", "", math.MinInt64, math.MaxInt64)
	a := transfer.Life{SID: 7, Stod: 1000, Server: "a:1", Address: "192.0.2.1:1", Heard: 1500}
	b := transfer.Life{SID: 7, Stod: 2000, Server: "a:1", Address: "192.0.2.1:1", Heard: 2500}
	c := transfer.Life{SID: 8, Stod: 1500, Server: "c:1", Heard: 1600}
	for _, n := range []transfer.Life{c, b, a} {
		l.PutLife(n)
	}
	f("all", "", math.MinInt64, math.MaxInt64, a, b, c)
	a.Next, a.Opens = 2000, 5
	l.PutLife(a)
	f("told again", "A:1", math.MinInt64, math.MaxInt64, a, b)
	f("by address", "192.0.2.1:1", 0, 1999, a)
	f("after its end", "a:1", 2001, 3000, b)
	f("before its start", "a:1", 0, 999)
	l.Rename(7, "x:2", "192.0.2.9:2")
	a.Server, a.Address, b.Server, b.Address = "x:2", "192.0.2.9:2", "x:2", "192.0.2.9:2"
	f("renamed", "x:2", 0, 3000, a, b)
	l.FreeBefore(1600)
	f("freed", "", 0, 3000, c, b)
}

// A ledger holds so many lives: those that were heard of last.
func TestLivesAreBounded(t *testing.T) {
	l := ledger.New(ledger.Config{})
	const n = ledger.MaxLives + 5000
	for i := range int64(n) {
		l.PutLife(transfer.Life{SID: 1, Stod: i, Heard: i})
	}
	got := l.Lives("", math.MinInt64, math.MaxInt64)
	if len(got) > ledger.MaxLives || len(got)+l.LivesDropped() != n || got[len(got)-1].Stod != n-1 || got[0].Stod == 0 {
		t.Errorf("got %d lives from %d to %d and %d dropped of %d", len(got), got[0].Stod, got[len(got)-1].Stod, l.LivesDropped(), n)
	}
}
