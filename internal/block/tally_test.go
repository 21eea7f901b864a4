package block_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"tallystick/internal/block"
)

func TestTally(t *testing.T) {
	gap, inf, minus := math.NaN(), math.Inf(1), math.Copysign(0, -1)
	f := func(want block.Tally, values ...float64) {
		t.Helper()
		var got block.Tally
		got.Add(values)
		if !sameTally(got, want) {
			t.Errorf("%v: got %+v, want %+v", values, got, want)
		}
	}
	f(block.Tally{})
	f(block.Tally{}, gap, gap)
	f(block.Tally{Count: 2, Sum: 1, Min: -1, Max: 2}, gap, 2, gap, -1)
	f(block.Tally{Count: 2, Min: minus}, 0, minus)
	f(block.Tally{Count: 1, Min: minus, Max: minus}, minus)
	f(block.Tally{Count: 1, Sum: inf, Min: inf, Max: inf}, inf)
	f(block.Tally{Count: 2, Sum: gap, Min: -inf, Max: inf}, inf, -inf)
}

func sameTally(a, b block.Tally) bool {
	bits := math.Float64bits
	return a.Count == b.Count && (bits(a.Sum) == bits(b.Sum) || a.Sum != a.Sum && b.Sum != b.Sum) &&
		bits(a.Min) == bits(b.Min) && bits(a.Max) == bits(b.Max)
}

// However the samples of a block come, their sum is the same; and that of blocks is the sum
// of theirs.
func TestTallyOf(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		from := r.Int64N(4000) - 2000
		values := make([]float64, r.IntN(2000))
		for i := range values {
			if values[i] = r.NormFloat64() * math.Pow(10, float64(r.IntN(9))); r.IntN(9) == 0 {
				values[i] = math.NaN()
			}
		}
		var want block.Tally
		for slot, rest := from, values; len(rest) > 0; {
			n := min(len(rest), block.Slots-int(slot&(block.Slots-1)))
			var one block.Tally
			cut := r.IntN(n + 1)
			one.Add(rest[:cut])
			one.Add(rest[cut:n])
			want.Join(one)
			slot, rest = slot+int64(n), rest[n:]
		}
		if got := block.TallyOf(from, values); !sameTally(got, want) {
			t.Fatalf("%d values from %d: got %+v, want %+v", len(values), from, got, want)
		}
	}
}
