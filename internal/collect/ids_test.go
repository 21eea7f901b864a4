package collect_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/collect"
	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// about returns what the datagrams of as are about, one function call for each id: the
// life and the id; the text of the user, where it has one; and whether it is a record
// of the f stream.
func about(tb testing.TB, as []arrival, f func(a *arrival, life string, id uint32, text string, record bool)) {
	tb.Helper()
	lives := map[string]string{} // by socket: t packets name themselves, but not all
	var d xrootd.Datagram
	for i := range as {
		a := &as[i]
		if err := d.Decode(a.Data); err != nil {
			tb.Fatal(err)
		}
		at := fmt.Sprint(a.Remote, d.Header.Stod)
		sid := d.Map.SID + d.File.SID
		for _, e := range d.Trace.Entries {
			if e.Type() == xrootd.TraceWindow {
				sid = max(sid, e.SID())
			}
		}
		if sid != 0 {
			lives[at] = fmt.Sprintf("%d.%d", sid, d.Header.Stod)
		}
		if d.Header.Text || d.Header.Code == 0 {
			continue
		}
		if d.Kind == xrootd.KindMap && d.Map.DictID != 0 {
			f(a, lives[at], d.Map.DictID, string(d.Map.RawUser), false)
		}
		for _, r := range d.File.Records {
			f(a, lives[at], r.ID, "", true)
			if r.UserID != 0 {
				f(a, lives[at], r.UserID, "", false)
			}
		}
		for _, e := range d.Trace.Entries {
			if e.Type() != xrootd.TraceWindow && e.Type() != xrootd.TraceDisc {
				f(a, lives[at], e.ID(), "", false)
			}
		}
	}
}

// truthOf returns how many ids and records of all are not in left.
func truthOf(tb testing.TB, all, left []arrival) (ids, records int64) {
	tb.Helper()
	came := map[string]bool{}
	about(tb, left, func(_ *arrival, life string, id uint32, _ string, record bool) {
		came[fmt.Sprint(life, " ", id)] = true
		if record {
			records--
		}
	})
	about(tb, all, func(_ *arrival, life string, id uint32, _ string, record bool) {
		if key := fmt.Sprint(life, " ", id); !came[key] {
			came[key] = true
			ids++
		}
		if record {
			records++
		}
	})
	return ids, records
}

// Of ids and records never more is told as lost than was, in whatever order the rest
// comes; and not nothing.
func TestLostIDsAndRecords(t *testing.T) {
	var told, lost [2]int64
	for _, name := range captures() {
		all := arrivals(load(t, name))
		for seed := range uint64(30) {
			left := lose(all, 0.02+0.02*float64(seed), seed)
			if len(left) == 0 {
				continue
			}
			ids, records := truthOf(t, all, left)
			lost[0], lost[1] = lost[0]+ids, lost[1]+records
			first := int64(-1)
			for how, as := range map[string][]arrival{
				"in order": left, "jumbled": jumble(left, seed), "doubled": jumble(double(left, seed), seed),
			} {
				got := lostOf(playToTheEnd(t, as))
				if got[transfer.IDs] > ids || got[transfer.Records] > records {
					t.Errorf("%s, seed %d, %s: got %d ids and %d records, lost are %d and %d",
						name, seed, how, got[transfer.IDs], got[transfer.Records], ids, records)
				}
				if first >= 0 && got[transfer.IDs] != first {
					t.Errorf("%s, seed %d, %s: got %d ids, and in another order %d", name, seed, how, got[transfer.IDs], first)
				}
				first = got[transfer.IDs]
				told[0], told[1] = told[0]+got[transfer.IDs], told[1]+got[transfer.Records]
			}
		}
	}
	t.Logf("of %v ids and records %v are told", lost, [2]int64{told[0] / 3, told[1] / 3})
	if told[0] < lost[0]/3 || told[1] < lost[1]/100 {
		t.Errorf("of %v ids and records, %v are told, three times over", lost, told)
	}
}

