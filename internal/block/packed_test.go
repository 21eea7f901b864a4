package block_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"tallystick/internal/block"
)

// TestPacked puts bytes of all lengths beside spans, and finds them as they were.
func TestPacked(t *testing.T) {
	var p block.Pool
	r := rand.New(rand.NewPCG(1, 2))
	type kept struct {
		packed block.Packed
		want   []byte
	}
	var all []kept
	var spans []block.Span
	check := func(k kept) {
		t.Helper()
		if got := p.Bytes(k.packed); !bytes.Equal(got, k.want) {
			t.Fatalf("got %d bytes, not the %d that were put", len(got), len(k.want))
		}
	}
	for range 5 {
		for n := range block.MaxPacked + 1 {
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			packed, ok := p.Pack(b)
			if !ok || packed.None() {
				t.Fatal("no memory")
			}
			all = append(all, kept{packed, b})
			if size := p.Size(block.Span{}, packed); size < int64(n) || size > int64(n)*5/4+66 {
				t.Errorf("%d bytes take %d", n, size)
			}
			spans = append(spans, need(t, &p, n%block.Slots))
			if i := r.IntN(len(all)); r.IntN(3) > 0 {
				check(all[i])
				p.Drop(all[i].packed)
				all[i] = all[len(all)-1]
				all = all[:len(all)-1]
			}
		}
	}
	for _, k := range all {
		check(k)
		p.Drop(k.packed)
	}
	for _, s := range spans {
		p.Free(s)
	}
	if s := p.Stats(); s.Used != 0 || s.Live != 0 {
		t.Errorf("Stats after all: %+v", s)
	}
	if !(block.Packed{}).None() || !(block.Span{}).None() || p.Size(block.Span{}, block.Packed{}) != 0 {
		t.Error("the zero ones are something")
	}
}

func TestPackedWithoutMemory(t *testing.T) {
	p := block.Pool{Grow: func(int64) bool { return false }}
	if _, ok := p.Pack([]byte("a")); ok {
		t.Error("got memory that Grow refused")
	}
}
