package checkpoint_test

import (
	"fmt"
	"testing"

	"tallystick/internal/durable"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
)

// busy is a world of 1000 full blocks and 10,000 transfers.
func busy(b *testing.B) *world {
	b.Helper()
	w := newWorld(b)
	id, _ := table(b).Lookup(metric.XrdReadBytes)
	points := make([]store.Point, 512)
	for i := range 1000 {
		for j := range points {
			points[j] = store.Point{Metric: id, Time: int64(j * 10), Value: float64(i*j) + 0.5}
		}
		if _, err := w.store.Write(selector.Path{Cluster: "site", Node: fmt.Sprintf("n%d", i)}, points...); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 10_000 {
		w.ledger.PutTransfer(&transfer.Transfer{
			ID: fmt.Sprintf("123456789.1700000000.%d", i), Site: "site", Server: "server.example.org:1094",
			Client: "client.example.org", User: "user", Path: fmt.Sprintf("/store/data/file%d.root", i),
			Opened: transfer.Interval{int64(i), int64(i + 1)}, Ops: &transfer.Ops{Read: 1}, End: transfer.Open, Quality: transfer.Exact,
		})
	}
	return w
}

func BenchmarkSave(b *testing.B) {
	d := open(b.TempDir(), durable.OS{}, busy(b))
	b.ReportAllocs()
	var bytes int64
	for b.Loop() {
		bytes = save(b, d).Bytes
	}
	b.ReportMetric(float64(bytes), "file-bytes")
}

func BenchmarkRestore(b *testing.B) {
	dir := b.TempDir()
	save(b, open(dir, durable.OS{}, busy(b)))
	b.ReportAllocs()
	for b.Loop() {
		restored(b, dir)
	}
}
