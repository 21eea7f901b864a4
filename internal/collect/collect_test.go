package collect_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/metric"
	"tallystick/internal/transfer"
)

// Every file access that the reference decoder found is there, with the same
// bytes, operations, name and times.
func TestTransfersEqualReference(t *testing.T) {
	for _, name := range captures() {
		t.Run(name, func(t *testing.T) {
			c := load(t, name)
			got := byFile(play(t, arrivals(c)))
			named := 0
			for i := range c.Sessions {
				s := &c.Sessions[i]
				if s.Port == 0 { // its server never named itself
					continue
				}
				named++
				checkSession(t, s, got[sessionKey(s)])
			}
			if named == 0 && name != "l03_redirects" { // of one who has no files
				t.Error("no sessions to compare with")
			}
		})
	}
}

func checkSession(t *testing.T, s *capture.Session, got *transfer.Transfer) {
	t.Helper()
	if got == nil {
		t.Errorf("no transfer for %s (%s)", sessionKey(s), s.LFN)
		return
	}
	want := *got // what the session does not tell
	want.Path, want.Writable, want.Size = s.LFN, s.Writable, s.Size
	want.User, want.Client = s.User, map[string]string{"[::ffff:127.0.0.1]": "127.0.0.1", "[::1]": "::1"}[s.Host]
	want.PID, _ = strconv.Atoi(s.PID)
	if !within(got.Opened, s.Opened) || !within(got.Closed, s.Ended) {
		t.Errorf("%s: opened %v and closed %v, want within %v and %v", got.ID, got.Opened, got.Closed, s.Opened, s.Ended)
	}
	want.Bytes = transfer.Bytes{Read: s.Read, ReadV: s.ReadV, Write: s.Write}
	switch {
	case !s.Closed && len(s.Xfr) > 0:
		x := s.Xfr[len(s.Xfr)-1]
		want.Bytes = transfer.Bytes{Read: x[1], ReadV: x[2], Write: x[3]}
	case s.Forced:
		want.End = transfer.Forced
	case s.Closed:
		want.End = transfer.Closed
	}
	want.Ops = nil
	if o := s.Ops; o != nil {
		want.Ops = &transfer.Ops{
			Read: int64(o.Read), ReadV: int64(o.ReadV), ReadVSegments: o.Rsegs, Write: int64(o.Write),
		}
	}
	if o := s.Ops; o != nil {
		want.OpsDetail = &transfer.OpsDetail{
			Read: rangeOf(o.RdMin, o.RdMax), ReadV: rangeOf(o.RvMin, o.RvMax), Write: rangeOf(o.WrMin, o.WrMax),
			Segments: transfer.Range{Min: int64(o.RsMin), Max: int64(o.RsMax)},
		}
		if got.OpsDetail != nil { // a session does not tell them
			want.OpsDetail.Squares = got.OpsDetail.Squares
		}
	}
	if s.LFN == "" { // no lfn in the monitoring: what the dictionary has is more
		want.Path, want.User, want.Client, want.PID = got.Path, got.User, got.Client, got.PID
	}
	if d := cmp.Diff(want, *got); d != "" {
		t.Errorf("%s (-want +got):\n%s", got.ID, d)
	}
}

// within reports whether i is known as well as j, or better.
func within(i, j transfer.Interval) bool {
	return i.Known() == j.Known() && i[0] >= j[0] && i[1] <= j[1] && i[0] <= i[1]
}

func rangeOf(least, most int32) transfer.Range {
	return transfer.Range{Min: int64(least), Max: int64(most)}
}

