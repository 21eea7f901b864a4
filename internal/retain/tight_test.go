package retain_test

import (
	"errors"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"tallystick/internal/retain"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// TestTight writes some times what there is room for, which makes room for itself out of what
// is saved, the oldest; and is refused where nothing is.
func TestTight(t *testing.T) {
	const limit = 4 * megabyte
	k := &tank{Store: store.New(newTable(t), store.Config{MaxBytes: limit})}
	p := &retain.Pressure{Store: k, Max: limit, Log: slog.New(slog.DiscardHandler)}
	now := time.Unix(0, 0)
	tight := &retain.Tight{Store: k.Store, Pressure: p, Now: func() time.Time { return now }}
	write := func(block int64) (refused int) {
		now = time.Unix((block+1)*512, 0)
		for n := range 20 {
			at := selector.Path{Cluster: "a", Node: strconv.Itoa(n)}
			for i := block * 512; i < (block+1)*512; i++ {
				if _, err := tight.Write(at, store.Point{Time: i, Value: value(n, i)}); errors.Is(err, store.ErrFull) {
					refused++
				} else if err != nil {
					t.Fatal(err)
				}
			}
		}
		return refused
	}
	for b := range int64(100) {
		if got := write(b); got > 0 {
			t.Fatalf("block %d: %d writes were refused", b, got)
		}
		if err := k.save(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s, got := k.Stats(), p.Stats()
	if got.Blocks == 0 || s.Freed != got.Blocks || s.Bytes > limit {
		t.Errorf("got %+v, %+v, want blocks freed", s, got)
	}
	refused := 0
	for b := range int64(100) { // which nobody saves
		refused += write(100 + b)
	}
	if s := k.Stats(); refused == 0 || s.Bytes > limit {
		t.Errorf("%d writes were refused, %+v, want some, and the cap held", refused, s)
	}
}
