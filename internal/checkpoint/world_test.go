package checkpoint_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"testing"
	"time"

	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
	"tallystick/internal/ledger"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
)

// A world is all that a checkpoint is of.
type world struct {
	table     *metric.Table
	store     *store.Store
	ledger    *ledger.Ledger
	collector entries
	ingest    entries
	pauses    int

	log     int // segment
	packets map[int][]checkpoint.Packet
}

// entries is a part's state that nobody else reads.
type entries struct{ list [][]byte }

func (e *entries) State() ([][]byte, error) { return e.list, nil }

func (e *entries) Restore(_ time.Time, entry []byte) error {
	if bytes.HasPrefix(entry, []byte("bad")) {
		return errors.New("a bad entry")
	}
	e.list = append(e.list, entry)
	return nil
}

func (w *world) Pause(f func()) {
	w.pauses++
	f()
}

func (w *world) Cut() (int, error) {
	w.log++
	return w.log, nil
}

func (w *world) parts() checkpoint.Parts {
	return checkpoint.Parts{
		Store: w.store, Table: w.table, Ledger: w.ledger, Collector: &w.collector, Ingest: &w.ingest, Pauser: w,
		Packets: func(from, to int) iter.Seq2[checkpoint.Packet, error] {
			return func(yield func(checkpoint.Packet, error) bool) {
				for segment := from; segment < to; segment++ {
					for _, p := range w.packets[segment] {
						if !yield(p, nil) {
							return
						}
					}
				}
			}
		},
	}
}

func table(tb testing.TB) *metric.Table {
	tb.Helper()
	tab, err := metric.NewTable(append(metric.XRootD(10),
		metric.Metric{Name: "load", Step: 10, Fold: metric.Last, Aggregation: metric.AggAvg},
		metric.Metric{Name: "most", Step: 60, Fold: metric.Max, Aggregation: metric.AggMax},
	))
	if err != nil {
		tb.Fatal(err)
	}
	return tab
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	tab := table(tb)
	return &world{
		table: tab, store: store.New(tab, store.Config{}), ledger: ledger.New(ledger.Config{}),
		packets: make(map[int][]checkpoint.Packet),
	}
}

// grow adds to everything in w what belongs to generation g. All that is there
// stays, but transfer 0 gets another word.
func (w *world) grow(tb testing.TB, g int) {
	tb.Helper()
	for i := range 70 {
		at := selector.Path{
			Cluster: "site", Node: fmt.Sprintf("node%d:1094", i%20),
			Component: selector.Part{Type: "client", ID: fmt.Sprintf("c%d-\xff", i)}, // not UTF-8
		}
		id, _ := w.table.Lookup(metric.XrdReadBytes)
		load, _ := w.table.Lookup("load")
		at0 := int64(g*5120*10 + i)
		if _, err := w.store.Write(at, store.Point{Metric: id, Time: at0, Value: float64(g*1000 + i)},
			store.Point{Metric: load, Time: at0, Value: float64(i) + 0.1}); err != nil {
			tb.Fatal(err)
		}
	}
	for i := range 550 {
		w.ledger.PutTransfer(&transfer.Transfer{
			ID: fmt.Sprintf("1.%d.%d", g, i), Path: "/\x80path", Opened: transfer.Interval{int64(g), int64(g)},
			End: transfer.Open, Quality: transfer.LowerBound,
		})
		c := &transfer.Claim{
			Run: "r", ID: fmt.Sprintf("%d-%d", g, i), Server: "s", Path: "/p",
			Opened: 1.1, Closed: math.Nextafter(1.2, 2), Outcome: transfer.OK, Received: &transfer.Bytes{Read: int64(i)},
		}
		if _, err := w.ledger.PutClaim(c); err != nil {
			tb.Fatal(err)
		}
	}
	w.ledger.PutTransfer(&transfer.Transfer{
		ID: "0", Bytes: transfer.Bytes{Read: int64(g)}, End: transfer.Closed, Quality: transfer.Exact,
	})
	for i := range 5 {
		w.packets[w.log] = append(w.packets[w.log], checkpoint.Packet{
			At: time.Unix(int64(g), int64(i)), Remote: "192.0.2.1:1", Data: fmt.Appendf(nil, "%d %d", g, i), Arrival: int64(g * i),
		})
	}
	w.collector.list, w.ingest.list = nil, nil
	for i := range 5 {
		w.collector.list = append(w.collector.list, fmt.Appendf(nil, "collector %d of %d", i, g))
		w.ingest.list = append(w.ingest.list, fmt.Appendf(nil, "ingest %d of %d", i, g))
	}
}

// content is all that is in w, as text that can be compared, by what it is.
func (w *world) content() map[string]string {
	m := make(map[string]string)
	for b := range w.store.Blocks() {
		var bits []byte
		for _, v := range b.Values {
			bits = binary.LittleEndian.AppendUint64(bits, math.Float64bits(v))
		}
		m[fmt.Sprintf("block %q %s %d %d", b.Path, b.Metric, b.Step, b.Index)] = string(bits)
	}
	for _, t := range w.ledger.Transfers(ledger.Filter{}) {
		plain, ops := *t, transfer.Ops{}
		if t.Ops != nil {
			ops = *t.Ops
		}
		plain.Ops, plain.Sequence, plain.Revision = nil, 0, 0 // one is a pointer
		m["number "+t.ID] = fmt.Sprint(t.Sequence, t.Revision)
		m["transfer "+t.ID] = fmt.Sprintf("%+v %v %+v", plain, t.Ops != nil, ops)
	}
	for _, c := range w.ledger.Claims(ledger.Filter{}) {
		plain := *c
		plain.Received = nil // a pointer
		m["claim "+c.Key()] = fmt.Sprintf("%+v %+v", plain, *c.Received)
	}
	for _, e := range w.collector.list {
		m["collector "+string(e)] = ""
	}
	for _, e := range w.ingest.list {
		m["ingest "+string(e)] = ""
	}
	m["order"] = fmt.Sprintf("%q %q", w.collector.list, w.ingest.list)
	return m
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func open(dir string, fsys durable.FS, w *world) *checkpoint.Dir {
	return checkpoint.New(checkpoint.Config{Dir: dir, Every: time.Minute}, fsys, w.parts(), quiet())
}

func save(tb testing.TB, d *checkpoint.Dir) checkpoint.Info {
	tb.Helper()
	info, err := d.Save(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return info
}

// restored returns what a new process has of dir.
func restored(tb testing.TB, dir string) (*world, checkpoint.Info) {
	tb.Helper()
	w := newWorld(tb)
	return w, restore(tb, open(dir, durable.OS{}, w))
}

// restore restores all that d has, and returns what both steps of it say together.
func restore(tb testing.TB, d *checkpoint.Dir) checkpoint.Info {
	tb.Helper()
	info, err := d.Restore(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	rest, err := d.Fill(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	info.Blocks += rest.Blocks
	info.Damaged += rest.Damaged
	info.Refused += rest.Refused
	return info
}
