package ingest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/ingest"
	"tallystick/internal/ledger"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
)

// feed gives the packets at the times when they arrived, and the claims before
// the packet of that number.
func (f *fixture) feed(packets []capture.Packet, claims []*transfer.Claim, before int) {
	f.t.Helper()
	end := seconds(packets[len(packets)-1].Time)
	put := func() {
		f.now = end
		if r := f.Claims(f.t.Context(), claims); r.Rejected > 0 {
			f.t.Errorf("claims: got %s", result(r))
		}
	}
	for i, p := range packets {
		if i == before {
			put()
		}
		f.now = seconds(p.Time)
		f.Packets(f.t.Context(), []collect.Packet{{Remote: p.Remote, Data: p.Data}})
		f.Step()
	}
	if before >= len(packets) {
		put()
	}
	f.now = end.Add(time.Hour)
	f.Step()
}

func TestOrderDoesNotMatter(t *testing.T) {
	for _, name := range []string{"s01_full_reads", "s03_concurrent_users", "s05_failures_names", "s08_restart"} {
		c := load(t, name)
		var want []string
		for i, before := range []int{len(c.Packets), 0, 1, len(c.Packets) / 2} {
			f := newFixture(t, ingest.Default(), whole)
			f.feed(c.Packets, capture.Claims("r", c.Truth), before)
			got := f.content()
			if i == 0 {
				want = got
				if !has(got, "client_read_bytes") || !has(got, "xrd_read_bytes") {
					t.Errorf("%s: the store has not both sides: %d series", name, len(got))
				}
				continue
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: claims before packet %d: got %d series that differ from the %d with claims at the end:\n%s",
					name, before, len(got), len(want), difference(got, want))
			}
		}
	}
}

func has(lines []string, text string) bool {
	return slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, text) })
}

// Both sides stand at one level: that is what the samples of claims are for.
func TestClaimStandsBesideItsTransfers(t *testing.T) {
	c := load(t, "s01_full_reads")
	f := newFixture(t, ingest.Default(), whole)
	f.feed(c.Packets, capture.Claims("r", c.Truth), 0)
	f.wantCount("tallystick_ingest_claims_waiting", "", 0)
	f.wantCount("tallystick_ingest_samples_refused_total", "", 0)
	levels := map[string]int{}
	for _, line := range f.content() {
		at, rest, _ := strings.Cut(line, " ")
		if name, _, _ := strings.Cut(rest, " "); name == "client_opens" {
			levels[at] |= 1
		} else if name == "xrd_opens" {
			levels[at] |= 2
		}
	}
	for at, sides := range levels {
		if sides != 3 {
			t.Errorf("%s has one side only: %d", at, sides)
		}
	}
}

func TestRestart(t *testing.T) {
	ctx := t.Context()
	server := collect.Server{Site: "S", Name: "x:1094", Names: []string{"10.0.0.1:1094", "x:1094"}, SID: 7}
	one, two, three := claim("1", "10.0.0.1:1094"), claim("2", "y:1094"), claim("3", "z:1094")
	f := newFixture(t, ingest.Default(), silent)
	f.out.Server(server)
	f.Claims(ctx, []*transfer.Claim{two, three})
	state := f.state()

	l := ledger.New(ledger.Config{})
	for _, c := range []*transfer.Claim{one, two} { // not three: its file was damaged
		if _, err := l.PutClaim(c); err != nil {
			t.Fatal(err)
		}
	}
	g := newFixtureWith(t, ingest.Default(), silent, l, store.Config{})
	for _, e := range state {
		if err := g.Restore(noon(), e); err != nil {
			t.Fatal(err)
		}
	}
	g.wantCount("tallystick_ingest_samples_refused_total", "reason=gone", 1)
	g.wantCount("tallystick_ingest_claims_waiting", "", 1)
	g.want("restored")
	g.out.Server(collect.Server{Site: "T", Name: "y:1094", SID: 8})
	g.wantCount("tallystick_ingest_claims_waiting", "", 0)
	four := claim("4", "10.0.0.1:1094")
	four.Received, four.Ops, four.Closed = &transfer.Bytes{}, nil, 0
	g.Claims(ctx, []*transfer.Claim{one, four}) // one was there before
	g.want("after",
		"S/x:1094/client=c1 client_opens 1699999980=1",
		"T/y:1094/client=c1 client_closes 1700000040=1",
		"T/y:1094/client=c1 client_opens 1699999980=1",
		"T/y:1094/client=c1 client_read_bytes 1700000040=100",
		"T/y:1094/client=c1 client_read_ops 1700000040=2",
		"T/y:1094/client=c1 client_write_bytes 1700000040=7",
	)
	if err := g.Restore(noon(), []byte("{")); err == nil {
		t.Error("a broken entry is taken, want an error")
	}
}
