package retain_test

import (
	"log/slog"
	"testing"
	"time"

	"tallystick/internal/retain"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

func TestKeep(t *testing.T) {
	c := retain.Config{Memory: time.Hour, Rules: []retain.Rule{
		{Cluster: "big", Metric: "cpu_*", Keep: 2 * time.Hour},
		{Metric: "cpu_*", Keep: 3 * time.Hour},
		{Cluster: "b*", Keep: 4 * time.Hour},
	}}
	f := func(cluster, metric string, want time.Duration) {
		t.Helper()
		if got := c.Keep(cluster, metric); got != want {
			t.Errorf("%s of %s: got %v, want %v", metric, cluster, got, want)
		}
	}
	f("big", "cpu_load", 2*time.Hour) // the first that fits
	f("small", "cpu_load", 3*time.Hour)
	f("big", "mem_used", 4*time.Hour)
	f("small", "mem_used", time.Hour)
	if got := c.Longest(); got != 4*time.Hour {
		t.Errorf("Longest: got %v, want 4h", got)
	}
	if got := (retain.Config{}).Longest(); got != retain.DefaultMemory {
		t.Errorf("Longest of nothing: got %v, want the default", got)
	}
}

func TestRuleCheck(t *testing.T) {
	f := func(r retain.Rule, good bool) {
		t.Helper()
		if err := r.Check(); (err == nil) != good {
			t.Errorf("%+v: got %v, want good=%v", r, err, good)
		}
	}
	f(retain.Rule{Keep: time.Second}, true)
	f(retain.Rule{Cluster: "a*", Metric: "?[x-z]", Keep: time.Second}, true)
	f(retain.Rule{}, false)
	f(retain.Rule{Keep: -time.Second}, false)
	f(retain.Rule{Cluster: "[", Keep: time.Second}, false)
	f(retain.Rule{Metric: "a\\", Keep: time.Second}, false)
}

// TestRetentionPerMetric frees two metrics of two clusters, each in its time.
func TestRetentionPerMetric(t *testing.T) {
	s := newStore(t)
	for _, cluster := range []string{"a", "b"} {
		for i := range 100 {
			at := selector.Path{Cluster: cluster, Node: "n"}
			pts := []store.Point{{Metric: 0, Time: int64(i) * 512, Value: 1}, {Metric: 1, Time: int64(i) * 512, Value: 1}}
			if _, err := s.Write(at, pts...); err != nil {
				t.Fatal(err)
			}
		}
	}
	w := &retain.Worker{
		Store: s, Table: newTable(t), Ledger: &book{}, Log: slog.New(slog.DiscardHandler),
		Config: retain.Config{Memory: 10 * 512 * time.Second, Rules: []retain.Rule{
			{Cluster: "b", Metric: "cpu*", Keep: 50 * 512 * time.Second},
		}},
	}
	if got, want := w.Step(t.Context(), time.Unix(100*512, 0)), 90+90+90+50; got != want {
		t.Errorf("freed %d, want %d", got, want)
	}
	if got := w.Stats().Oldest; got != 50*512 {
		t.Errorf("the oldest is of %d, want %d", got, 50*512)
	}
}
