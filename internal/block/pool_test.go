package block_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"tallystick/internal/block"
)

// perSlab is how many new spans a slab has room for.
const perSlab = block.SlabBytes / block.SpanBytes

func need(t *testing.T, p *block.Pool, at int) block.Span {
	t.Helper()
	s, ok := p.Make(at, at)
	if !ok {
		t.Fatalf("no span for slot %d", at)
	}
	return s
}

func set(t *testing.T, p *block.Pool, s block.Span, at int, v float64) block.Span {
	t.Helper()
	s, ok := p.Cover(s, 0, at, at)
	if !ok {
		t.Fatalf("no room for slot %d", at)
	}
	base, values := p.Values(s)
	values[at-base] = v
	return s
}

// TestSpanIsABlock writes slots in several orders, and finds after each what a
// block of all slots has.
func TestSpanIsABlock(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	next := map[string]func(old int) int{
		"in order": func(old int) int { return old + 1 + r.IntN(3) },
		"late":     func(old int) int { return old - 1 - r.IntN(3) },
		"around":   func(old int) int { return old + r.IntN(41) - 20 },
		"anywhere": func(int) int { return r.IntN(block.Slots) },
	}
	for name, step := range next {
		t.Run(name, func(t *testing.T) {
			var p block.Pool
			for range 200 {
				var want block.Block
				want.Clear()
				at := r.IntN(block.Slots)
				s := need(t, &p, at)
				for ; at >= 0 && at < block.Slots && r.IntN(300) > 0; at = step(at) {
					v := r.Float64()
					want[at] = v
					s = set(t, &p, s, at, v)
					same(t, &p, s, &want, r.IntN(block.Slots))
				}
				p.Free(s)
			}
			if got := p.Stats(); got.Used != 0 || got.Live != 0 {
				t.Errorf("Stats after all: %+v", got)
			}
		})
	}
}

func same(t *testing.T, p *block.Pool, s block.Span, want *block.Block, from int) {
	t.Helper()
	var got block.Block
	p.Copy(&got, s)
	for i := range got {
		if math.Float64bits(got[i]) != math.Float64bits(want[i]) && !(math.IsNaN(got[i]) && math.IsNaN(want[i])) {
			t.Fatalf("slot %d: got %v, want %v", i, got[i], want[i])
		}
	}
	if got, want := p.First(s, from), want.First(from); got != want {
		t.Fatalf("First(%d): got %d, want %d", from, got, want)
	}
	if got, want := p.Last(s, from), want.Last(from); got != want {
		t.Fatalf("Last(%d): got %d, want %d", from, got, want)
	}
}

// TestSpanIsSmall tells how much memory samples in order take.
func TestSpanIsSmall(t *testing.T) {
	f := func(from, samples int, want int64) {
		t.Helper()
		var p block.Pool
		s := need(t, &p, from)
		for i := range samples {
			s = set(t, &p, s, from+i, 1)
		}
		if got := p.Stats().Live; got != want {
			t.Errorf("%d samples from %d take %d bytes, want %d", samples, from, got, want)
		}
	}
	f(0, 1, 64)
	f(511, 1, 64)
	f(127, 2, 64) // wherever it begins
	f(3, 8, 64)
	f(3, 9, 256)
	f(3, 32, 256)
	f(3, 33, 1024)
	f(300, 128, 1024)
	f(3, 129, 4096)
	f(383, 129, 4096)
	f(0, 512, 4096)
}

// TestSpanOfARange asks for room for two slots at once, with samples before,
// between or behind them, or none.
func TestSpanOfARange(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var p block.Pool
	for range 5000 {
		lo := r.IntN(block.Slots)
		hi := lo + r.IntN(block.Slots-lo)
		var s block.Span
		var want block.Block
		want.Clear()
		if r.IntN(2) == 0 {
			at := r.IntN(block.Slots)
			s = need(t, &p, at)
			for range r.IntN(3) {
				s = set(t, &p, s, at, 5)
				want[at] = 5
				at = r.IntN(block.Slots)
			}
		} else {
			s, _ = p.Make(lo, hi)
		}
		s, ok := p.Cover(s, 0, lo, hi)
		if !ok || !s.Covers(lo) || !s.Covers(hi) {
			t.Fatalf("no room for %d to %d", lo, hi)
		}
		same(t, &p, s, &want, lo)
		p.Free(s)
	}
}

