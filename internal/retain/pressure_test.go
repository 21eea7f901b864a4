package retain_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"tallystick/internal/retain"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

const megabyte = 1 << 20

// A tank is a store with a cap, and what saves it.
type tank struct {
	*store.Store
	saves int
	err   error
}

func (k *tank) save(context.Context) error {
	k.saves++
	c := k.Cut()
	for b := range c.Blocks(store.Part{}) {
		_ = b
	}
	c.Close(k.err == nil)
	return k.err
}

func newTank(t *testing.T) (*tank, *retain.Pressure) {
	t.Helper()
	k := &tank{Store: store.New(newTable(t), store.Config{MaxBytes: 16 * megabyte})}
	return k, &retain.Pressure{Store: k, Max: 16 * megabyte, Save: k.save, Log: slog.New(slog.DiscardHandler)}
}

// fill writes a block of 4 KiB, which nothing makes smaller, to each of some nodes, and
// returns to how many it could not.
func (k *tank) fill(t *testing.T, nodes int, block int64) (refused int) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(block), 1))
	points := make([]store.Point, 512)
	for i := range nodes {
		for n := range points {
			points[n] = store.Point{Time: block*512 + int64(n), Value: math.Float64frombits(r.Uint64() &^ (1 << 62))}
		}
		at := selector.Path{Cluster: "a", Node: fmt.Sprintf("n%03d", i)}
		_, err := k.Write(at, points...)
		if errors.Is(err, store.ErrFull) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return refused
}

// TestPressure writes four times what there is room for. Nothing is refused, all
// that goes was saved, and the newest is there.
func TestPressure(t *testing.T) {
	k, p := newTank(t)
	freed := 0
	for b := range int64(160) { // 100 blocks, 400 KiB each
		if got := k.fill(t, 100, b); got != 0 {
			t.Fatalf("block %d: %d writes were refused", b, got)
		}
		freed += p.Step(t.Context(), time.Unix(b*512+300, 0))
		if s := k.Stats(); s.Bytes > 16*megabyte {
			t.Fatalf("block %d: %+v", b, s)
		}
	}
	s, got := k.Stats(), p.Stats()
	if k.saves == 0 || got.Saves != int64(k.saves) || got.Blocks != int64(freed) || int64(freed) != s.Freed || got.Short != 0 {
		t.Errorf("Stats: %+v with %d saves and %d freed of %+v", got, k.saves, freed, s)
	}
	if s.Live < 10*megabyte {
		t.Errorf("only %d bytes are left", s.Live)
	}
	for i := range 100 { // the newest 25 of each, which are at least 10 MB
		at := selector.Path{Cluster: "a", Node: fmt.Sprintf("n%03d", i)}
		v, err := k.Read(at, 0, 0, 135*512, 160*512)
		if err != nil || v.From != 135*512 || len(v.Values) != 25*512 {
			t.Fatalf("%s: got %d values from %d, %v", at, len(v.Values), v.From, err)
		}
	}
}

// TestPressureOfJobs frees nodes that run jobs after all others.
func TestPressureOfJobs(t *testing.T) {
	k, p := newTank(t)
	p.Uses = func(n selector.Path) bool { return n.Node < "n050" }
	for b := range int64(37) { // more than 90 %
		k.fill(t, 100, b)
	}
	if p.Step(t.Context(), time.Unix(37*512, 0)) == 0 {
		t.Fatal("freed nothing")
	}
	count := func(node string) int {
		v, err := k.Read(selector.Path{Cluster: "a", Node: node}, 0, 0, 0, 37*512)
		if err != nil {
			t.Fatal(err)
		}
		return len(v.Values)
	}
	if busy, idle := count("n049"), count("n050"); busy != 37*512 || idle >= busy {
		t.Errorf("%d slots of a node with a job, %d of one without", busy, idle)
	}
	p.Uses = func(selector.Path) bool { return true }
	for b := int64(37); b < 60; b++ {
		k.fill(t, 100, b)
		p.Step(t.Context(), time.Unix(b*512, 0))
	}
	if busy := count("n049"); busy == 37*512 {
		t.Error("nothing of a node with a job went, though there was nothing else")
	}
}

// TestPressureWithoutSaving refuses writes and loses nothing, if nothing can be
// saved or all blocks go on.
func TestPressureWithoutSaving(t *testing.T) {
	f := func(name string, now int64, err error) {
		t.Run(name, func(t *testing.T) {
			k, p := newTank(t)
			k.err = err
			refused := 0
			for b := range int64(50) {
				refused += k.fill(t, 100, b)
				if got := p.Step(t.Context(), time.Unix(now, 0)); got != 0 {
					t.Fatalf("freed %d blocks", got)
				}
			}
			if refused == 0 || p.Stats().Short == 0 {
				t.Errorf("%d were refused, %+v", refused, p.Stats())
			}
			if k.saves != 1 { // it rests
				t.Errorf("saved %d times at one time, want once", k.saves)
			}
			k.err = nil
			if got := p.Step(t.Context(), time.Unix(now+31+100*512, 0)); got == 0 {
				t.Error("when there is something to free, nothing is")
			}
			if got := k.fill(t, 10, 50); got != 0 {
				t.Errorf("%d writes are refused when there is room", got)
			}
		})
	}
	f("not saved", 100*512, errors.New("disk full"))
	f("all go on", 0, nil)
}

// TestPressureOfSmallBlocks meets the cap with series of one sample each.
func TestPressureOfSmallBlocks(t *testing.T) {
	k, p := newTank(t)
	refused := 0
	for i := range 300_000 {
		at := selector.Path{Cluster: "a", Node: "n" + strconv.Itoa(i/1000), Component: selector.Part{Type: "client", ID: strconv.Itoa(i)}}
		if _, err := k.Write(at, store.Point{Time: int64(i), Value: 1}); err != nil {
			refused++
		}
		if i%1000 == 0 {
			p.Step(t.Context(), time.Unix(int64(i), 0))
		}
	}
	if got := k.Stats(); refused != 0 || got.Bytes > 16*megabyte || got.Live < 8*megabyte {
		t.Errorf("%d writes were refused, %+v", refused, got)
	}
}

// TestPressureWithoutACap frees and saves nothing, however much there is.
func TestPressureWithoutACap(t *testing.T) {
	k := &tank{Store: store.New(newTable(t), store.Config{})}
	p := &retain.Pressure{Store: k, Save: k.save, Log: slog.New(slog.DiscardHandler)}
	k.fill(t, 100, 0)
	if got := p.Step(t.Context(), time.Unix(1_700_000_000, 0)); got != 0 || k.saves != 0 || p.Stats() != (retain.PressureStats{}) {
		t.Errorf("freed %d blocks, saved %d times, %+v", got, k.saves, p.Stats())
	}
}

// TestTidy frees most of what a store has, here and there: what is left is put together,
// without a cap too, and once.
func TestTidy(t *testing.T) {
	s := store.New(newTable(t), store.Config{})
	k := &tank{Store: s}
	p := &retain.Pressure{Store: k, Log: slog.New(slog.DiscardHandler)}
	for b := range int64(20) {
		k.fill(t, 200, b)
	}
	for n, at := range s.Nodes() {
		if n%10 > 0 {
			s.FreeBefore(at, 19*512)
		}
	}
	before := s.Stats()
	p.Step(t.Context(), time.Unix(1000, 0))
	after := s.Stats()
	if after.Live != before.Live || after.Bytes-after.Live > 2*megabyte {
		t.Errorf("%+v became %+v", before, after)
	}
}
