package block_test

import (
	"math"
	"testing"

	"tallystick/internal/block"
)

func TestSplit(t *testing.T) {
	f := func(slot, index int64, at int) {
		t.Helper()
		i, a := block.Split(slot)
		if i != index || a != at {
			t.Errorf("Split(%d): got %d, %d, want %d, %d", slot, i, a, index, at)
		}
		if back := i*block.Slots + int64(a); back != slot {
			t.Errorf("Split(%d) is slot %d", slot, back)
		}
	}
	f(0, 0, 0)
	f(511, 0, 511)
	f(512, 1, 0)
	f(-1, -1, 511)
	f(-512, -1, 0)
	f(-513, -2, 511)
	f(math.MaxInt64, math.MaxInt64/512, 511)
	f(math.MinInt64, math.MinInt64/512, 0)
}

func TestFirstLast(t *testing.T) {
	var b block.Block
	b.Clear()
	f := func(from, first, last int) {
		t.Helper()
		if got := b.First(from); got != first {
			t.Errorf("First(%d): got %d, want %d", from, got, first)
		}
		if got := b.Last(from); got != last {
			t.Errorf("Last(%d): got %d, want %d", from, got, last)
		}
	}
	f(0, -1, -1)
	f(511, -1, -1)
	b[3], b[400] = 0, math.Inf(1)
	f(0, 3, -1)
	f(3, 3, 3)
	f(4, 400, 3)
	f(400, 400, 400)
	f(401, -1, 400)
	f(511, -1, 400)
	if got := b.First(block.Slots); got != -1 { // as a loop over First asks
		t.Errorf("First after the end: got %d, want -1", got)
	}
}
