package collect_test

import (
	"encoding/binary"
	"testing"
	"time"

	"tallystick/internal/collect"
	"tallystick/internal/metric"
	"tallystick/internal/transfer"
)

// begun is a run with one server, one session and, in theory, one file.
func begun(t *testing.T) *run {
	t.Helper()
	r := newRun(t, collect.Default())
	r.feed(ident(stod), mapped('u', 1, stod, theUser, userText("alice")+"\n&y=nightly.7"))
	return r
}

// another has a whole transfer of another session go by, which shows that the
// server sends close records.
func (r *run) another() {
	r.t.Helper()
	r.feed(records(200, stod, stod+5, record(1, 90, 5), closedRec(90, 0)))
	r.pass(time.Minute)
	delete(r.transfers, "56308042893772.1800000000.90")
	clear(r.samples)
}

func (r *run) sum(metric string) (v float64) {
	for s, x := range r.samples {
		if s.Metric == metric {
			v += x
		}
	}
	return v
}

// A record that comes long after its session ended still sets the transfer right,
// and the samples get what was missing, once.
func TestVeryLateRecords(t *testing.T) {
	open, move := opened("/f"), xfr(theFile, 100)
	left, end := disc(), closedRec(theFile, 250)
	f := func(how string, first, late [][]byte, told transfer.End) {
		t.Helper()
		r := begun(t)
		r.another()
		r.feed(records(1, stod, stod+5, first...))
		r.pass(30 * time.Minute)
		if got := r.one(); got.End != told {
			t.Errorf("%s: at first: got %s, want %s", how, got.End, told)
		}
		for range 2 {
			r.feed(records(2, stod+5, stod+10, late...))
			r.pass(5 * time.Minute)
		}
		got := r.one()
		if got.End != transfer.Closed || got.Bytes.Read != 250 || got.Path != "/f" || got.User != "alice" || got.MonInfo != "nightly.7" {
			t.Errorf("%s: at last: got %+v, want alice's /f closed with 250 bytes", how, got)
		}
		for m, want := range map[string]float64{metric.XrdReadBytes: 250, metric.XrdOpens: 1, metric.XrdCloses: 1} {
			if sum := r.sum(m); sum != want {
				t.Errorf("%s: samples of %s are %v in all, want %v", how, m, sum, want)
			}
		}
		r.pass(3 * time.Hour)
		if s := r.Stats(); s.Files != 0 {
			t.Errorf("%s: %d files are held in the end", how, s.Files)
		}
	}
	f("close", [][]byte{open, left}, [][]byte{end}, transfer.Lost)
	f("close after progress", [][]byte{open, move, left}, [][]byte{end}, transfer.Lost)
	f("progress and close", [][]byte{open, left}, [][]byte{end, move}, transfer.Lost)
	f("open", [][]byte{end}, [][]byte{open, left}, transfer.Closed)
}

// What was told of a transfer is not forgotten with its session.
func TestOpenerOutlivesSession(t *testing.T) {
	r := begun(t)
	r.another()
	r.feed(records(1, stod, stod+5, opened("/f"), disc()))
	r.pass(30 * time.Minute)
	c := restored(t, r.Collector, r.recorder, r.now)
	r.Collector = c
	r.feed(records(2, stod+5, stod+10, closedRec(theFile, 9)))
	r.pass(time.Minute)
	if got := r.one(); got.User != "alice" || got.Bytes.Read != 9 || got.End != transfer.Closed {
		t.Errorf("got %+v, want alice's, closed with 9 bytes", got)
	}
}

// A server without xfr in its configuration never sends a close: its files are
// not held for one.
func TestNoCloseIsExpected(t *testing.T) {
	r := begun(t)
	r.feed(records(1, stod, stod+5, opened("/f"), disc()))
	r.pass(time.Minute)
	if got := r.one(); got.End != transfer.Lost {
		t.Errorf("got %s, want lost", got.End)
	}
	if s := r.Stats(); s.Files != 0 || s.Users != 0 {
		t.Errorf("got %+v, want nothing held", s)
	}
}

// A disconnect that overtakes its login and its opens ends them all the same.
func TestDisconnectComesFirst(t *testing.T) {
	r := newRun(t, collect.Default())
	r.feed(records(1, stod+5, stod+10, disc()))
	r.feed(records(0, stod, stod+5, opened("/f")), mapped('u', 1, stod, theUser, userText("alice")+"\n"))
	r.pass(time.Minute)
	if got := r.one(); got.End != transfer.Lost || got.User != "alice" {
		t.Errorf("got %+v, want alice's, lost", got)
	}
	if s := r.Stats(); s.Users != 0 || s.Files != 0 {
		t.Errorf("got %+v, want nothing held", s)
	}
}

