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

// TestDenser empties most places of many slabs, and moves the others together.
func TestDenser(t *testing.T) {
	var p block.Pool
	r := rand.New(rand.NewPCG(1, 2))
	packed, spans := map[int]block.Packed{}, map[int]block.Span{}
	bytesOf := func(i int) []byte { return bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 100+i%300) }
	for i := range 5000 {
		k, ok := p.Pack(bytesOf(i))
		if !ok {
			t.Fatal("no memory")
		}
		packed[i], spans[i] = k, set(t, &p, need(t, &p, i%block.Slots), i%block.Slots, float64(i))
	}
	for i := range 5000 {
		if r.IntN(10) > 0 {
			p.Drop(packed[i])
			p.Free(spans[i])
			delete(packed, i)
			delete(spans, i)
		}
	}
	before := p.Stats()
	for i := range packed {
		packed[i], spans[i] = p.DenserPacked(packed[i]), p.Denser(spans[i])
	}
	after := p.Stats()
	if after.Used != before.Used || after.Live != before.Live || after.Bytes > before.Bytes*2/3 {
		t.Errorf("%+v became %+v", before, after)
	}
	for i, k := range packed {
		if got := p.Bytes(k); !bytes.Equal(got, bytesOf(i)) {
			t.Fatalf("%d: got other bytes", i)
		}
		if base, values := p.Values(spans[i]); values[i%block.Slots-base] != float64(i) {
			t.Fatalf("%d: got %v", i, values)
		}
	}
}

// TestDenserOfMany has more slabs than are looked at for each that is moved.
func TestDenserOfMany(t *testing.T) {
	var p block.Pool
	r := rand.New(rand.NewPCG(3, 4))
	var kept []block.Packed
	for range 300 * 64 { // places of 1 KiB
		k, ok := p.Pack(make([]byte, 1000))
		if !ok {
			t.Fatal("no memory")
		}
		kept = append(kept, k)
	}
	r.Shuffle(len(kept), func(i, j int) { kept[i], kept[j] = kept[j], kept[i] })
	for _, k := range kept[2000:] {
		p.Drop(k)
	}
	kept = kept[:2000]
	for i, k := range kept {
		kept[i] = p.DenserPacked(k)
	}
	if s := p.Stats(); s.Bytes-8*block.SlabBytes > s.Live+s.Live/4 { // some are kept empty
		t.Errorf("got %d bytes for %d", s.Bytes, s.Live)
	}
}
