package checkpoint_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
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
	store     *store.Store
	ledger    *ledger.Ledger
	collector entries
	ingest    entries
	pauses    int
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

func (w *world) parts() checkpoint.Parts {
	return checkpoint.Parts{
		Store: w.store, Ledger: w.ledger, Collector: &w.collector, Ingest: &w.ingest, Pauser: w,
	}
}

func table(tb testing.TB) *metric.Table {
	tb.Helper()
	tab, err := metric.NewTable(metric.XRootD(10))
	if err != nil {
		tb.Fatal(err)
	}
	return tab
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	return &world{store: store.New(table(tb), store.Config{}), ledger: ledger.New(ledger.Config{})}
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
		id, _ := table(tb).Lookup(metric.XrdReadBytes)
		if _, err := w.store.Write(at, store.Point{Metric: id, Time: int64(g*5120*10 + i), Value: float64(g*1000 + i)}); err != nil {
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
		m["transfer "+t.ID] = fmt.Sprintf("%+v", *t)
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

func open(dir string, fsys durable.FS, keep int, w *world) *checkpoint.Dir {
	return checkpoint.New(checkpoint.Config{Dir: dir, Every: time.Minute, Keep: keep}, fsys, w.parts(), quiet())
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
	info, err := open(dir, durable.OS{}, 3, w).Restore(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return w, info
}
