package store_test

import (
	"fmt"
	"testing"

	"tallystick/internal/block"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// TestWriteAllocates goes through many blocks, of which old ones are freed: the
// memory of the first must do for all.
func TestWriteAllocates(t *testing.T) {
	table := testTable(t)
	s, now := store.New(table, store.Config{}), int64(0)
	at := client("1")
	node := selector.Path{Cluster: at.Cluster, Node: at.Node}
	var pts [5]store.Point
	step := func() {
		for range 100 {
			now += 7
			if _, err := s.Write(at, points(pts[:], now)...); err != nil {
				t.Fatal(err)
			}
		}
		s.FreeBefore(node, now-20*60*block.Slots)
	}
	for range 2000 { // until the oldest are freed
		step()
	}
	bytes := s.Stats().Bytes
	// FreeBefore makes a closure; the race detector has the pool of packers lose a quarter of
	// 80 that 500 samples need.
	if n := testing.AllocsPerRun(2000, step); n > 50 {
		t.Errorf("writing 500 samples and freeing allocates %v times", n)
	}
	if got := s.Stats().Bytes; got > bytes+block.SlabBytes {
		t.Errorf("%d bytes became %d", bytes, got)
	}
}

// points makes pts one sample of each of the first metrics.
func points(pts []store.Point, now int64) []store.Point {
	for i := range pts {
		pts[i] = store.Point{Metric: metric.ID(i), Time: now, Value: float64(now)}
	}
	return pts
}

func BenchmarkWrite(b *testing.B) {
	for _, clients := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			table := testTable(b)
			s := store.New(table, store.Config{})
			paths := make([]selector.Path, clients)
			for i := range paths {
				paths[i] = client(fmt.Sprint("client", i))
			}
			b.ReportAllocs()
			var pts [5]store.Point
			i := 0
			for b.Loop() {
				at := paths[i%clients]
				if _, err := s.Write(at, points(pts[:], int64(i/clients))...); err != nil {
					b.Fatal(err)
				}
				i++
			}
			b.ReportMetric(5*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for _, nodes := range []int{1, 1000} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			table := testTable(b)
			s := store.New(table, store.Config{})
			cpu := id(b, table, "cpu")
			for n := range nodes {
				at := selector.Path{Cluster: "a", Node: fmt.Sprint("n", n)}
				for i := range 360 {
					write(b, s, at, cpu, float64(i*60), float64(i))
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				got, err := s.Read(selector.Path{Cluster: "a"}, cpu, metric.AggAvg, 0, 360*60)
				if err != nil || len(got.Values) != 360 {
					b.Fatal(len(got.Values), err)
				}
			}
		})
	}
}
