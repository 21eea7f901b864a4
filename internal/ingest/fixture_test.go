package ingest_test

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/ingest"
	"tallystick/internal/ledger"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
)

// A fixture is an Ingest with the real parts around it, the collector aside
// where a test wants to be the collector.
type fixture struct {
	*ingest.Ingest
	t      testing.TB
	now    time.Time
	clock  func() time.Time // instead of now, if not nil
	out    collect.Output
	ledger *ledger.Ledger
	store  *store.Store
	table  *metric.Table
	reg    *prometheus.Registry
	freed  []string // what Parts.Freed was told
}

// noon is when most tests take place.
func noon() time.Time { return time.Unix(1_700_000_000, 0) }

// fake is a collector that a test speaks for: it only has an error to return.
type fake struct{ err error }

func (f fake) Packet(time.Time, collect.Packet) error { return f.err }
func (fake) Advance(time.Time)                        {}
func (fake) Stats() collect.Stats                     { return collect.Stats{} }

func newFixture(tb testing.TB, cfg ingest.Config, collector func(collect.Output) ingest.Collector) *fixture {
	tb.Helper()
	return newFixtureWith(tb, cfg, collector, ledger.New(ledger.Config{}), store.Config{})
}

func newFixtureWith(
	tb testing.TB, cfg ingest.Config, collector func(collect.Output) ingest.Collector, l *ledger.Ledger, sc store.Config,
) *fixture {
	tb.Helper()
	return newFixtureOf(tb, cfg, collector, l, sc, nil)
}

func newFixtureOf(
	tb testing.TB, cfg ingest.Config, collector func(collect.Output) ingest.Collector, l *ledger.Ledger, sc store.Config, log ingest.Log,
) *fixture {
	tb.Helper()
	table, err := metric.NewTable(append(metric.XRootD(60),
		metric.Metric{Name: "cpu_load", Step: 60}, metric.Metric{Name: "mem_used", Step: 60}))
	if err != nil {
		tb.Fatal(err)
	}
	f := &fixture{t: tb, now: noon(), table: table, ledger: l, store: store.New(table, sc), reg: prometheus.NewRegistry()}
	f.Ingest, err = ingest.New(cfg, ingest.Parts{
		Collector: func(o collect.Output) ingest.Collector { f.out = o; return collector(o) },
		Ledger:    f.ledger, Store: f.store, Table: table,
		Now: func() time.Time {
			if f.clock != nil {
				return f.clock()
			}
			return f.now
		},
		Metrics: f.reg, Log: log,
		Freed: func(at selector.Path, before int64) { f.freed = append(f.freed, fmt.Sprintf("%q %d", at, before)) },
	})
	if err != nil {
		tb.Fatal(err)
	}
	if m, ok := log.(*memoryLog); ok {
		m.now = func() time.Time { return f.now }
	}
	f.Step() // so that it is some time, also where a test speaks for the collector
	return f
}

// The collectors that tests choose from.
var (
	silent = func(collect.Output) ingest.Collector { return fake{} }
	whole  = func(o collect.Output) ingest.Collector { return collect.New(collect.Default(), o) }
)

// content returns all samples in the store, one "path metric slot=value …" per block.
func (f *fixture) content() []string {
	var out []string
	for b := range f.store.Blocks() {
		var line strings.Builder
		fmt.Fprint(&line, b.Path, " ", b.Metric)
		for i, v := range b.Values {
			if !math.IsNaN(v) {
				fmt.Fprintf(&line, " %d=%v", (b.Index*int64(len(b.Values))+int64(i))*b.Step, v)
			}
		}
		out = append(out, line.String())
	}
	slices.Sort(out)
	return out
}

func (f *fixture) want(name string, want ...string) {
	f.t.Helper()
	if got := f.content(); !slices.Equal(got, want) {
		f.t.Errorf("%s: the store has\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// count returns the sum of the counters of that name whose labels, as "k=v,k=v",
// contain the given text.
func (f *fixture) count(name, labels string) float64 {
	f.t.Helper()
	all, err := f.reg.Gather()
	if err != nil {
		f.t.Fatal(err)
	}
	sum := 0.0
	for _, family := range all {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			var l []string
			for _, p := range m.GetLabel() {
				l = append(l, p.GetName()+"="+p.GetValue())
			}
			if strings.Contains(strings.Join(l, ","), labels) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func (f *fixture) wantCount(name, labels string, want float64) {
	f.t.Helper()
	if got := f.count(name, labels); got != want {
		f.t.Errorf("%s{%s}: got %v, want %v", name, labels, got, want)
	}
}

// result shows a result: "accepted/rejected index:line:column:reason …".
func result(r ingest.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d/%d", r.Accepted, r.Rejected)
	for _, e := range r.Errors {
		fmt.Fprintf(&b, " %d:%d:%d:%s", e.Index, e.Line, e.Column, e.Reason)
	}
	return b.String()
}

func claim(id, server string) *transfer.Claim {
	return &transfer.Claim{
		Run: "r", ID: id, Client: "c1", Server: server, Path: "/f",
		Received: &transfer.Bytes{Read: 100, Write: 7}, Ops: &transfer.Ops{Read: 2},
		Opened: float64(noon().Unix()) + 0.5, Closed: float64(noon().Unix()) + 60.5, Outcome: transfer.OK,
	}
}

func load(tb testing.TB, name string) *capture.Capture {
	tb.Helper()
	c, err := capture.Load(os.DirFS("../capture/testdata"), name)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func seconds(t float64) time.Time { return time.Unix(0, int64(t*1e9)) }

func (f *fixture) state() [][]byte {
	f.t.Helper()
	var state [][]byte
	var err error
	f.Pause(func() { state, err = f.State() })
	if err != nil {
		f.t.Fatal(err)
	}
	return state
}

// difference returns the lines that are in one of two sorted lists.
func difference(a, b []string) string {
	var out []string
	for _, l := range a {
		if _, ok := slices.BinarySearch(b, l); !ok {
			out = append(out, "+"+l)
		}
	}
	for _, l := range b {
		if _, ok := slices.BinarySearch(a, l); !ok {
			out = append(out, "-"+l)
		}
	}
	return strings.Join(out, "\n")
}