// untouched returns the transfers that nothing of what was lost is about, neither their
// files nor who opened them.
func untouched(tb testing.TB, all, left []arrival, truth *recorder) map[string]*transfer.Transfer {
	tb.Helper()
	came := map[*byte]bool{}
	for _, a := range left {
		came[&a.Data[0]] = true
	}
	touched, texts := map[string]bool{}, map[string][]string{}
	lostTexts := map[string]bool{}
	about(tb, all, func(a *arrival, life string, id uint32, text string, _ bool) {
		key := fmt.Sprintf("%s.%d", life, id)
		if text != "" {
			texts[key] = append(texts[key], life+" "+text)
		}
		if !came[&a.Data[0]] {
			touched[key] = true
			if text != "" {
				lostTexts[life+" "+text] = true
			}
		}
	})
	users := usersOf(tb, all)
	out := map[string]*transfer.Transfer{}
	for id, tr := range truth.transfers {
		is := touched[id] || touched[users[id]]
		for _, text := range append(texts[id], texts[users[id]]...) {
			is = is || lostTexts[text]
		}
		if !is {
			out[id] = tr
		}
	}
	return out
}

// usersOf returns the session of each file, both as "<life>.<id>".
func usersOf(tb testing.TB, as []arrival) map[string]string {
	tb.Helper()
	users := map[string]string{}
	var d xrootd.Datagram
	for _, a := range as {
		if err := d.Decode(a.Data); err != nil {
			tb.Fatal(err)
		}
		for _, r := range d.File.Records {
			if r.UserID != 0 {
				users[fmt.Sprintf("%d.%d.%d", d.File.SID, d.Header.Stod, r.ID)] = fmt.Sprintf("%d.%d.%d", d.File.SID, d.Header.Stod, r.UserID)
			}
		}
	}
	return users
}

// What loss does not touch is as it would be without.
func TestUntouchedByLoss(t *testing.T) {
	checked := 0
	for _, name := range captures() {
		all := arrivals(load(t, name))
		truth := playToTheEnd(t, all)
		for seed := range uint64(12) {
			left := lose(all, 0.01+0.01*float64(seed), seed)
			got := playToTheEnd(t, jumble(double(left, seed), seed))
			for id, want := range untouched(t, all, left, truth) {
				checked++
				is := got.transfers[id]
				if is == nil {
					t.Errorf("%s, seed %d: %s is missing, and nothing of it was lost", name, seed, id)
					continue
				}
				is.Site, is.Server, is.Address, is.Version = want.Site, want.Server, want.Address, want.Version // of the ident
				if d := cmp.Diff(want, is); d != "" && want.Opened[0] > 0 {
					t.Errorf("%s, seed %d: %s, of which nothing was lost (-without loss +with):\n%s", name, seed, id, d)
				}
			}
		}
	}
	if checked < 1000 {
		t.Errorf("only %d transfers were checked", checked)
	}
}

// ofUser makes a login of its own, ofFile an open and close of a file.
func ofUser(seq int, id uint32) []byte {
	return mapped('u', seq, stod, id, userText(fmt.Sprint("u", id))+"\n")
}

func ofFile(seq int, at int64, id uint32) []byte {
	return records(seq, at, at+5, record(1, id, 5), closedRec(id, 5))
}

