package ledger_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"tallystick/internal/ledger"
	"tallystick/internal/transfer"
)

func idsOf(es []transfer.Event) string {
	var ids []string
	for _, e := range es {
		ids = append(ids, e.ID)
	}
	return strings.Join(ids, " ")
}

// Events are found by server, path and time, one that comes again is one, and they
// take the name of their server.
func TestEvents(t *testing.T) {
	l := ledger.New(ledger.Default())
	for _, e := range []transfer.Event{
		{ID: "c", SID: 5, Server: "a:1", Address: "192.0.2.1:1", Path: "/x", At: transfer.Interval{30, 40}},
		{ID: "a", SID: 5, Server: "a:1", Address: "192.0.2.1:1", Path: "/x", At: transfer.Interval{10, 20}},
		{ID: "b", SID: 6, Server: "b:1", Address: "192.0.2.2:1", Path: "/x", At: transfer.Interval{15, 25}},
		{ID: "d", SID: 6, Server: "b:1", Address: "192.0.2.2:1", Path: "/y", At: transfer.Interval{50, 50}},
	} {
		l.PutEvent(e)
		l.PutEvent(e)
	}
	f := func(server, path string, from, to int64, want string) {
		t.Helper()
		if got := idsOf(l.Events(server, path, from, to)); got != want {
			t.Errorf("Events(%q, %q, %d, %d): got %q, want %q", server, path, from, to, got, want)
		}
	}
	f("", "", math.MinInt64, math.MaxInt64, "a b c d")
	f("", "//x", 0, 100, "a b c")
	f("A:1", "", 0, 100, "a c")
	f("192.0.2.2:1", "/x", 0, 100, "b")
	f("", "/x", 21, 29, "b")
	f("", "/x", 20, 30, "a b c")
	f("", "/z", 0, 100, "")
	l.Rename(6, "new:1", "192.0.2.9:1")
	f("new:1", "", 0, 100, "b d")
	l.FreeBefore(25)
	f("", "", 0, 100, "b c d")
}

// The oldest give way, by number and by the length of their records.
func TestEventsAreBounded(t *testing.T) {
	f := func(record, n int) {
		t.Helper()
		l := ledger.New(ledger.Default())
		text := strings.Repeat("x", record)
		for i := range n {
			l.PutEvent(transfer.Event{ID: strconv.Itoa(i), Path: fmt.Sprint("/", i%7), Record: text, At: transfer.Interval{int64(i), int64(i)}})
		}
		got := l.Events("", "", math.MinInt64, math.MaxInt64)
		if len(got)+l.EventsDropped() != n || len(got) > ledger.MaxEvents || len(got)*record > ledger.MaxEventBytes {
			t.Errorf("%d of %d bytes: got %d and %d dropped", n, record, len(got), l.EventsDropped())
		}
		if len(got) == 0 || got[len(got)-1].ID != strconv.Itoa(n-1) || l.EventsDropped() == 0 {
			t.Errorf("%d of %d bytes: the newest is not there", n, record)
		}
	}
	f(0, ledger.MaxEvents+10)
	f(transfer.MaxRecord, ledger.MaxEventBytes/transfer.MaxRecord+10)
}

// Events have places among all that is told, of their own turn, keep them, and give them
// up with themselves.
func TestToldEvents(t *testing.T) {
	l := ledger.New(ledger.Default())
	var gone []string
	l.OnEventGone(func(e *transfer.Event) { gone = append(gone, e.ID) })
	event := func(id, provider string, at int64) transfer.Event {
		return transfer.Event{ID: id, Provider: provider, Path: "/x", At: transfer.Interval{at, at}}
	}
	f := func(what, provider string, after ledger.Place, want string) {
		t.Helper()
		es := l.ToldEvents(provider, after, math.MaxInt64, 10)
		if got := idsOf(es); got != want || l.ToldEventsAfter(provider, after) != len(es) {
			t.Errorf("%s: got %q, want %q, and %d", what, got, want, l.ToldEventsAfter(provider, after))
		}
	}
	l.PutEvent(event("b", transfer.PFC, 10))
	l.PutEvent(event("a", transfer.PFC, 20))
	l.PutEvent(event("c", transfer.TPC, 30))
	if got := l.ToldEvents(transfer.PFC, ledger.Place{}, math.MaxInt64, 10); len(got) > 0 {
		t.Errorf("got %v of a turn that goes on, want nothing", got)
	}
	l.Settle()
	f("a turn", transfer.PFC, ledger.Place{}, "a b")
	f("of another", transfer.TPC, ledger.Place{}, "c")
	l.PutTransfer(&transfer.Transfer{ID: "t", End: transfer.Closed})
	l.PutEvent(event("d", transfer.PFC, 40))
	l.PutEvent(event("b", transfer.PFC, 10)) // again
	l.Settle()
	f("with transfers", transfer.PFC, ledger.Place{}, "a b d")
	last := l.ToldEvents(transfer.PFC, ledger.Place{}, math.MaxInt64, 10)[2]
	f("up to the last", transfer.PFC, ledger.PlaceOfEvent(&last), "")

	again := ledger.New(ledger.Default()) // out of a checkpoint
	for _, e := range l.Events("", "", math.MinInt64, math.MaxInt64) {
		again.FillEvent(e)
	}
	again.PutEvent(event("e", transfer.PFC, 50))
	again.Settle()
	if got := idsOf(again.ToldEvents(transfer.PFC, ledger.PlaceOfEvent(&last), math.MaxInt64, 10)); got != "e" {
		t.Errorf("got %q after a restart, want what is new", got)
	}

	l.FreeBefore(15)
	f("the oldest is gone", transfer.PFC, ledger.Place{}, "a d")
	if len(gone) != 1 || gone[0] != "b" {
		t.Errorf("got %v gone, want b", gone)
	}
}
