package ingest_test

import (
	"testing"
	"time"

	"tallystick/internal/collect"
	"tallystick/internal/ingest"
	"tallystick/internal/ledger"
)

// A server whose ident comes an hour after its first transfers gives them its
// name then.
func TestLateIdentNamesEarlierTransfers(t *testing.T) {
	c := load(t, "s01_full_reads")
	f := newFixture(t, ingest.Default(), whole)
	feed := func(ident bool) {
		for _, p := range c.Packets {
			if (p.Data[0] == '=') == ident {
				f.Packets(t.Context(), []collect.Packet{{Remote: p.Remote, Data: p.Data}})
			}
		}
		f.now = f.now.Add(time.Hour)
		f.Step()
	}
	f.now = seconds(c.Packets[0].Time)
	feed(false)
	const placeholder = "127.0.0.1#56308042893772"
	if got := f.ledger.Transfers(ledger.Filter{Server: placeholder}); len(got) != len(c.Sessions) {
		t.Fatalf("before the ident: got %d transfers under %s, want %d", len(got), placeholder, len(c.Sessions))
	}
	feed(true)
	got := f.ledger.Transfers(ledger.Filter{})
	if len(got) != len(c.Sessions) {
		t.Errorf("after the ident: got %d transfers, want %d", len(got), len(c.Sessions))
	}
	for _, tr := range got {
		if tr.Server != "vm:21094" || tr.Site != "SITE_S0" || tr.Address != "127.0.0.1:21094" {
			t.Errorf("after the ident: transfer %s is of %s (%s) at %s", tr.ID, tr.Server, tr.Address, tr.Site)
		}
	}
}
