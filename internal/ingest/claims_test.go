package ingest_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tallystick/internal/collect"
	"tallystick/internal/ingest"
	"tallystick/internal/ledger"
	"tallystick/internal/transfer"
)

func TestClaims(t *testing.T) {
	f := newFixture(t, ingest.Default(), silent)
	f.out.Server(collect.Server{Site: "S/1", Name: "X:1094", Names: []string{"10.0.0.1:1094"}, SID: 7})
	other := claim("1", "x:1094")
	other.Path = "/g"
	bad := claim("2", "")
	agent := claim("3", "10.0.0.1:1094")
	agent.Client, agent.Agent = "", "a\x00gent"
	mapped := claim("4", "x:1094")
	mapped.Client = "[::ffff:192.0.2.1]"
	mapped.Received, mapped.Ops = &transfer.Bytes{}, nil
	got := f.Claims(t.Context(), []*transfer.Claim{claim("1", "x:1094"), claim("1", "x:1094"), other, bad, nil, agent, mapped})
	if want := "4/3 2:0:0:conflict 3:0:0:invalid 4:0:0:invalid"; result(got) != want {
		t.Errorf("got %s, want %s", result(got), want)
	}
	f.wantCount("tallystick_ingest_accepted_total", "kind=claim", 4)
	f.wantCount("tallystick_ingest_claim_duplicates_total", "", 1)
	f.wantCount("tallystick_ingest_rejected_total", "kind=claim,reason=conflict", 1)
	f.wantCount("tallystick_ingest_rejected_total", "kind=claim,reason=invalid", 2)
	f.want("claims",
		"S_1/X:1094/client=192.0.2.1 client_closes 1700000040=1",
		"S_1/X:1094/client=192.0.2.1 client_opens 1699999980=1",
		"S_1/X:1094/client=a_gent client_closes 1700000040=1",
		"S_1/X:1094/client=a_gent client_opens 1699999980=1",
		"S_1/X:1094/client=a_gent client_read_bytes 1700000040=100",
		"S_1/X:1094/client=a_gent client_read_ops 1700000040=2",
		"S_1/X:1094/client=a_gent client_write_bytes 1700000040=7",
		"S_1/X:1094/client=c1 client_closes 1700000040=1",
		"S_1/X:1094/client=c1 client_opens 1699999980=1",
		"S_1/X:1094/client=c1 client_read_bytes 1700000040=100",
		"S_1/X:1094/client=c1 client_read_ops 1700000040=2",
		"S_1/X:1094/client=c1 client_write_bytes 1700000040=7",
	)
}

// The samples of a claim may be refused; the claim itself is kept.
func TestClaimTimes(t *testing.T) {
	cfg := ingest.Default()
	cfg.Retention = time.Hour
	f := newFixture(t, cfg, silent)
	f.out.Server(collect.Server{Site: "S", Name: "x:1094"})
	old := claim("old", "x:1094")
	old.Opened, old.Closed, old.Ops = 1, 2, nil
	f.Claims(t.Context(), []*transfer.Claim{old})
	f.want("claims")
	f.wantCount("tallystick_ingest_samples_refused_total", "reason=too-old", 4)
	if got := len(f.ledger.Claims(ledger.Filter{})); got != 1 {
		t.Errorf("got %d claims in the ledger, want 1", got)
	}
}

