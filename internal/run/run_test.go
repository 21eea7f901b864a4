package run_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/run"
)

// A journal is what happened, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

// worker returns a part that takes a while to stop and then returns err.
func (j *journal) worker(name string, stopping time.Duration, err error) func(context.Context) error {
	return func(ctx context.Context) error {
		<-ctx.Done()
		j.add("%s told", name)
		time.Sleep(stopping)
		j.add("%s returned", name)
		return err
	}
}

func TestStopsInReverseEachJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		var g run.Group
		g.Add("a", j.worker("a", time.Second, nil))
		g.Add("b", j.worker("b", time.Hour, nil))
		g.Add("c", j.worker("c", time.Minute, nil))
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		start := time.Now()
		if err := g.Run(ctx); err != nil {
			t.Errorf("got error %v, want none", err)
		}
		want := []string{
			"c told", "c returned", "b told", "b returned", "a told", "a returned",
		}
		if diff := cmp.Diff(want, j.lines); diff != "" {
			t.Errorf("journal (-want +got):\n%s", diff)
		}
		if got, want := time.Since(start), 25*time.Hour+time.Minute+time.Second; got != want {
			t.Errorf("took %v, want %v", got, want)
		}
	})
}

func TestPartsOutliveTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
		var g run.Group
		g.Add("first", func(ctx context.Context) error {
			if got := ctx.Value(key{}); got != "value" {
				t.Errorf("got value %v, want that of the context of Run", got)
			}
			<-ctx.Done()
			return nil
		})
		g.Add("second", func(second context.Context) error {
			<-ctx.Done()
			if second.Err() == nil {
				<-second.Done() // its own, told by the group
			}
			return second.Err()
		})
		time.AfterFunc(time.Minute, cancel)
		if err := g.Run(ctx); err != nil {
			t.Errorf("got error %v, want none", err)
		}
	})
}

func TestErrors(t *testing.T) {
	boom, bang := errors.New("boom"), errors.New("bang")
	wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	after := func(d time.Duration, err error) func(context.Context) error {
		return func(ctx context.Context) error {
			select {
			case <-time.After(d):
			case <-ctx.Done():
			}
			return err
		}
	}
	f := func(want string, is error, parts ...func(context.Context) error) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			var g run.Group
			for i, p := range parts {
				g.Add(fmt.Sprint("part", i), p)
			}
			err := g.Run(ctx)
			if got := fmt.Sprint(err); got != want {
				t.Errorf("got error %q, want %q", got, want)
			}
			if !errors.Is(err, is) {
				t.Errorf("got error %v, want one that is %v", err, is)
			}
		})
	}
	f("<nil>", nil)
	f("<nil>", nil, wait, wait)
	f("part1: returned before it was told to", run.ErrEarly, wait, after(0, nil), wait)
	f("part0: boom", boom, after(time.Minute, boom), wait)
	f("part1: bang\npart0: boom", bang, after(time.Minute, boom), after(2*time.Hour, bang))
	f("part0: boom", boom, after(2*time.Hour, boom)) // the error of stopping
	f("part0: context canceled", context.Canceled, after(time.Minute, context.Canceled))
	f("<nil>", nil, after(2*time.Hour, fmt.Errorf("read: %w", context.Canceled)))
	f("part0: context canceled\nboom", boom, after(2*time.Hour, errors.Join(context.Canceled, boom)))
}

func TestEndedContextStillRunsAllParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var j journal
		var g run.Group
		g.Add("a", j.worker("a", 0, nil))
		g.Add("b", j.worker("b", 0, nil))
		if err := g.Run(ctx); err != nil {
			t.Errorf("got error %v, want none", err)
		}
		if got, want := len(j.lines), 4; got != want {
			t.Errorf("got %v, want both parts told and returned", j.lines)
		}
	})
}

func TestGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		stuck := func(context.Context) error { <-release; return nil }
		boom := errors.New("boom")
		var j journal
		g := run.Group{Grace: 30 * time.Second}
		g.Add("checkpoint", j.worker("checkpoint", 0, nil))
		g.Add("stuck", stuck)
		g.Add("udp", j.worker("udp", 10*time.Second, boom))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()

		start := time.Now()
		err := g.Run(ctx)
		if got, want := time.Since(start), g.Grace; got != want {
			t.Errorf("took %v, want %v", got, want)
		}
		if !errors.Is(err, run.ErrGrace) || !errors.Is(err, boom) {
			t.Errorf("got error %v, want both the grace period's and the part's own", err)
		}
		want := "udp: boom\nstuck: still running after the grace period of 30s; running because of it: checkpoint"
		if got := fmt.Sprint(err); got != want {
			t.Errorf("got error %q, want %q", got, want)
		}
		close(release) // the bubble wants all goroutines back
		synctest.Wait()
		if !slices.Contains(j.lines, "checkpoint returned") {
			t.Errorf("got %v, want the part before the stuck one told to stop all the same", j.lines)
		}
	})
}

// TestGraceIsForAll holds that the parts share one grace period.
func TestGraceIsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		g := run.Group{Grace: 30 * time.Second}
		g.Add("a", j.worker("a", 20*time.Second, nil))
		g.Add("b", j.worker("b", 20*time.Second, nil))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := g.Run(ctx)
		if !errors.Is(err, run.ErrGrace) || !strings.HasPrefix(err.Error(), "a: ") {
			t.Errorf("got error %v, want that a is still running", err)
		}
		time.Sleep(time.Minute)
	})
}

// TestPanicIsNotSwallowed runs itself in another process, which must die.
func TestPanicIsNotSwallowed(t *testing.T) {
	if os.Getenv("RUN_TEST_PANIC") != "" {
		var g run.Group
		g.Add("a", func(ctx context.Context) error { <-ctx.Done(); return nil })
		g.Add("b", func(context.Context) error { panic("out of order") })
		t.Fatalf("the group returned: %v", g.Run(t.Context()))
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPanicIsNotSwallowed$")
	cmd.Env = append(os.Environ(), "RUN_TEST_PANIC=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "panic: out of order") {
		t.Errorf("got %v and %q, want a process that died of the panic", err, out)
	}
}
