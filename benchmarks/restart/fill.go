package main

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
	"tallystick/internal/ledger"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
)

// fill writes the data folder.
func (b *bench) fill(ctx context.Context) error {
	table, err := metric.NewTable(metrics())
	if err != nil {
		return err
	}
	st, led := store.New(table, store.Config{}), ledger.New(ledger.Default())
	d := checkpoint.New(checkpoint.Config{Dir: b.dir}, durable.OS{}, checkpoint.Parts{
		Store: st, Table: table, Ledger: led, Collector: none{}, Ingest: none{}, Pauser: none{},
	}, slog.New(slog.DiscardHandler))
	started := time.Now()
	for save := range b.saves {
		part := func(n int) (from, to int) { return save * n / b.saves, (save + 1) * n / b.saves }
		from, to := part(b.samples)
		if err := b.write(st, from, to); err != nil {
			return err
		}
		if err := b.record(led, part); err != nil {
			return err
		}
		if _, err := d.Save(ctx); err != nil {
			return err
		}
	}
	fmt.Printf("filled %d series with %d samples each, %.0f million in all, %d transfers and %d claims, and saved %d times, in %v: %.2f bytes on the disk for each sample\n",
		b.series, b.samples, float64(b.series*b.samples)/1e6, b.transfers, b.claims, b.saves, time.Since(started).Round(time.Second),
		float64(size(b.dir, "*/samples-*"))/float64(b.series*b.samples))
	return nil
}

// path is where a series is: ten metrics at ten components of each node.
func path(series int) selector.Path {
	return selector.Path{
		Cluster: "site", Node: "node" + strconv.Itoa(series/100),
		Component: selector.Part{Type: "hwthread", ID: strconv.Itoa(series / 10 % 10)},
	}
}

// walk yields the values of a series from one sample to another, in hundredths.
func walk(series, from, to int, use func(sample int, v float64)) {
	r := rand.New(rand.NewPCG(uint64(series), uint64(from)))
	v := r.IntN(100_000)
	for i := from; i < to; i++ {
		v += int(math.Round(r.NormFloat64() * 100))
		use(i, float64(v)/100)
	}
}

// write adds the samples [from, to) of each series.
func (b *bench) write(st *store.Store, from, to int) error {
	points := make([]store.Point, 0, to-from)
	for s := range b.series {
		points = points[:0]
		walk(s, from, to, func(i int, v float64) {
			points = append(points, store.Point{Metric: metric.ID(s % 10), Time: b.begin + int64(i)*step, Value: v}) //nolint:gosec // less than 10
		})
		if _, err := st.Write(path(s), points...); err != nil {
			return err
		}
	}
	return nil
}

// record adds transfers and claims.
func (b *bench) record(l *ledger.Ledger, part func(n int) (from, to int)) error {
	from, to := part(b.transfers)
	for n := from; n < to; n++ {
		opened := b.begin + int64(n%10_000)
		l.PutTransfer(&transfer.Transfer{
			ID:   fmt.Sprintf("56308042893772.%d.%d", b.begin, n),
			Site: "site", Server: fmt.Sprintf("cache%d:1094", n%50), Address: "192.0.2.1:1094", Version: "v5.5.3",
			Client: fmt.Sprintf("node%d", n%1000), User: "user", PID: n % 10_000, Protocol: "xroot", Path: fmt.Sprintf("/store/data/file%d.root", n),
			Size: int64(n) * 1000, Opened: transfer.Interval{opened, opened + 1}, Closed: transfer.Interval{opened + 60, opened + 61},
			Bytes: transfer.Bytes{Read: int64(n)}, Ops: &transfer.Ops{Read: 1}, End: transfer.Closed, Quality: transfer.Exact,
		})
	}
	from, to = part(b.claims)
	for n := from; n < to; n++ {
		opened := float64(b.begin) + float64(n%10_000)
		_, err := l.PutClaim(&transfer.Claim{
			Run: "run", ID: strconv.Itoa(n), Client: fmt.Sprintf("node%d", n%1000), Server: fmt.Sprintf("cache%d:1094", n%50),
			Path: fmt.Sprintf("/store/data/file%d.root", n), Opened: opened, Closed: opened + 60, Outcome: transfer.OK,
			Asked: transfer.Bytes{Read: int64(n)}, Received: &transfer.Bytes{Read: int64(n)},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// size returns how many bytes the files have whose paths match.
func size(dir, pattern string) (n int64) {
	all, _ := filepath.Glob(filepath.Join(dir, pattern)) // it is well formed
	for _, name := range all {
		if info, err := os.Stat(name); err == nil {
			n += info.Size()
		}
	}
	return n
}

// none has no state, and nobody to wait for.
type none struct{}

// State returns none.
func (none) State() ([][]byte, error) { return nil, nil }

// Restore takes none.
func (none) Restore(time.Time, []byte) error { return nil }

// Pause calls f.
func (none) Pause(f func()) { f() }

// Cut is that of no log.
func (none) Cut() (int, error) { return 0, nil }
