package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"tallystick/internal/collect"
	"tallystick/internal/ingest"
	"tallystick/internal/ledger"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// counting tells one transfer and one sample of it per packet. It is not safe for
// use at the same time, as the collector is not.
type counting struct {
	out      collect.Output
	n        int
	advances []time.Time
}

func (c *counting) Packet(now time.Time, _ collect.Packet) error {
	c.n++
	c.out.Transfer(&transfer.Transfer{ID: strconv.Itoa(c.n), Server: "p:1"})
	c.out.Sample(collect.Sample{Site: "S", Server: "p:1", Client: "c", Metric: "xrd_opens", Time: now.Unix(), Value: 1})
	return nil
}

func (c *counting) Advance(now time.Time) { c.advances = append(c.advances, now) }

// Stats tells nothing: no test looks at it.
func (*counting) Stats() collect.Stats { return collect.Stats{} }

func TestPacketReasons(t *testing.T) {
	f := func(err error, want string) {
		t.Helper()
		x := newFixture(t, ingest.Default(), func(collect.Output) ingest.Collector { return fake{err} })
		got := x.Packets(t.Context(), make([]collect.Packet, 2))
		if result(got) != fmt.Sprintf("0/2 0:0:0:%s 1:0:0:%s", want, want) {
			t.Errorf("%v: got %s, want two rejects for %q", err, result(got), want)
		}
		x.wantCount("tallystick_ingest_rejected_total", "kind=packet,reason="+want, 2)
	}
	f(errors.New("some error"), "decode")
	f(fmt.Errorf("map record: %w", &xrootd.Error{Reason: xrootd.ReasonShort}), "short")
	f(&xrootd.Error{Reason: "What someone sent"}, "other")
	f(fmt.Errorf("open: %w", collect.ErrFull), "full")
}

func TestPackets(t *testing.T) {
	f := newFixture(t, ingest.Default(), func(o collect.Output) ingest.Collector { return &counting{out: o} })
	if got := result(f.Packets(t.Context(), make([]collect.Packet, 3))); got != "3/0" {
		t.Errorf("got %s, want 3/0", got)
	}
	f.wantCount("tallystick_ingest_accepted_total", "kind=packet", 3)
	f.want("packets", "S/p:1/client=c xrd_opens 1699999980=3")
}

// Real datagrams, and one that is none.
func TestPacketsDecode(t *testing.T) {
	f := newFixture(t, ingest.Default(), whole)
	c := load(t, "s01_full_reads")
	got := f.Packets(t.Context(), []collect.Packet{
		{Remote: "192.0.2.1:1094", Data: c.Packets[0].Data}, {Remote: "192.0.2.1:1094", Data: []byte("?")}, {Remote: "192.0.2.1:1094"},
	})
	if got.Accepted != 1 || got.Rejected != 2 {
		t.Errorf("got %s, want one accepted and two refused", result(got))
	}
}

// What the collector tells about times and metrics that the store must not have
// is refused and counted; the transfer is in the ledger all the same.
func TestSamplesRefused(t *testing.T) {
	cfg := ingest.Default()
	cfg.Retention = time.Hour
	f := newFixture(t, cfg, silent)
	now := noon().Unix()
	f.out.Transfer(&transfer.Transfer{ID: "1"})
	for name, times := range map[string][]int64{
		"xrd_opens": {now - 3601, now - 3600, now, now + 300, now + 301}, "nosuch": {now},
	} {
		for _, at := range times {
			f.out.Sample(collect.Sample{Site: "a/b", Server: "", Client: "", Metric: name, Time: at, Value: 1})
		}
	}
	f.want("samples", "a_b/unknown/client=unknown xrd_opens 1699996380=1 1699999980=1 1700000280=1")
	f.wantCount("tallystick_ingest_samples_refused_total", "reason=future", 1)
	f.wantCount("tallystick_ingest_samples_refused_total", "reason=too-old", 1)
	f.wantCount("tallystick_ingest_samples_refused_total", "reason=unknown-metric", 1)
	if n, _ := f.ledger.Len(); n != 1 {
		t.Errorf("got %d transfers in the ledger, want 1", n)
	}

	full := newFixtureWith(t, cfg, silent, ledger.New(ledger.Config{}), store.Config{MaxBytes: 1})
	full.out.Sample(collect.Sample{Site: "S", Server: "s", Client: "c", Metric: "xrd_opens", Time: now, Value: 1})
	full.wantCount("tallystick_ingest_samples_refused_total", "reason=full", 1)
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var c *counting
		f := newFixture(t, ingest.Default(), func(o collect.Output) ingest.Collector { c = &counting{out: o}; return c })
		f.clock = func() time.Time { return noon().Add(time.Since(began)) }
		ctx, stop := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer stop()
		if err := f.Run(ctx); err != nil {
			t.Errorf("got error %v, want none", err)
		}
		if len(c.advances) != 4 || c.advances[3] != noon().Add(3*time.Second) { // one of them when it was made
			t.Errorf("got advances at %v, want 4, the last 3 s after %v", c.advances, noon())
		}
	})
}

func TestNewTwice(t *testing.T) {
	f := newFixture(t, ingest.Default(), silent)
	_, err := ingest.New(ingest.Default(), ingest.Parts{
		Collector: silent, Ledger: f.ledger, Store: f.store, Table: f.table,
		Now: time.Now, Metrics: f.reg,
	})
	if err == nil {
		t.Error("a second Ingest on one registry: got no error")
	}
}