// The samples of each client on each server add up to its transfers.
func TestSamplesAddUp(t *testing.T) {
	for _, name := range captures() {
		t.Run(name, func(t *testing.T) {
			r := play(t, arrivals(load(t, name)))
			got, want := map[string]float64{}, map[string]float64{}
			var opens, closes float64
			for s, v := range r.samples {
				if s.At != collect.AtClient || s.Metric == metric.XrdOpens || s.Metric == metric.XrdCloses {
					continue
				}
				got[s.Server+" "+s.Client+" "+s.Metric] += v
			}
			add := func(tr *transfer.Transfer, m string, v int64) {
				if v != 0 {
					want[tr.Server+" "+tr.Client+" "+m] += float64(v)
				}
			}
			for _, tr := range r.transfers {
				add(tr, metric.XrdReadBytes, tr.Bytes.Read)
				add(tr, metric.XrdReadVBytes, tr.Bytes.ReadV)
				add(tr, metric.XrdWriteBytes, tr.Bytes.Write)
				if tr.Ops != nil {
					add(tr, metric.XrdReadOps, tr.Ops.Read)
					add(tr, metric.XrdReadVOps, tr.Ops.ReadV)
					add(tr, metric.XrdWriteOps, tr.Ops.Write)
				}
			}
			for s, v := range r.samples { // those the t stream alone tells of are not in them
				switch s.Metric {
				case metric.XrdOpens:
					opens += v
				case metric.XrdCloses:
					closes += v
				}
			}
			for _, l := range r.lives {
				opens, closes = opens-float64(l.Opens), closes-float64(l.Closes)
			}
			if opens != 0 || closes != 0 {
				t.Errorf("samples have %v opens and %v closes more than were seen", opens, closes)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("sums of samples (-transfers +samples):\n%s", d)
			}
		})
	}
}

// A file that was open for 40 s has its bytes in the seconds in which the server
// saw them.
func TestLongTransferIsSpread(t *testing.T) {
	c := load(t, "s06_killed_longlived")
	r := play(t, arrivals(c))
	for _, s := range c.Sessions {
		if len(s.Xfr) < 3 {
			continue
		}
		var at int64
		for _, x := range s.Xfr {
			sum := 0.0
			for k, v := range r.samples {
				if k.Metric == metric.XrdReadBytes && k.Time == x[0] {
					sum += v
				}
			}
			if x[1] > at && sum < float64(x[1]-at) {
				t.Errorf("%s at %d: samples have %v bytes, the file alone read %d", s.LFN, x[0], sum, x[1]-at)
			}
			at = x[1]
		}
		return
	}
	t.Error("no session with three progress records")
}

// What comes late, twice, in another order, or all at once gives the same.
func TestOrderAndDuplicatesChangeNothing(t *testing.T) {
	for _, name := range captures() {
		t.Run(name, func(t *testing.T) {
			as := arrivals(load(t, name))
			want := play(t, as)
			f := func(how string, as []arrival) {
				t.Helper()
				got := play(t, as)
				if d := cmp.Diff(want, got, cmp.AllowUnexported(recorder{})); d != "" {
					t.Errorf("%s (-in order +%s):\n%s", how, how, d)
				}
			}
			for seed := range uint64(8) {
				f(fmt.Sprint("jumbled with seed ", seed), jumble(as, seed))
				f(fmt.Sprint("doubled with seed ", seed), double(as, seed))
				f(fmt.Sprint("jumbled and doubled with seed ", seed), jumble(double(as, seed), seed))
			}
			f("played again", again(as))
			f("at once", atOnce(as))
			f("jumbled and at once", atOnce(jumble(as, 9)))
		})
	}
}

// A collector that is stopped after any packet and started from its state goes on
// as if nothing had been.
func TestStateCarriesEverything(t *testing.T) {
	for _, name := range captures() {
		t.Run(name, func(t *testing.T) {
			as := double(arrivals(load(t, name)), 1)
			want := play(t, as)
			for cut := 1; cut < len(as); cut += 1 + len(as)/40 {
				r := newRecorder()
				c := collect.New(collect.Default(), r)
				feed(t, c, as[:cut])
				c = restored(t, c, r, as[cut].at)
				feed(t, c, as[cut:])
				c = restored(t, c, r, as[len(as)-1].at)
				rest(c, as)
				if d := cmp.Diff(want, r, cmp.AllowUnexported(recorder{})); d != "" {
					t.Fatalf("cut after %d packets (-want +got):\n%s", cut, d)
				}
			}
		})
	}
}