func TestWaitingIsBounded(t *testing.T) {
	cfg := ingest.Default()
	cfg.Waiting = 2
	f := newFixture(t, cfg, silent)
	var cs []*transfer.Claim
	for i, server := range []string{"a:1", "b/:1", "a:1", "c:1"} {
		c := claim(strconv.Itoa(i), server)
		c.Received, c.Ops, c.Closed, c.Client = &transfer.Bytes{}, nil, 0, fmt.Sprint("c", i)
		cs = append(cs, c)
	}
	f.Claims(t.Context(), cs)
	f.wantCount("tallystick_ingest_claims_waiting", "", 2)
	f.want("overflow", "UNKNOWN/a:1/client=c0 client_opens 1699999980=1", "UNKNOWN/b_:1/client=c1 client_opens 1699999980=1")
	f.out.Server(collect.Server{Site: "S", Name: "A:1"})
	f.out.Server(collect.Server{Site: "S", Name: "B/:1"})
	f.wantCount("tallystick_ingest_claims_waiting", "", 1)
	f.want("server", "S/A:1/client=c2 client_opens 1699999980=1",
		"UNKNOWN/a:1/client=c0 client_opens 1699999980=1", "UNKNOWN/b_:1/client=c1 client_opens 1699999980=1")
}

// Which of two servers a name leads to.
func TestDirectory(t *testing.T) {
	f := func(name, want string, servers ...collect.Server) {
		t.Helper()
		x := newFixture(t, ingest.Default(), silent)
		for _, s := range servers {
			x.out.Server(s)
		}
		c := claim("1", name)
		c.Received, c.Ops, c.Closed = &transfer.Bytes{}, nil, 0
		x.Claims(t.Context(), []*transfer.Claim{c})
		got := "waiting"
		if all := x.content(); len(all) == 1 {
			got, _, _ = strings.Cut(all[0], "/client")
		}
		if got != want {
			t.Errorf("claim of %s: got %s, want %s", name, got, want)
		}
		// The same after a restart.
		y := newFixture(t, ingest.Default(), silent)
		for _, e := range x.state() {
			if err := y.Restore(noon(), e); err != nil {
				t.Fatal(err)
			}
		}
		y.Claims(t.Context(), []*transfer.Claim{c})
		if want != "waiting" && strings.Join(x.content(), "") != strings.Join(y.content(), "") {
			t.Errorf("claim of %s after a restart: got %q, want %q", name, y.content(), x.content())
		}
	}
	a := collect.Server{SID: 1, Site: "S", Name: "a:1", Names: []string{"10.0.0.1:1", "a:1", "alias:1"}}
	b := collect.Server{SID: 2, Site: "S", Name: "b:1", Names: []string{"a:1", "alias:1", "b:1"}}
	f("a:1", "S/a:1", a, b)
	f("a:1", "S/a:1", b, a)
	f(" A:1 ", "S/a:1", a)
	f("alias:1", "S/b:1", a, b)
	f("alias:1", "S/a:1", b, a)
	f("10.0.0.1:1", "S/a:1", a, b)
	f("c:1", "waiting", a, b)
	renamed := collect.Server{SID: 1, Site: "T", Name: "c:1"}
	f("a:1", "waiting", a, renamed)
	f("c:1", "T/c:1", a, renamed)
	old := collect.Server{Site: "S", Name: "a:1"} // without a SID
	f("a:1", "S/a:1", old)
	f("a:1", "T/a:1", old, collect.Server{Site: "T", Name: "A:1"}, collect.Server{SID: 9, Site: "T", Name: "a:1"})
	f(strings.Repeat("x", 301), "waiting", collect.Server{SID: 1, Site: "S", Name: strings.Repeat("x", 301)})
	f("n31:1", "waiting", manyNames(40), a)
	f("n30:1", "S/many:1", manyNames(40), a)
	f("x:1", "UNKNOWN/x:1", collect.Server{SID: 1, Name: "x:1"})
	f("x:1", "__/x:1", collect.Server{SID: 1, Site: "..", Name: "x:1"})
	f("x:1", strings.Repeat("ü", 127)+"/x:1", collect.Server{SID: 1, Site: strings.Repeat("ü", 200), Name: "x:1"})
}

func manyNames(n int) collect.Server {
	s := collect.Server{SID: 3, Site: "S", Name: "many:1"}
	for i := range n {
		s.Names = append(s.Names, fmt.Sprintf("n%02d:1", i))
	}
	return s
}

