package archive_test

import (
	"fmt"
	"math"
	"testing"

	"tallystick/internal/archive"
	"tallystick/internal/block"
	"tallystick/internal/durable"
	"tallystick/internal/ocf"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// day is a model of one day of series of a value a minute.
func day(series int) *model {
	m := new(model)
	first := day0.From() / 60 / block.Slots
	for s := range series {
		for i := first; i*block.Slots*60 < (day0 + 1).From(); i++ {
			b := &store.BlockAt{Metric: "load", Step: 60, Index: i}
			b.Path = selector.Path{Cluster: "site", Node: fmt.Sprintf("node%05d", s)}
			for j := range b.Values {
				b.Values[j] = math.Round(1000*math.Sin(float64(s+j)/50)) / 10
			}
			m.blocks = append(m.blocks, b)
		}
	}
	return m
}

// BenchmarkArchive archives a day of 2,000 series, 2.9 million values, and reads it back
// as the worker does.
func BenchmarkArchive(b *testing.B) {
	m := day(2000)
	for _, codec := range ocf.Codecs() {
		b.Run(string(codec), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := worker(m, b.TempDir(), durable.OS{})
				w.Config.Codec = codec
				step(b, w, after(day0+1))
				b.ReportMetric(float64(w.Stats().Bytes)/(2000*24*60), "bytes/value")
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*2000*24*60), "ns/value")
		})
	}
}

// BenchmarkRead reads it.
func BenchmarkRead(b *testing.B) {
	dir := b.TempDir()
	step(b, worker(day(2000), dir, durable.OS{}), after(day0+1))
	a := archive.Open(folder(dir), nil)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for s, err := range a.Series(b.Context(), day0, nil) {
			fatal(b, err)
			n += len(s.Values)
		}
		if n != 2000*24*60 {
			b.Fatalf("got %d values, want %d", n, 2000*24*60)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*2000*24*60), "ns/value")
}
