package codec_test

import (
	"fmt"
	"math"
	"testing"

	"tallystick/internal/codec"
)

// lengths are of pieces: of those that a block has while it fills, and of all of it.
var lengths = []int{32, 64, 128, 360, codec.MaxSlots}

// TestSizes holds how small telemetry is, and with -v tells bytes a slot of each shape
// and length.
func TestSizes(t *testing.T) {
	var e codec.Encoder
	for _, s := range all() {
		line := fmt.Appendf(nil, "%-34s", s.name)
		for _, n := range lengths {
			size := 0
			for seed := range 20 {
				size += len(e.Append(nil, s.make(random(seed), n)))
			}
			line = fmt.Appendf(line, " %7.3f", float64(size)/float64(20*n))
		}
		t.Logf("%s", line)
	}
	for i, most := range []float64{3.40, 3.26, 3.18, 3.18, 3.15} {
		size := 0
		all := telemetry(4, lengths[i])
		for _, values := range all {
			size += len(e.Append(nil, values))
		}
		got := float64(size) / float64(len(all)*lengths[i])
		t.Logf("telemetry, %d slots: %.3f", lengths[i], got)
		if got > most {
			t.Errorf("telemetry, %d slots: got %.3f bytes a slot, want at most %.3f", lengths[i], got, most)
		}
	}
}

// telemetry returns n values of each series of some nodes.
func telemetry(nodes, n int) (all [][]float64) {
	for seed := range nodes {
		for _, s := range node {
			all = append(all, s.make(random(seed), n))
		}
		for i := range 8 {
			for _, s := range thread {
				all = append(all, s.make(random(10+10*seed+i), n))
			}
		}
	}
	return all
}

// benchmarked are pieces of n values, by name.
func benchmarked(n int) (names []string, pieces [][][]float64) {
	names, pieces = []string{"telemetry"}, [][][]float64{telemetry(1, n)}
	for _, s := range all() {
		switch s.name {
		case "number of cores", "bytes received", "power in W, 1 digit", "ratio", "counts of all sizes", "transfers, mostly gaps", "times 0.001", "random bits":
			names, pieces = append(names, s.name), append(pieces, [][]float64{s.make(random(1), n)})
		}
	}
	return names, pieces
}

// bench calls f with each of the pieces in turn.
func bench(b *testing.B, pieces [][]float64, f func(i int)) {
	b.Helper()
	n := len(pieces[0])
	b.SetBytes(int64(8 * n))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		f(i)
		if i++; i == len(pieces) {
			i = 0
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/value")
}

func Benchmark(b *testing.B) {
	var e codec.Encoder
	var got [codec.MaxSlots]float64
	for _, n := range []int{32, codec.MaxSlots} {
		names, all := benchmarked(n)
		for k, pieces := range all {
			data := make([]byte, 0, 8*codec.MaxSlots+48)
			var encoded [][]byte
			size := 0
			for _, values := range pieces {
				encoded = append(encoded, e.Append(nil, values))
				size += len(encoded[len(encoded)-1])
			}
			name := fmt.Sprintf("%d %s/", n, names[k])
			b.Run(name+"encode", func(b *testing.B) {
				bench(b, pieces, func(i int) { data = e.Append(data[:0], pieces[i]) })
				b.ReportMetric(float64(size)/float64(n*len(pieces)), "bytes/value")
			})
			b.Run(name+"decode", func(b *testing.B) {
				bench(b, pieces, func(i int) {
					if _, _, err := codec.Decode(got[:], encoded[i]); err != nil {
						b.Fatal(err)
					}
				})
			})
			b.Run(name+"stats", func(b *testing.B) {
				bench(b, pieces, func(i int) {
					if s, _, err := codec.Stats(encoded[i]); err != nil || math.IsNaN(s.Sum) && s.Count == 0 {
						b.Fatal(s, err)
					}
				})
			})
		}
	}
}