func TestDirectoryIsBounded(t *testing.T) {
	f := newFixture(t, ingest.Default(), silent)
	for i := range 1<<14 + 3 {
		f.out.Server(collect.Server{SID: uint64(i + 1), Name: fmt.Sprintf("s%d:1", i)})
	}
	f.wantCount("tallystick_ingest_rejected_total", "kind=server,reason=full", 3)
	f.out.Server(collect.Server{SID: 1, Name: "new:1"}) // a known one may change
	f.wantCount("tallystick_ingest_rejected_total", "kind=server,reason=full", 3)
}

// What runs in Pause sees each batch whole or not at all.
func TestPause(t *testing.T) {
	f := newFixture(t, ingest.Default(), func(o collect.Output) ingest.Collector { return &counting{out: o} })
	f.out.Server(collect.Server{Site: "S", Name: "x:1"})
	var senders sync.WaitGroup
	for g := range 3 {
		senders.Go(func() {
			for n := range 50 {
				f.Packets(t.Context(), make([]collect.Packet, 4))
				f.Claims(t.Context(), []*transfer.Claim{
					claim(fmt.Sprint(g, "a", n), "x:1"), claim(fmt.Sprint(g, "b", n), "x:1"),
				})
				f.Lines(t.Context(), []byte("xrd_closes,cluster=S,host=l value=1\nxrd_opens,cluster=S,host=l value=1"), ingest.LineOptions{})
				f.Step()
			}
		})
	}
	stop := make(chan struct{})
	go func() { senders.Wait(); close(stop) }()
	for done := false; !done; {
		select {
		case <-stop:
			done = true
		default:
		}
		f.Pause(func() { f.wantCut(done) })
	}
}

// wantCut checks that the batches of TestPause are whole.
func (f *fixture) wantCut(all bool) {
	f.t.Helper()
	counts := map[string]int{}
	for b := range f.store.Blocks() {
		for _, v := range b.Values {
			if v == v { // not NaN
				counts[b.Path.Node+" "+b.Metric] += int(v)
			}
		}
	}
	transfers, claims := f.ledger.Len()
	switch {
	case transfers != counts["p:1 xrd_opens"] || transfers%4 != 0:
		f.t.Errorf("got %d transfers and %d samples of them, want as many, in batches of 4", transfers, counts["p:1 xrd_opens"])
	case claims != counts["x:1 client_opens"] || claims%2 != 0:
		f.t.Errorf("got %d claims and %d samples of them, want as many, in pairs", claims, counts["x:1 client_opens"])
	case counts["l xrd_opens"] != counts["l xrd_closes"]:
		f.t.Errorf("got %d and %d samples of lines, want as many", counts["l xrd_opens"], counts["l xrd_closes"])
	case all && (transfers != 600 || claims != 300 || counts["l xrd_opens"] != 150):
		f.t.Errorf("got %d transfers, %d claims, %d lines in the end, want 600, 300, 150", transfers, claims, counts["l xrd_opens"])
	}
}

// A claim that retention would take away at once is refused, and so is one of the
// future: what is accepted is kept.
func TestClaimsOutsideTheirTime(t *testing.T) {
	cfg := ingest.Default()
	cfg.ClaimRetention = time.Hour
	f := newFixture(t, cfg, silent)
	now := float64(f.now.Unix())
	at := func(id string, opened, closed float64) *transfer.Claim {
		return &transfer.Claim{
			Run: "r", ID: id, Server: "s:1", Path: "/p", Opened: opened, Closed: closed,
			Outcome: transfer.OK, Received: &transfer.Bytes{},
		}
	}
	r := f.Claims(t.Context(), []*transfer.Claim{
		at("long", now-7200, now-60), at("old", now-7200, now-7100), at("future", now+3600, 0),
	})
	if r.Accepted != 1 || r.Rejected != 2 || r.Errors[0].Reason != ingest.ReasonOld || r.Errors[1].Reason != ingest.ReasonFuture {
		t.Errorf("got %s, want the first taken, the second too old, the third of the future", result(r))
	}
}
