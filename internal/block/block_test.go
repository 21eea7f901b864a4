package block_test

import (
	"math"
	"sync"
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

func TestPoolUsesAgain(t *testing.T) {
	var p block.Pool
	var bs []*block.Block
	for range block.PerSlab + 1 {
		bs = append(bs, p.Get())
	}
	want := block.Stats{Used: block.PerSlab + 1, Free: block.PerSlab - 1, Bytes: 2 * block.SlabBytes}
	if got := p.Stats(); got != want {
		t.Errorf("Stats: got %+v, want %+v", got, want)
	}
	seen := map[*block.Block]bool{}
	for _, b := range bs {
		if seen[b] {
			t.Fatal("one block was given out twice")
		}
		seen[b] = true
		b[7] = 1
		p.Put(b)
	}
	for range 2 * block.PerSlab {
		b := p.Get()
		if i := b.First(0); i >= 0 {
			t.Fatalf("slot %d of a new block is %v, want a gap", i, b[i])
		}
	}
	want = block.Stats{Used: 2 * block.PerSlab, Bytes: 2 * block.SlabBytes}
	if got := p.Stats(); got != want {
		t.Errorf("Stats: got %+v, want %+v", got, want)
	}
}

func TestPoolAsksToGrow(t *testing.T) {
	var asked []int64
	p := block.Pool{Grow: func(n int64) bool { asked = append(asked, n); return len(asked) < 2 }}
	var last *block.Block
	for i := range block.PerSlab {
		if last = p.Get(); last == nil {
			t.Fatalf("no block %d of %d", i, block.PerSlab)
		}
	}
	if b := p.Get(); b != nil {
		t.Error("got a block that Grow refused")
	}
	p.Put(last)
	if b := p.Get(); b != last {
		t.Error("got another block than the free one")
	}
	if len(asked) != 2 || asked[0] != block.SlabBytes || asked[1] != block.SlabBytes {
		t.Errorf("Grow was asked for %d, want twice for %d", asked, block.SlabBytes)
	}
}

func TestPoolAtOnce(t *testing.T) {
	var p block.Pool
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			var mine [100]*block.Block
			for range 20 {
				for i := range mine {
					mine[i] = p.Get()
					mine[i][i] = float64(g)
				}
				for i, b := range mine {
					if b[i] != float64(g) {
						t.Errorf("another wrote %v into the block of %d", b[i], g)
					}
					p.Put(b)
				}
			}
		})
	}
	wg.Wait()
	if got := p.Stats().Used; got != 0 {
		t.Errorf("%d blocks in use, want 0", got)
	}
}

func TestPoolAllocates(t *testing.T) {
	var p block.Pool
	p.Put(p.Get())
	if n := testing.AllocsPerRun(1000, func() { p.Put(p.Get()) }); n != 0 {
		t.Errorf("Get and Put allocate %v times, want 0", n)
	}
}

func BenchmarkPool(b *testing.B) {
	var p block.Pool
	b.ReportAllocs()
	for b.Loop() {
		p.Put(p.Get())
	}
}
