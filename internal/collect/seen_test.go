package collect_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/collect"
	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// countLives counts what as has of each life, packet by packet.
func countLives(tb testing.TB, as []arrival) map[string]transfer.Life {
	tb.Helper()
	lives, traced, came := map[string]transfer.Life{}, map[string]bool{}, map[string]bool{}
	sids := map[string]uint64{} // by socket
	var d xrootd.Datagram
	for range 2 { // a trace is known by its socket, which may speak of itself later
		clear(lives)
		clear(traced)
		clear(came)
		for _, a := range as {
			if err := d.Decode(a.Data); err != nil {
				tb.Fatal(err)
			}
			at := fmt.Sprint(a.Remote, d.Header.Stod)
			sid := cmpOr(d.Map.SID, d.File.SID, d.Redirect.SID, d.GStream.SID, sids[at])
			if sid == 0 || d.Header.Text && d.Kind != xrootd.KindMap {
				continue
			}
			sids[at] = sid
			l := transfer.Life{SID: sid, Stod: d.Header.Stod}
			id := l.ID()
			if had, ok := lives[id]; ok {
				l = had
			}
			again := came[string(a.Data)] // two destinations have the same idents
			came[string(a.Data)] = true
			count(&l, &d, again, traced)
			lives[id] = l
		}
	}
	return lives
}

func cmpOr(sids ...uint64) uint64 {
	i := slices.IndexFunc(sids, func(sid uint64) bool { return sid != 0 })
	return append(sids, 0)[max(i, 0)]
}

func count(l *transfer.Life, d *xrootd.Datagram, again bool, traced map[string]bool) {
	if d.Kind == xrootd.KindMap && !d.Header.Text && !again {
		*map[byte]*int64{'=': &l.Idents, 'u': &l.Logins, 'd': &l.Names, 'i': new(int64)}[d.Header.Code]++
	}
	for _, e := range d.Trace.Entries {
		if key := fmt.Sprint(l.ID(), e.ID()); e.Type() == xrootd.TraceOpen && traced[key] {
			l.Twice++
		} else if e.Type() == xrootd.TraceOpen {
			traced[key] = true
			l.Traced++
		}
	}
	l.Last = max(l.Last, d.File.End)
	for _, r := range d.File.Records {
		if r.ID == 0 { // the end of some session, nobody knows which
			continue
		}
		*map[xrootd.FileType]*int64{
			xrootd.FileOpen: &l.Opens, xrootd.FileClose: &l.Closes, xrootd.FileXfr: &l.Moved, xrootd.FileDisc: &l.Discs,
		}[r.Type]++
		if r.HasLFN {
			l.Named++
		}
		if r.HasOps {
			l.Counts++
		}
	}
}

// What is told of each life is what its datagrams have.
func TestLives(t *testing.T) {
	for _, name := range captures() {
		as := arrivals(load(t, name))
		got := playToTheEnd(t, as).lives
		want := countLives(t, as)
		for id, l := range want {
			l.Server, l.Address, l.Next = got[id].Server, got[id].Address, got[id].Next
			want[id] = l
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-packets +told):\n%s", name, d)
		}
	}
}

// A life has a name, and an end when there is a next one; it is told now and then,
// not with each datagram.
func TestLifeIsTold(t *testing.T) {
	r := newRun(t, collect.Default())
	r.feed(records(0, stod, stod+5, opened("/f")))
	r.pass(9 * time.Second)
	if len(r.lives) != 0 {
		t.Errorf("before its time: got %v", r.lives)
	}
	r.pass(time.Minute)
	want := transfer.Life{
		SID: madeSID, Stod: stod, Server: "192.0.2.1#56308042893772", Address: "192.0.2.1", Last: stod + 5, Opens: 1, Named: 1,
	}
	f := func(how string) {
		t.Helper()
		if d := cmp.Diff(want, r.lives[want.ID()]); d != "" {
			t.Errorf("%s (-want +got):\n%s", how, d)
		}
	}
	f("nameless")
	r.feed(ident(stod), ident(stod))
	r.pass(time.Minute)
	want.Server, want.Address, want.Idents = "xcache:1094", "192.0.2.1:1094", 1
	f("named, twice the same")
	r.feed(ident(stod + 100))
	r.pass(time.Minute)
	want.Next = stod + 100
	f("ended")
	want = transfer.Life{SID: madeSID, Stod: stod + 100, Server: "xcache:1094", Address: "192.0.2.1:1094", Idents: 1}
	f("the next one")
}

// A file that is open when its server stops was stopped, one whose session had ended
// before was not.
func TestStopped(t *testing.T) {
	f := func(how string, want transfer.End, datagrams ...[]byte) {
		t.Helper()
		for range 2 {
			r := begun(t)
			r.feed(datagrams...)
			r.pass(time.Hour)
			r.pass(100 * time.Hour)
			if got := r.one(); got.End != want {
				t.Errorf("%s: got %s, want %s", how, got.End, want)
			}
			slices.Reverse(datagrams)
		}
	}
	open, next := records(0, stod, stod+5, opened("/f")), ident(stod+100)
	f("open", transfer.Stopped, open, next)
	f("left", transfer.Lost, open, records(1, stod+5, stod+10, disc()), next)
	f("closed", transfer.Closed, open, records(1, stod+5, stod+10, closedRec(theFile, 1)), next)
	f("silent", transfer.Lost, open)
	f("named only", transfer.Unreported, mapped('d', 2, stod, theFile, userText("alice")+"\n/f"), next)
}

// opens makes a t datagram with opens of those files.
func opens(seq int, files ...uint32) []byte {
	b := binary.BigEndian.AppendUint64(nil, 0xe0<<56|madeSID)
	b = binary.BigEndian.AppendUint64(b, uint64(stod)<<32|stod)
	for _, id := range files {
		b = binary.BigEndian.AppendUint64(b, 0x80<<56|4096)
		b = binary.BigEndian.AppendUint64(b, uint64(id))
	}
	return made('t', seq, stod, b)
}

// Opens that a server traces twice are told apart from datagrams that come twice.
func TestTracedTwice(t *testing.T) {
	r := begun(t)
	own, shared := opens(2, 7, 8), opens(3, 7, 8, 9)
	r.feed(own, own, shared, shared)
	r.pass(time.Minute)
	got := r.lives["56308042893772.1800000000"]
	if got.Traced != 3 || got.Twice != 2 {
		t.Errorf("got %d traced, %d twice, want 3 and 2", got.Traced, got.Twice)
	}
}