// Gaps in the ids, one life at a time.
func TestIDs(t *testing.T) {
	f := func(how string, want int64, datagrams ...[]byte) *run {
		t.Helper()
		r := newRun(t, collect.Default())
		for i, d := range datagrams {
			r.feed(d)
			if i == len(datagrams)/2 {
				r.Collector = restored(t, r.Collector, r.recorder, r.now)
			}
		}
		r.pass(time.Minute)
		if got := r.lost[transfer.IDs]; got != want {
			t.Errorf("%s: got %d lost, want %d", how, got, want)
		}
		return r
	}
	first, last := ofUser(0, 1), ofFile(9, stod+50, 900)
	f("nothing lost", 0, first, ofUser(1, 2), ofFile(0, stod, 3), ofFile(1, stod+5, 4), ofFile(2, stod+10, 5))
	lost := f("a login lost", 1, first, ofUser(2, 3), ofFile(0, stod, 4), ofFile(1, stod+5, 5), ofFile(2, stod+10, 6))
	for _, l := range lost.losses {
		if l.Of == transfer.IDs && l.Sent != (transfer.Interval{stod, stod + 5}) {
			t.Errorf("got it sent at %v", l.Sent)
		}
	}
	f("one lost, two missing", 1, first, ofUser(2, 4), ofFile(0, stod, 5), ofFile(1, stod+5, 6), ofFile(2, stod+10, 7))
	f("none lost, one missing", 0, first, ofUser(1, 3), ofFile(0, stod, 4), ofFile(1, stod+5, 5), ofFile(2, stod+10, 6))
	f("joined in the middle", 0, ofUser(0, 501), ofUser(2, 502), ofFile(0, stod, 700), ofFile(1, stod+5, 701), ofFile(2, stod+10, 702))
	f("joined in the middle, and lost", 1, ofUser(0, 501), ofFile(0, stod, 700), ofUser(2, 702), ofFile(1, stod+5, 703), ofFile(2, stod+10, 704),
		ofFile(3, stod+15, 705))
	f("a burst of 300", 300, first, ofFile(0, stod, 2), ofUser(45, 303), ofFile(1, stod+5, 304), ofFile(2, stod+10, 305), ofFile(3, stod+15, 306))
	r := f("a file whose packet was lost", 1, first, ofFile(0, stod, 2), ofFile(2, stod+10, 4), ofFile(3, stod+15, 5), ofFile(4, stod+20, 6))
	r.feed(ofFile(1, stod+5, 3))
	r.pass(time.Minute)
	if got := lostOf(r.recorder); len(got) > 0 {
		t.Errorf("and came after all: got %v lost", got)
	}
	many := [][]byte{first, ofUser(2, 2)}
	for i := range 100 { // every second id goes elsewhere
		many = append(many, ofFile(i, stod+int64(5*i), uint32(4+2*i)))
	}
	f("ids that go elsewhere", 1, append(many, last)...)
}

// A packet that announces more records than it has, a session that ended with a file
// that was never closed, and a file that was closed and never opened.
func TestLostRecords(t *testing.T) {
	f := func(how string, want int64, late []byte, datagrams ...[]byte) {
		t.Helper()
		r := begun(t)
		r.another()
		for _, d := range datagrams {
			_ = r.Packet(r.now, collect.Packet{Remote: "192.0.2.1:4711", Data: d}) // some are broken
			r.now = r.now.Add(time.Second)
			r.Advance(r.now)
		}
		r.pass(time.Minute)
		if got := r.lost[transfer.Records]; got != want {
			t.Errorf("%s: got %d lost, want %d", how, got, want)
		}
		if late == nil {
			return
		}
		r.feed(late)
		r.pass(time.Minute)
		if got := r.lost[transfer.Records]; got != 0 {
			t.Errorf("%s, and came after all: got %d lost", how, got)
		}
	}
	broken := records(201, stod, stod+5, opened("/f"), closedRec(theFile, 1), []byte{0, 0, 0, 255, 0, 0, 0, 9})
	f("broken", 1, nil, broken, broken)
	f("whole", 0, nil, records(201, stod, stod+5, opened("/f"), closedRec(theFile, 1), disc()))
	f("never closed", 1, records(203, stod, stod+5, closedRec(theFile, 1)),
		records(201, stod, stod+5, opened("/f")), records(202, stod+5, stod+10, disc()))
	f("closed, never opened", 1, records(203, stod, stod+5, record(1, 95, 5)), records(202, stod, stod+5, closedRec(95, 1)))
	r := newRun(t, collect.Default())
	r.feed(ofFile(0, stod, 90), ofFile(1, stod+5, 91), records(2, stod+10, stod+15, closedRec(85, 1)))
	r.pass(time.Minute)
	if lost := lostOf(r.recorder); len(lost) > 0 {
		t.Errorf("opened before anybody heard of the server: got %v lost", lost)
	}
}
