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
