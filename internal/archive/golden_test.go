package archive_test

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"testing"
	"time"

	"tallystick/internal/archive"
	"tallystick/internal/durable"
	"tallystick/internal/selector"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
)

// golden is what the folders in testdata are of. It is never changed.
func golden() *model {
	m := new(model)
	for _, name := range []string{"load", "traffic"} {
		b := &store.BlockAt{Metric: name, Step: 60, Index: 1_700_000_000 / 60 / 512}
		b.Path = selector.Path{Cluster: "site/\xff", Node: "n1", Component: selector.Part{Type: "client", ID: "c"}}
		for i := range b.Values {
			b.Values[i] = math.NaN()
			if i%5 == 1 {
				b.Values[i] = odd()[i%len(odd())]
			}
		}
		m.blocks = append(m.blocks, b)
	}
	for i := range int64(5) {
		at := day0.From() + i*20_000
		m.transfers = append(m.transfers, &transfer.Transfer{
			ID: fmt.Sprintf("1.1700000000.%d", i), Path: "/\x80path", Server: "n1:1094", Size: -1,
			Opened: transfer.Interval{at, at}, Closed: transfer.Interval{at + 10, at + 11},
			End: transfer.Closed, Quality: transfer.Exact, Bytes: transfer.Bytes{Read: i},
		})
		m.claims = append(m.claims, &transfer.Claim{
			Run: "r", ID: strconv.FormatInt(i, 10), Server: "n1", Path: "/p", Opened: float64(at), Closed: float64(at) + 0.1,
			Outcome: transfer.OK, Asked: transfer.Bytes{Read: i},
		})
		m.packets = append(m.packets, archive.Packet{At: time.Unix(at, 1+i), Remote: "192.0.2.1:1", Data: fmt.Appendf(nil, "\x00%d", i)})
	}
	return m
}

// Archives of every version that was released can be read, and are as they were.
func TestGolden(t *testing.T) {
	target := folder("testdata/v1")
	got, damage := read(t, target)
	same(t, "v1", got, golden().contents(day0, day0+1))
	if more := append(damage, wrong(t, target)...); len(more) > 0 {
		t.Errorf("got %v, want nothing wrong", more)
	}
}

// TestMakeGolden writes testdata/v<version> when that is asked for. What is there of a
// version that was released is never written again.
func TestMakeGolden(t *testing.T) {
	dir := os.Getenv("TALLYTEST_GOLDEN")
	if dir == "" {
		t.Skip("TALLYTEST_GOLDEN names no folder to write to")
	}
	w := worker(golden(), dir, durable.OS{})
	w.Config.Temp, w.Config.Parquet = t.TempDir(), true
	step(t, w, after(day0+1))
}
