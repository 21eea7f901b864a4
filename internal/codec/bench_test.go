package codec_test

import (
	"fmt"
	"testing"

	"tallystick/internal/codec"
)

// TestSizes tells bytes a value, for each shape and some lengths.
func TestSizes(t *testing.T) {
	var e codec.Encoder
	for _, s := range all() {
		line := fmt.Appendf(nil, "%-34s", s.name)
		for _, n := range []int{32, 64, 128, 360, 512} {
			bytes, kinds := 0, map[byte]int{}
			for seed := range 20 {
				b := e.Append(nil, s.make(random(seed), n))
				bytes += len(b)
				kinds[b[0]&0x3f]++
			}
			line = fmt.Appendf(line, " %8.3f", float64(bytes)/float64(20*n))
			if n == 512 {
				line = fmt.Appendf(line, "  %x", kinds)
			}
		}
		t.Logf("%s", line)
	}
	for _, n := range []int{32, 64, 128, 360, 512} {
		t.Logf("telemetry %d: %.3f", n, float64(telemetry(&e, n))/float64(n*34*4))
	}
}

// telemetry returns how many bytes 4 nodes take.
func telemetry(e *codec.Encoder, n int) int {
	bytes := 0
	for seed := range 4 {
		for _, s := range node {
			bytes += len(e.Append(nil, s.make(random(seed), n)))
		}
		for i := range 8 {
			for _, s := range thread {
				bytes += len(e.Append(nil, s.make(random(10+10*seed+i), n)))
			}
		}
	}
	return bytes
}

// BenchmarkShapes is of pieces of 512 values.
func BenchmarkShapes(b *testing.B) {
	for _, s := range all() {
		values := s.make(random(1), codec.MaxSlots)
		var e codec.Encoder
		var data []byte
		report := func(b *testing.B) {
			b.Helper()
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(values)), "ns/value")
		}
		b.Run(s.name+"/encode", func(b *testing.B) {
			b.SetBytes(int64(8 * len(values)))
			for b.Loop() {
				data = e.Append(data[:0], values)
			}
			report(b)
			b.ReportMetric(float64(len(data))/float64(len(values)), "bytes/value")
		})
		var got [codec.MaxSlots]float64
		b.Run(s.name+"/decode", func(b *testing.B) {
			b.SetBytes(int64(8 * len(values)))
			for b.Loop() {
				if _, _, err := codec.Decode(got[:], data); err != nil {
					b.Fatal(err)
				}
			}
			report(b)
		})
		b.Run(s.name+"/stats", func(b *testing.B) {
			for b.Loop() {
				if _, _, err := codec.Stats(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
