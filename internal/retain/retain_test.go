package retain_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tallystick/internal/metric"
	"tallystick/internal/retain"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// A book is a ledger that remembers what it was told.
type book struct {
	before []int64
	frees  int
}

func (b *book) FreeBefore(before int64) int {
	b.before = append(b.before, before)
	return b.frees
}

func newTable(t *testing.T) *metric.Table {
	t.Helper()
	table, err := metric.NewTable([]metric.Metric{{Name: "bytes", Step: 1}, {Name: "cpu_load", Step: 1}})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func newStore(t *testing.T) *store.Store {
	t.Helper()
	return store.New(newTable(t), store.Config{})
}

func write(t *testing.T, s *store.Store, node string, at time.Time) {
	t.Helper()
	if _, err := s.Write(selector.Path{Cluster: "a", Node: node}, store.Point{Time: at.Unix(), Value: 1}); err != nil {
		t.Fatal(err)
	}
}

func TestStep(t *testing.T) {
	s, b := newStore(t), &book{frees: 7}
	now := time.Unix(100*512, 0)
	for _, node := range []string{"n1", "n2"} {
		for i := range 100 {
			write(t, s, node, time.Unix(int64(i)*512, 0))
		}
	}
	w := &retain.Worker{
		Store: s, Table: newTable(t), Ledger: b, Log: slog.New(slog.DiscardHandler),
		Config: retain.Config{Memory: 10 * 512 * time.Second, Ledger: time.Hour},
	}
	if got, want := w.Step(t.Context(), now), 2*90+7; got != want {
		t.Errorf("freed %d, want %d", got, want)
	}
	if got := s.Stats().Blocks; got != 20 {
		t.Errorf("%d blocks are left, want 20", got)
	}
	if want := []int64{now.Unix() - 3600}; !slices.Equal(b.before, want) {
		t.Errorf("the ledger was told %d, want %d", b.before, want)
	}
	w.Step(t.Context(), now)
	if got, want := w.Stats(), (retain.Stats{Steps: 2, Blocks: 180, Entries: 14, Oldest: 90 * 512}); got != want {
		t.Errorf("Stats: got %+v, want %+v", got, want)
	}
}

// TestDefaults keeps samples for a week and entries for 90 days.
func TestDefaults(t *testing.T) {
	s, b := newStore(t), &book{}
	now := time.Unix(1_700_000_000, 0)
	w := &retain.Worker{Store: s, Table: newTable(t), Ledger: b, Log: slog.New(slog.DiscardHandler)}
	write(t, s, "n", now.Add(-7*24*time.Hour))
	write(t, s, "n", now.Add(-7*24*time.Hour-512*time.Second))
	if got := w.Step(t.Context(), now); got != 1 {
		t.Errorf("freed %d blocks, want 1", got)
	}
	if want := []int64{now.Unix() - 90*24*3600}; !slices.Equal(b.before, want) {
		t.Errorf("the ledger was told %d, want %d", b.before, want)
	}
}

// A stopper ends a context when its node is freed.
type stopper struct {
	nodes []selector.Path
	stop  func()
	freed []string
}

func (s *stopper) Nodes() []selector.Path { return s.nodes }

func (s *stopper) Free(node selector.Path, _ func(metric.ID) int64) store.Freed {
	s.freed = append(s.freed, node.Node)
	if node.Node == "n2" {
		s.stop()
	}
	return store.Freed{Blocks: 1}
}

func TestStepHonoursContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, b := &stopper{stop: cancel}, &book{}
	for _, n := range []string{"n1", "n2", "n3"} {
		s.nodes = append(s.nodes, selector.Path{Cluster: "a", Node: n})
	}
	w := &retain.Worker{Store: s, Table: newTable(t), Ledger: b, Log: slog.New(slog.DiscardHandler)}
	if got := w.Step(ctx, time.Unix(0, 0)); got != 2 {
		t.Errorf("freed %d, want 2", got)
	}
	if want := []string{"n1", "n2"}; !slices.Equal(s.freed, want) || len(b.before) > 0 {
		t.Errorf("freed %q and the ledger %d times, want %q and not", s.freed, len(b.before), want)
	}
	if got, want := w.Stats(), (retain.Stats{Blocks: 2}); got != want {
		t.Errorf("Stats: got %+v, want %+v", got, want)
	}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, b := newStore(t), &book{}
		begin := time.Now()
		w := &retain.Worker{
			Store: s, Table: newTable(t), Ledger: b, Log: slog.New(slog.DiscardHandler),
			Config: retain.Config{Memory: time.Hour, Ledger: time.Hour, Every: 10 * time.Minute},
		}
		write(t, s, "n", begin)
		ctx, stop := context.WithTimeout(t.Context(), 65*time.Minute)
		defer stop()
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := w.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(61 * time.Minute) // the sample is old enough, its block not yet
		if got := s.Stats().Blocks; got != 1 {
			t.Errorf("%d blocks after an hour, want 1", got)
		}
		wg.Wait()
		var want []int64
		for i := range 7 { // at once, and then every 10 minutes
			want = append(want, begin.Add(time.Duration(i)*10*time.Minute-time.Hour).Unix())
		}
		if !slices.Equal(b.before, want) {
			t.Errorf("the ledger was told %d, want %d", b.before, want)
		}
		// A block later than that it goes.
		if got := w.Step(t.Context(), begin.Add(time.Hour+512*time.Second)); got != 1 {
			t.Errorf("freed %d, want 1", got)
		}
	})
}
