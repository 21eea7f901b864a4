package checkpoint_test

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"testing"

	"tallystick/internal/durable"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
)

// golden makes w what the folders in testdata were saved of.
func golden(tb testing.TB, w *world) {
	tb.Helper()
	for i := range 3 {
		at := selector.Path{
			Cluster: "site", Node: fmt.Sprintf("node%d:1094", i),
			Component: selector.Part{Type: "client", ID: "c-\xff"},
		}
		for j, name := range []string{metric.XrdReadBytes, metric.XrdOpens} {
			id, _ := w.table.Lookup(name)
			for k := range 4 {
				v := float64(i*100+j*10+k) + 0.1
				if _, err := w.store.Write(at, store.Point{Metric: id, Time: int64(1_700_000_000 + 3000*k), Value: v}); err != nil {
					tb.Fatal(err)
				}
			}
		}
	}
	for i := range 3 {
		w.ledger.PutTransfer(&transfer.Transfer{
			ID: fmt.Sprintf("1.1700000000.%d", i), Path: "/\x80path", Server: "node0:1094",
			Opened: transfer.Interval{1_700_000_000, 1_700_000_001}, Closed: transfer.Interval{1_700_000_010, 1_700_000_011},
			End: transfer.Closed, Quality: transfer.Exact, Bytes: transfer.Bytes{Read: int64(i)}, Ops: &transfer.Ops{Read: 2},
		})
		c := &transfer.Claim{
			Run: "r", ID: strconv.Itoa(i), Server: "s", Path: "/p", Opened: 1_700_000_000.1, Closed: math.Nextafter(1_700_000_001, 2),
			Outcome: transfer.OK, Received: &transfer.Bytes{Read: int64(i)},
		}
		if _, err := w.ledger.PutClaim(c); err != nil {
			tb.Fatal(err)
		}
	}
	w.collector.list = [][]byte{[]byte("collector 1"), []byte("collector 2")}
	w.ingest.list = [][]byte{[]byte("ingest 1")}
}

// TestMakeGolden writes testdata/v<version> when that is asked for. What is there of a
// version that was released is never written again.
func TestMakeGolden(t *testing.T) {
	dir := os.Getenv("TALLYTEST_GOLDEN")
	if dir == "" {
		t.Skip("TALLYTEST_GOLDEN names no folder to write to")
	}
	w := newWorld(t)
	golden(t, w)
	save(t, open(dir, durable.OS{}, w))
}
