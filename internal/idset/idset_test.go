package idset_test

import (
	"bytes"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tallystick/internal/idset"
)

// same checks that s has what want has, near what want has.
func same(t *testing.T, s *idset.Set, want map[uint32]bool) {
	t.Helper()
	sorted := slices.Sorted(maps.Keys(want))
	var got []uint32
	for id, ok := s.Next(0); ok; id, ok = s.Next(id + 1) {
		got = append(got, id)
		if id == math.MaxUint32 {
			break
		}
	}
	if !slices.Equal(got, sorted) {
		t.Fatalf("got %v, want %v", got, sorted)
	}
	for _, id := range sorted {
		for _, near := range []uint32{id - 1, id, id + 1, id + 64, id + 5000} {
			if s.Has(near) != want[near] {
				t.Fatalf("has %d: got %v, want %v", near, s.Has(near), want[near])
			}
		}
	}
}

// again returns s after it was written and read.
func again(t *testing.T, s *idset.Set) *idset.Set {
	t.Helper()
	read := &idset.Set{}
	if err := read.UnmarshalBinary(bytesOf(t, s)); err != nil {
		t.Fatal(err)
	}
	return read
}

// Whatever is added in whatever order is there, and nothing else, also after a restart
// in between.
func TestModel(t *testing.T) {
	f := func(seed uint64, next func(r *rand.Rand, newest uint32) uint32) {
		t.Helper()
		r := rand.New(rand.NewPCG(seed, 1))
		s, want := &idset.Set{}, map[uint32]bool{}
		newest := next(r, 1)
		for i := range 4000 {
			id := next(r, newest)
			if got := s.Add(id); got == want[id] {
				t.Fatalf("seed %d: add %d: got %v, and it was there: %v", seed, id, got, want[id])
			}
			want[id] = true
			newest = max(newest, id)
			if i%2000 == 1999 {
				same(t, s, want)
				s = again(t, s)
				same(t, s, want)
				s.Optimize()
			}
		}
	}
	for seed := range uint64(3) {
		f(seed, func(_ *rand.Rand, newest uint32) uint32 { return newest + 1 })
		f(seed, func(r *rand.Rand, newest uint32) uint32 { return newest + 20 - r.Uint32N(20) - r.Uint32N(20) })
		f(seed, func(r *rand.Rand, newest uint32) uint32 { return max(newest, 5000) - r.Uint32N(5000) + r.Uint32N(100) })
		f(seed, func(r *rand.Rand, _ uint32) uint32 { return r.Uint32() })
		f(seed, func(r *rand.Rand, _ uint32) uint32 { return math.MaxUint32 - r.Uint32N(3000) })
		f(seed, func(r *rand.Rand, _ uint32) uint32 { return r.Uint32N(10_000) })
	}
}

// One set has one form, whatever became of it on the way.
func TestOneForm(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, dense := range []uint32{1, 2, 3, 10, 1000} {
		var up, down idset.Set
		restarted := &idset.Set{}
		var ids []uint32
		for id := uint32(50_000); id < 80_000; id += 1 + r.Uint32N(dense) {
			ids = append(ids, id)
		}
		for i, id := range ids {
			up.Add(id)
			down.Add(ids[len(ids)-1-i])
			restarted.Add(id)
			if i%(len(ids)/4) == 1 {
				restarted = again(t, restarted)
			}
		}
		want := bytesOf(t, &up)
		if !bytes.Equal(bytesOf(t, &down), want) || !bytes.Equal(bytesOf(t, restarted), want) {
			t.Errorf("one in %d: not the same bytes", dense)
		}
	}
}

func bytesOf(t *testing.T, s *idset.Set) []byte {
	t.Helper()
	b, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What is no set is an error.
func TestUnmarshalBad(t *testing.T) {
	for _, b := range []string{"", "x", "\x3a\x30\x00\x00\xff\xff\xff\xff", "\x3b\x30\x00\x00"} {
		if err := new(idset.Set).UnmarshalBinary([]byte(b)); err == nil {
			t.Errorf("%q is no error", b)
		}
	}
}

// Ids that count up cost no allocation each.
func TestAllocs(t *testing.T) {
	var s idset.Set
	id := uint32(0)
	if got := testing.AllocsPerRun(10_000, func() { id++; s.Add(id) }); got > 0 {
		t.Errorf("%v allocations an id, want less than 1", got)
	}
}

func BenchmarkAdd(b *testing.B) {
	var s idset.Set
	for i := range b.N {
		s.Add(uint32(i))
	}
}