func restored(t *testing.T, c *collect.Collector, r *recorder, now time.Time) *collect.Collector {
	t.Helper()
	state, err := c.State()
	if err != nil {
		t.Fatal(err)
	}
	next := collect.New(collect.Default(), r)
	for _, e := range state {
		if err := next.Restore(now, e); err != nil {
			t.Fatal(err)
		}
	}
	return next
}

// Clients killed in the middle, and servers stopped in the middle, leave transfers
// that do not pretend to be exact.
func TestWhatWasCutShortIsNotExact(t *testing.T) {
	f := func(name string, want map[transfer.End]map[transfer.Quality]int) {
		t.Helper()
		got := map[transfer.End]map[transfer.Quality]int{}
		for _, tr := range play(t, arrivals(load(t, name))).transfers {
			if got[tr.End] == nil {
				got[tr.End] = map[transfer.Quality]int{}
			}
			got[tr.End][tr.Quality]++
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: ends and qualities (-want +got):\n%s", name, d)
		}
	}
	f("s01_full_reads", map[transfer.End]map[transfer.Quality]int{
		transfer.Closed: {transfer.Exact: 24},
	})
	f("s06_killed_longlived", map[transfer.End]map[transfer.Quality]int{
		transfer.Closed: {transfer.Exact: 2},
		transfer.Forced: {transfer.LowerBound: 4, transfer.Unknown: 2},
	})
	f("s08_restart", map[transfer.End]map[transfer.Quality]int{
		transfer.Closed:  {transfer.Exact: 57},
		transfer.Stopped: {transfer.LowerBound: 2},
		transfer.Lost:    {transfer.LostBytes: 4}, // their closes are in the t stream
	})
}

// An info string is in force from its own place in the order of dictionary ids,
// and the file that was opened before it has the one before it.
func TestAppInfoInForce(t *testing.T) {
	got := map[string][]string{}
	r := play(t, arrivals(load(t, "s05_failures_names")))
	for _, id := range sortedKeys(r.transfers) {
		if tr := r.transfers[id]; tr.Path == "/n/plain" {
			got[tr.User] = append(got[tr.User], tr.App+"|"+tr.AppInfo+"|"+tr.MonInfo)
		}
	}
	want := map[string][]string{
		"alice": {"python3.11||"},
		"carol": {
			"python3.11|162_https://glidein.cern.ch/162/190501:101553:heewon:crab:RPCEfficiency_0|",
			"python3.11|second info|",
		},
		"dave": {"my_app-1.2||job=17"},
		"erin": {"crab||a"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("app, app info and monitoring info (-want +got):\n%s", d)
	}
}

// Two sessions of one process have the same user id. The one that files without a
// session belong to is known even when it ended before they did.
func TestSessionsOfOneProcess(t *testing.T) {
	for _, as := range [][]arrival{arrivals(load(t, "l01_two_sessions")), jumble(arrivals(load(t, "l01_two_sessions")), 2)} {
		for id, tr := range play(t, as).transfers {
			if tr.User == "" || tr.App != "python3.11" || !strings.HasPrefix(tr.AppInfo, "info-") {
				t.Errorf("transfer %s: got user %q, app %q, app info %q", id, tr.User, tr.App, tr.AppInfo)
			}
		}
	}
}

// So many infos that sequence numbers wrap, and each file has its own.
func TestAppInfoOfManyFiles(t *testing.T) {
	r := play(t, jumble(arrivals(load(t, "l02_infos_wrap")), 1))
	for id, tr := range r.transfers {
		if tr.AppInfo != tr.Path {
			t.Errorf("transfer %s: got app info %q, want %q", id, tr.AppInfo, tr.Path)
		}
	}
	if len(r.transfers) != 56 {
		t.Errorf("got %d transfers, want 56", len(r.transfers))
	}
}