// A session lives as long as files are opened in it, however long ago its login
// was.
func TestSessionLivesByItsFiles(t *testing.T) {
	r := begun(t)
	for day := range uint32(6) {
		r.pass(24 * time.Hour)
		at := r.now.Unix()
		o := opened("/f")
		binary.BigEndian.PutUint32(o[4:], theFile+day)
		r.feed(records(int(day), at, at+5, o, closedRec(theFile+day, 1)))
	}
	r.pass(time.Minute)
	for id, tr := range r.transfers {
		if tr.User != "alice" {
			t.Errorf("transfer %s is by %q, want alice", id, tr.User)
		}
	}
	if len(r.transfers) != 6 {
		t.Errorf("got %d transfers, want 6", len(r.transfers))
	}
}

// Names of clients and what they say of themselves go, with and without a
// session.
func TestNothingLeaks(t *testing.T) {
	r := begun(t)
	empty := r.Stats().Held
	for i := range 50 {
		text := userText("u" + string(rune('A'+i)))
		r.feed(mapped('i', i, stod, uint32(100+i), text+"\nsome info"))
		r.feed(mapped('d', i, stod, uint32(300+i), text+"\n/mapped/only"))
	}
	for day := range 4 {
		r.pass(24 * time.Hour)
		r.feed(records(day, r.now.Unix(), r.now.Unix()+5, xfr(500, 1)))
	}
	r.pass(time.Hour)
	// The user is gone after two days; file 500 and its last progress are told.
	if got := r.Stats(); got.Held > empty || got.Files != 1 {
		t.Errorf("got %+v, want no more held than %d, and one file", got, empty)
	}
	for id, tr := range r.transfers {
		if want := transfer.Unreported; tr.Path != "" && tr.End != want {
			t.Errorf("transfer %s: got %s, want %s", id, tr.End, want)
		}
	}
}

// A file that only its d record tells of is given up after an hour, not after
// days: servers that send no f stream open many.
func TestMappedOnly(t *testing.T) {
	r := begun(t)
	r.feed(mapped('d', 2, stod, theFile, userText("alice")+"\n/f"))
	r.pass(50 * time.Minute)
	if len(r.transfers) != 0 {
		t.Errorf("after 50 minutes: got %v", r.one())
	}
	r.pass(time.Hour)
	if got := r.one(); got.End != transfer.Unreported || got.User != "alice" || got.Path != "/f" {
		t.Errorf("after 110 minutes: got %+v, want alice's /f, unreported", got)
	}
}

// A server whose clock was set back starts a life that seems older than the last.
// Its transfers are told right all the same.
func TestClockSetBack(t *testing.T) {
	r := newRun(t, collect.Default())
	r.feed(ident(stod + 600))
	r.feed(ident(stod), mapped('u', 1, stod, theUser, userText("alice")+"\n"))
	r.feed(records(0, stod, stod+5, opened("/f"), closedRec(90, 0)))
	r.pass(10 * time.Minute)
	o := opened("/g")
	binary.BigEndian.PutUint32(o[4:], 7)
	r.feed(records(1, stod+605, stod+610, xfr(theFile, 50), o))
	r.pass(30 * time.Minute)
	r.feed(records(2, stod+605, stod+2400, closedRec(theFile, 70)))
	r.pass(10 * time.Hour)
	if got := r.transfers["56308042893772.1800000000.7"]; got == nil || got.End != transfer.Open {
		t.Errorf("a file of after the time when the next life should have begun: got %+v, want open", got)
	}
	got := r.transfers["56308042893772.1800000000.2"]
	if got == nil || got.End != transfer.Closed || got.Bytes.Read != 70 {
		t.Errorf("got %+v, want closed with 70 bytes", got)
	}
	if sum := r.sum(metric.XrdReadBytes); sum != 70 {
		t.Errorf("samples have %v bytes, want 70", sum)
	}
}

// A datagram from the far future, forged or broken, does not end a life.
func TestStartInTheFuture(t *testing.T) {
	r := begun(t)
	r.feed(records(0, stod, stod+5, opened("/f")), ident(stod+1e8))
	r.pass(time.Hour)
	if got := r.one(); got.End != transfer.Open {
		t.Errorf("got %s, want open", got.End)
	}
}

// A record of an old life that comes while others of it are settled has its own
// time to wait.
func TestEachFileOfAnOldLifeWaits(t *testing.T) {
	r := begun(t)
	r.feed(ident(stod + 100)) // at 3 s
	r.pass(10 * time.Second)
	o := opened("/f")
	binary.BigEndian.PutUint32(o[4:], 7)
	r.feed(records(0, stod, stod+5, o)) // at 14 s: due at 24 s
	r.pass(5 * time.Second)
	r.feed(records(1, stod, stod+5, opened("/f"))) // at 20 s
	r.feed(records(2, stod+5, stod+10, closedRec(7, 4)))
	r.pass(4 * time.Second)
	r.feed(records(3, stod+5, stod+10, closedRec(theFile, 3))) // at 26 s
	r.pass(time.Minute)
	for _, id := range []string{".2", ".7"} {
		if tr := r.transfers["56308042893772.1800000000"+id]; tr == nil || tr.End != transfer.Closed {
			t.Errorf("file %s: got %+v, want closed", id, tr)
		}
	}
}
