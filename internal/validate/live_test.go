package validate_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/ledger"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// replay returns what the clients of a run in testdata did, and what a collector
// makes of its datagrams.
func replay(t *testing.T, name string) (*capture.Truth, transfers) {
	t.Helper()
	c, err := capture.Load(os.DirFS("testdata"), name)
	if err != nil {
		t.Fatal(err)
	}
	l := ledger.New(ledger.Config{})
	col := collect.New(collect.Default(), book{l})
	var now time.Time
	for _, p := range c.Packets {
		now = time.Unix(0, int64(p.Time*1e9))
		col.Advance(now)
		_ = col.Packet(now, collect.Packet{Remote: p.Remote, Data: p.Data}) // not all kinds are for it
	}
	col.Advance(now.Add(time.Hour))
	return c.Truth, l.Transfers(ledger.Filter{})
}

// forgetful returns what sites leave out that know less of their accesses.
func forgetful() map[string]func(*transfer.Claim) {
	return map[string]func(*transfer.Claim){
		"nothing":   func(*transfer.Claim) {},
		"user":      func(c *transfer.Claim) { c.User = "" },
		"client":    func(c *transfer.Claim) { c.Client = "" },
		"process":   func(c *transfer.Claim) { c.PID = 0 },
		"all of it": func(c *transfer.Claim) { c.User, c.Client, c.PID = "", "", 0 },
	}
}

// judge lays together what is left of the claims and ts, and demands the counts.
// The processes that the clients had tell whether each got what is its own.
func judge(t *testing.T, cs claims, ts transfers, forget func(*transfer.Claim), want map[transfer.Kind]int) *validate.Report {
	t.Helper()
	pids := make(map[*transfer.Claim]int)
	known := true
	for _, c := range cs {
		pids[c] = c.PID
		forget(c)
		known = known && c.PID != 0
	}
	r := validate.Run(validate.Input{Claims: cs, Transfers: ts}, validate.Options{})
	check(t, r, cs, ts)
	if d := cmp.Diff(want, r.Totals.Verdicts); d != "" {
		var table strings.Builder
		_ = validate.WriteTable(&table, r)
		t.Errorf("(-want +got):\n%s%s", d, table.String())
	}
	for _, v := range r.Verdicts {
		for _, x := range v.Transfers {
			if known && pids[v.Claim] != x.PID {
				t.Errorf("process %d has the transfer %s of process %d", pids[v.Claim], x.ID, x.PID)
			}
		}
	}
	return r
}

// Ensure that a read that was dropped twice is all three of its transfers, and
// nobody else's, with an id or without.
func TestLiveReopened(t *testing.T) {
	for name, forget := range forgetful() {
		t.Run(name, func(t *testing.T) {
			truth, ts := replay(t, "v01_reopened")
			for _, v := range judge(t, capture.Claims("idle", truth), ts, forget, counts(34, 0, 0, 0, 0)).Verdicts {
				parts, join := 1, "fields"
				if strings.HasPrefix(v.Claim.Agent, "idle") {
					parts = 3
				}
				if v.Claim.Agent == "idle0" || v.Claim.Agent == "idle1" {
					join = "id"
				}
				if len(v.Transfers) != parts || v.Join != join {
					t.Errorf("%s: %d transfers by %s, want %d by %s", v.Claim.Agent, len(v.Transfers), v.Join, parts, join)
				}
			}
		})
	}
}

// Ensure that who was redirected finds the transfer where it was, whether the
// client knows that server or not.
func TestLiveRedirected(t *testing.T) {
	for name, forget := range forgetful() {
		t.Run(name, func(t *testing.T) {
			truth, ts := replay(t, "v02_redirected")
			judge(t, capture.Claims("run", truth), ts, forget, counts(28, 0, 0, 0, 4))
			cs := capture.Claims("run", truth)
			for i, c := range cs {
				c.Server = truth.Accesses[i].Server
			}
			for _, v := range judge(t, cs, ts, forget, counts(28, 0, 0, 0, 4)).Verdicts {
				if where := truth.Accesses[0].Server; len(v.Transfers) > 0 && v.Transfers[0].Address == where {
					t.Errorf("%s: a transfer of the redirector itself", v.Claim.Key())
				}
			}
		})
	}
}

// Ensure clients that have one file open several times, and ask for odd things, get their own accounts:
// what differs is what they asked for past the end, and had an error with.
func TestSameFile(t *testing.T) {
	r := throughCollector(t, "v03_same_file", func([]capture.Packet) {})
	got := make(map[string]int)
	for _, v := range r.Verdicts {
		got[string(v.Kind)+" "+string(v.Cause)]++
	}
	want := map[string]int{
		"match exact": 58, "match pgwrite-checksum": 1, "differ read-past-end": 4, "differ client-failed": 1, "failed client-failed": 4,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Ensure that where the clock of a server stands still, what happened meanwhile is still its clients'.
func TestStoppedClock(t *testing.T) {
	truth, ts := replay(t, "v04_clock")
	judge(t, capture.Claims("run", truth), ts, func(*transfer.Claim) {}, counts(30, 0, 0, 0, 10))
}
