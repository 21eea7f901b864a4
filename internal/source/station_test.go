package source_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/collect"
	"tallystick/internal/ingest"
	"tallystick/internal/ledger"
	"tallystick/internal/metric"
	"tallystick/internal/store"
)

// A station is an Ingest with all that is behind it, and sources in front of it.
type station struct {
	t         testing.TB
	kind      string // of its sources, in their counters
	table     *metric.Table
	store     *store.Store
	ledger    *ledger.Ledger
	collector *collect.Collector
	ingest    *ingest.Ingest
	reg       *prometheus.Registry
	stop      func()
}

// A part runs until its context ends.
type part func(context.Context) error

// bareStation returns a station without sources, for one of that kind.
func bareStation(tb testing.TB, kind string, maxBytes int64, keeps ingest.Log) *station {
	tb.Helper()
	table, err := metric.NewTable(append(metric.XRootD(60), metric.Metric{Name: "load", Step: 1}, metric.Metric{Name: "count", Step: 1, Fold: metric.Sum}))
	if err != nil {
		tb.Fatal(err)
	}
	s := &station{
		t: tb, kind: kind, table: table, reg: prometheus.NewRegistry(),
		store: store.New(table, store.Config{MaxBytes: maxBytes}), ledger: ledger.New(ledger.Default()),
	}
	s.ingest, err = ingest.New(ingest.Default(), ingest.Parts{
		Collector: func(o collect.Output) ingest.Collector {
			s.collector = collect.New(collect.Default(), o)
			return s.collector
		},
		Ledger: s.ledger, Store: s.store, Table: table, Now: time.Now, Metrics: s.reg, Log: keeps,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// run runs parts by name, and calls end when they have been stopped.
func (s *station) run(parts map[string]part, end func()) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	var running sync.WaitGroup
	for name, run := range parts {
		running.Go(func() {
			if err := run(ctx); err != nil {
				s.t.Errorf("%s: %v", name, err)
			}
		})
	}
	s.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		end()
	})
	s.t.Cleanup(s.stop)
}

// count returns the sum of a counter over what has all the labels.
func (s *station) count(name string, labels ...string) int {
	s.t.Helper()
	all, err := s.reg.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	sum := 0
	for _, f := range all {
		for _, m := range f.GetMetric() {
			has := 0
			for _, p := range m.GetLabel() {
				if slices.Contains(labels, p.GetValue()) {
					has++
				}
			}
			if f.GetName() == "tallystick_"+s.kind+"_"+name && has == len(labels) {
				sum += int(m.GetCounter().GetValue())
			}
		}
	}
	return sum
}

func (s *station) wantCount(want int, name string, labels ...string) {
	s.t.Helper()
	if got := s.count(name, labels...); got != want {
		s.t.Errorf("%s %v: got %d, want %d", name, labels, got, want)
	}
}

func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			tb.Fatalf("half a minute without %s", what)
		}
	}
}

// answered waits until so many messages have become what the answer is.
func (s *station) answered(n int, answer string) {
	s.t.Helper()
	eventually(s.t, "messages "+answer, func() bool { return s.count("answers_total", answer) >= n })
}

// nodes returns how many nodes there are of each cluster.
func (s *station) nodes() map[string]int {
	out := make(map[string]int)
	for _, p := range s.store.Nodes() {
		out[p.Cluster]++
	}
	return out
}

// sum returns the samples of the metric count in the store, all together.
func (s *station) sum() (sum float64) {
	s.t.Helper()
	id, ok := s.table.Lookup("count")
	if !ok {
		s.t.Fatal("there is no metric count")
	}
	now := time.Now().Unix()
	for _, at := range s.store.Nodes() {
		r, err := s.store.Read(at, id, metric.AggNone, now-1000, now+1000)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, v := range r.Values {
			if v == v { // not a gap
				sum += v
			}
		}
	}
	return sum
}

// wantTransfersOf holds that both have the same transfers, when nothing waits for what
// came before it any more.
func (s *station) wantTransfersOf(other *station) {
	s.t.Helper()
	later := time.Now().Add(time.Hour)
	ids := func(s *station) (out []string) {
		s.collector.Advance(later)
		for _, x := range s.ledger.Transfers(ledger.Filter{}) {
			out = append(out, x.ID)
		}
		return out
	}
	if got, want := ids(s), ids(other); !slices.Equal(got, want) || len(want) == 0 {
		s.t.Errorf("got transfers %v, want %v", got, want)
	}
}
