package collect_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/collect"
	"tallystick/internal/transfer"
)

// A file is open in the balances until it is closed, or its session ends without that;
// what comes very late after it does not open it again, and counts once.
func TestBalanceOfOpenFile(t *testing.T) {
	open, closed := records(0, stod, stod+5, opened("/f")), records(2, stod+60, stod+65, closedRec(theFile, 700))
	gone := records(1, stod+40, stod+45, disc())
	f := func(what string, want [][3]int64, steps ...[]byte) {
		t.Helper()
		r := newRun(t, collect.Default())
		r.feed(ident(stod), mapped('u', 1, stod, 1, userText("alice")+"\n"))
		for i, step := range steps {
			if step != nil {
				r.feed(step)
			}
			r.feed(summary(stod, stod+30*int64(i+1), linkIO(1000*(i+1))))
			r.pass(time.Duration(30*(i+2))*time.Second - r.now.Sub(time.Unix(stod, 0)))
		}
		r.pass(time.Hour)
		var got [][3]int64 // open, closes, bytes
		for _, b := range r.balances["xcache:1094"] {
			got = append(got, [3]int64{b.Open, b.Closes, b.Told.Read})
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	f("closed", [][3]int64{{1, 0, 0}, {1, 0, 0}, {0, 1, 700}}, open, nil, closed)
	f("left without a close", [][3]int64{{1, 0, 0}, {0, 0, 0}, {0, 0, 0}}, open, gone, nil)
	other := records(0, stod, stod+5, opened("/f"), closedRec(9, 0)) // or no close is waited for
	f("closed, and told so late", [][3]int64{{1, 1, 0}, {0, 0, 0}, {0, 1, 700}}, other, gone, closed)
}

// No byte is in two balances, and those of a life follow each other.
func TestBalancesAddUp(t *testing.T) {
	for _, name := range captures() {
		r := play(t, arrivals(load(t, name)))
		for server, bs := range r.balances {
			var told, want transfer.Bytes
			for i, b := range bs {
				told = told.Plus(b.Told)
				if i > 0 && b.Stod == bs[i-1].Stod && b.Between[0] != bs[i-1].Between[1] {
					t.Errorf("%s: %s: %v follows %v", name, server, b.Between, bs[i-1].Between)
				}
			}
			for _, tr := range r.transfers {
				if tr.Server == server {
					want = want.Plus(tr.Bytes)
				}
			}
			if told.Read > want.Read || told.ReadV > want.ReadV || told.Write > want.Write {
				t.Errorf("%s: %s: balances have %v, transfers %v", name, server, told, want)
			}
		}
	}
}

// A proxy tells of itself in its summary, with a cache or without (5.5.3).
func TestBalanceOfProxy(t *testing.T) {
	f := func(stats string, want bool) {
		t.Helper()
		r := newRun(t, collect.Default())
		r.feed(ident(stod), summary(stod, stod+1, linkIO(100)+stats))
		r.pass(time.Hour)
		if bs := r.balances["xcache:1094"]; len(bs) != 1 || bs[0].Proxy != want {
			t.Errorf("%q: got %+v, want one balance, of a proxy: %v", stats, bs, want)
		}
	}
	f("", false)
	f(`<stats id="pss"><open>28<errs>2</errs></open><close>26<errs>0</errs></close></stats>`, true)
	f(`<stats id="cache" type="pfc"><store><size>5</size></store></stats>`, true)
}

// What an upload by HTTP writes is not counted, and that its session ended with the file open says nothing.
func TestBalanceOfUpload(t *testing.T) {
	writable := func(rec []byte) []byte { rec[1] |= 2; return rec }
	forced := func(rec []byte) []byte { rec[1] |= 1; return rec }
	f := func(user string, rec []byte, puts, empty int64) {
		t.Helper()
		r := newRun(t, collect.Default())
		r.feed(ident(stod), mapped('u', 1, stod, 1, user+"\n"), records(0, stod, stod+5, writable(opened("/f")), rec), summary(stod, stod+9, linkIO(100)))
		r.pass(time.Hour)
		if bs := r.balances["xcache:1094"]; len(bs) != 1 || bs[0].Puts != puts || bs[0].Empty != empty {
			t.Errorf("%s: got %+v, want one balance with %d and %d", user, bs, puts, empty)
		}
	}
	web := strings.Replace(userText("unknown"), "xroot/", "https/", 1)
	f(web, closedRec(theFile, 0), 1, 0)
	f(web, forced(closedRec(theFile, 0)), 1, 0)
	f(userText("alice"), closedRec(theFile, 0), 0, 0)
	f(userText("alice"), forced(closedRec(theFile, 0)), 0, 1)
	f(web, record(0, theFile, 0, 0, 700), 0, 0) // if any does
}