// TestPoolUsesAgain fills slabs with spans of one size, empties them, and fills
// them with those of another.
func TestPoolUsesAgain(t *testing.T) {
	var p block.Pool
	var spans []block.Span
	for range 4 * perSlab {
		spans = append(spans, need(t, &p, 0))
	}
	if got, want := p.Stats(), (block.Stats{Used: 4 * perSlab, Live: 4 * block.SlabBytes, Bytes: 4 * block.SlabBytes}); got != want {
		t.Errorf("Stats: got %+v, want %+v", got, want)
	}
	for _, s := range spans {
		p.Free(s)
	}
	for range 4 * block.SlabBytes / block.Bytes {
		s, ok := p.Cover(need(t, &p, 0), 0, 511, 511) // no sample yet: it slides
		if !ok {
			t.Fatal("no room")
		}
		base, values := p.Values(s)
		values[511-base] = 1
		set(t, &p, s, 0, 2)
	}
	if got := p.Stats().Bytes; got > 5*block.SlabBytes { // one more with small ones
		t.Errorf("%d bytes, want those of 5 slabs at most", got)
	}
}

// TestPoolGivesBack tells what became of the memory of many spans.
func TestPoolGivesBack(t *testing.T) {
	var held int64
	p := block.Pool{
		Grow:   func(n int64) bool { held += n; return true },
		Shrink: func(n int64) { held -= n },
	}
	for range 3 {
		var spans []block.Span
		for range 100 * perSlab {
			spans = append(spans, need(t, &p, 9))
		}
		if got := p.Stats().Bytes; got != held || got != 100*block.SlabBytes {
			t.Errorf("%d bytes, %d told, want %d", got, held, 100*block.SlabBytes)
		}
		for _, s := range spans {
			p.Free(s)
		}
		if got := p.Stats().Bytes; got != held || got > 25*block.SlabBytes {
			t.Errorf("%d bytes stay, %d told, want those of 25 slabs at most", got, held)
		}
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	p = block.Pool{}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if got := int64(before.HeapAlloc) - int64(after.HeapAlloc); got > held+100*1024 {
		t.Errorf("the empty pool had %d bytes, and told %d", got, held)
	}
}

func TestPoolAsksToGrow(t *testing.T) {
	var asked []int64
	p := block.Pool{Grow: func(n int64) bool { asked = append(asked, n); return len(asked) < 2 }}
	var last block.Span
	for range perSlab {
		last = need(t, &p, 0)
	}
	if _, ok := p.Make(0, 0); ok {
		t.Error("got a span that Grow refused")
	}
	base, values := p.Values(last)
	values[3-base] = 7
	if same, ok := p.Cover(last, 0, 100, 100); ok || same != last {
		t.Error("a span grew where Grow refused")
	}
	if got := p.First(last, 0); got != 3 {
		t.Errorf("its first sample is at %d, want 3", got)
	}
	p.Free(last)
	if s, ok := p.Make(0, 0); !ok || s != last {
		t.Errorf("got %+v, %v, want the free one %+v", s, ok, last)
	}
	for _, n := range asked {
		if n != block.SlabBytes || len(asked) != 3 {
			t.Fatalf("Grow was asked for %d, want three times for %d", asked, block.SlabBytes)
		}
	}
}

func TestPoolAtOnce(t *testing.T) {
	var p block.Pool
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			var mine [300]block.Span
			for round := range 20 {
				for i := range mine {
					mine[i] = need(t, &p, i)
					mine[i] = set(t, &p, mine[i], i, float64(g))
				}
				for i := range mine {
					mine[i] = set(t, &p, mine[i], (i*7+round)%block.Slots, float64(g))
				}
				for i, s := range mine {
					base, values := p.Values(s)
					if got := values[i-base]; got != float64(g) {
						t.Errorf("another wrote %v into the span of %d", got, g)
					}
					p.Free(s)
				}
			}
		})
	}
	wg.Wait()
	if got := p.Stats().Used; got != 0 {
		t.Errorf("%d spans in use, want 0", got)
	}
}

func TestPoolAllocates(t *testing.T) {
	var p block.Pool
	need(t, &p, 0)
	grow := func() {
		s := need(t, &p, 0)
		for i := range block.Slots {
			s = set(t, &p, s, i, 1)
		}
		p.Free(s)
	}
	grow()
	if n := testing.AllocsPerRun(1000, grow); n != 0 {
		t.Errorf("a span from one slot to all allocates %v times, want 0", n)
	}
}

// BenchmarkSpan fills a span sample by sample.
func BenchmarkSpan(b *testing.B) {
	var p block.Pool
	b.ReportAllocs()
	for b.Loop() {
		s, _ := p.Make(0, 0)
		for i := range block.Slots {
			s, _ = p.Cover(s, 0, i, i)
			_, values := p.Values(s)
			values[i] = 1
		}
		p.Free(s)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/block.Slots, "ns/slot")
}
