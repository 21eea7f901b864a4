package transfer_test

import (
	"math/rand/v2"
	"testing"

	"tallystick/internal/transfer"
)

// told is what a server counts of a page write of n bytes at that offset: what it
// puts on the wire, page by page.
func told(offset, n int64) (bytes int64) {
	for n > 0 {
		piece := min(n, 4096-offset%4096)
		bytes += piece + 4
		offset, n = offset+piece, n-piece
	}
	return bytes
}

// Ensure that the formula gives what was written, where writes are as xrdcp's are, and
// that what was written lies between the most and the fewest, however they are.
func TestPageBytes(t *testing.T) {
	f := func(bytes, ops, want int64) {
		t.Helper()
		if got, ok := transfer.PageBytes(bytes, ops); !ok || got != want {
			t.Errorf("%d bytes in %d writes: got %d, %v, want %d", bytes, ops, got, ok, want)
		}
	}
	f(9_008_793, 2, 9_000_001) // as measured: XROOTD.md fact 5
	f(25_190_400, 3, 3*8_388_608)
	f(0, 0, 0)
	f(5, 1, 1)
	f(4100, 1, 4096)
	f(4105, 1, 4097)
	for n := range int64(20_000) {
		f(told(0, n), min(n, 1), n)
	}
	for _, bytes := range []int64{1, 4, 4101, 4104} { // a page with nothing on it
		if n, ok := transfer.PageBytes(bytes, 1); ok {
			t.Errorf("%d bytes: got %d, want none", bytes, n)
		}
	}
	if n, ok := transfer.PageBytes(104_000, 1000); ok { // 1000 times 100 bytes
		t.Errorf("more writes than pages: got %d, want none", n)
	}
}

func TestPageWritesAnywhere(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		var n, bytes, sums int64
		ops := 1 + rng.Int64N(5)
		for range ops {
			offset, length := rng.Int64N(10_000), 1+rng.Int64N(1<<rng.IntN(16))
			one := told(offset, length)
			if got := transfer.PageChecksums(offset, one); got != one-length {
				t.Fatalf("%d bytes at %d: got %d of checksums, want %d", length, offset, got, one-length)
			}
			n, bytes, sums = n+length, bytes+one, sums+one-length
		}
		fewest := transfer.FewestPageBytes(bytes, ops)
		most, ok := transfer.PageBytes(bytes, ops)
		if n < fewest || ok && n > most {
			t.Fatalf("%d bytes in %d writes, of which %d are checksums: not between %d and %d", bytes, ops, sums, fewest, most)
		}
	}
}
