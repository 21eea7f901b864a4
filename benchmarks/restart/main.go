// Command restart measures how long a server takes to come back.
//
//	go run ./benchmarks/restart -bin bin/tallystick -series 100000 -samples 1000
//
// It fills a data folder with telemetry of so many series, as a server would that saved
// every so often, starts the binary on it, and tells time, processor time and memory
// until it takes in, and until everything is back.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
	"tallystick/internal/ledger"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "restart:", err)
		os.Exit(1)
	}
}

// A bench is what is measured.
type bench struct {
	bin             string
	series, samples int
	saves           int
	dir             string
}

const step = 10 // seconds

func run() error {
	b := bench{}
	flag.StringVar(&b.bin, "bin", "bin/tallystick", "the binary")
	flag.IntVar(&b.series, "series", 100_000, "series, 100 of each node")
	flag.IntVar(&b.samples, "samples", 1000, "samples of each series, one every 10 s")
	flag.IntVar(&b.saves, "saves", 12, "checkpoints that are saved meanwhile")
	flag.Parse()
	var err error
	if b.dir, err = os.MkdirTemp("", "restart-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := b.fill(); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	return b.restart()
}

// metrics are those of the filled folder.
func metrics() (list []metric.Metric) {
	for i := range 10 {
		list = append(list, metric.Metric{Name: "metric" + strconv.Itoa(i), Step: step, Aggregation: metric.AggAvg})
	}
	return list
}

// fill writes the data folder.
func (b *bench) fill() error {
	table, err := metric.NewTable(metrics())
	if err != nil {
		return err
	}
	st := store.New(table, store.Config{})
	d := checkpoint.New(checkpoint.Config{Dir: b.dir}, durable.OS{}, checkpoint.Parts{
		Store: st, Table: table, Ledger: ledger.New(ledger.Default()), Collector: none{}, Ingest: none{}, Pauser: none{},
	}, slog.New(slog.DiscardHandler))
	begin := time.Now().Unix() - int64(b.samples)*step
	begin -= begin % step
	r := rand.New(rand.NewPCG(1, 2))
	started := time.Now()
	for save := range b.saves {
		from, to := save*b.samples/b.saves, (save+1)*b.samples/b.saves
		if err := b.write(st, r, begin, from, to); err != nil {
			return err
		}
		if _, err := d.Save(context.Background()); err != nil {
			return err
		}
	}
	fmt.Printf("filled %d series with %d samples each, %.0f million in all, and saved %d times, in %v; on the disk: %.2f bytes a sample\n",
		b.series, b.samples, float64(b.series*b.samples)/1e6, b.saves, time.Since(started).Round(time.Second),
		float64(size(b.dir))/float64(b.series*b.samples))
	return nil
}

// write adds the samples [from, to) of each series.
func (b *bench) write(st *store.Store, r *rand.Rand, begin int64, from, to int) error {
	points := make([]store.Point, 0, to-from)
	for s := range b.series {
		at := selector.Path{
			Cluster: "site", Node: "node" + strconv.Itoa(s/100),
			Component: selector.Part{Type: "hwthread", ID: strconv.Itoa(s / 10 % 10)},
		}
		points = points[:0]
		v := float64(r.IntN(1000))
		for i := from; i < to; i++ {
			v += math.Round(r.NormFloat64()*100) / 100
			points = append(points, store.Point{Metric: metric.ID(s % 10), Time: begin + int64(i)*step, Value: v}) //nolint:gosec // less than 10
		}
		if _, err := st.Write(at, points...); err != nil {
			return err
		}
	}
	return nil
}

func size(dir string) (n int64) {
	_ = filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			n += info.Size()
		}
		return nil
	})
	return n
}

// restart starts the server and measures.
func (b *bench) restart() error {
	addr, err := free()
	if err != nil {
		return err
	}
	var yaml bytes.Buffer
	fmt.Fprintf(&yaml, "development: true\ndata_dir: %q\nhttp: {listen: %q}\nudp: {listen: []}\nstore: {max_bytes: 0}\nmetrics:\n", b.dir, addr)
	for _, m := range metrics() {
		fmt.Fprintf(&yaml, "  %s: {step: %ds, aggregation: avg}\n", m.Name, step)
	}
	config := filepath.Join(b.dir, "restart.yaml")
	if err := os.WriteFile(config, yaml.Bytes(), 0o600); err != nil {
		return err
	}
	cmd := exec.Command(b.bin, "serve", "--config", config) //nolint:noctx // it is ended below
	cmd.Stderr = io.Discard
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	began := time.Now()
	for _, until := range []struct {
		what string
		done func(body string) bool
	}{
		{"takes in", func(body string) bool { return strings.Contains(body, `"ready":true`) }},
		{"everything is back", func(body string) bool { return !strings.Contains(body, "samples_since") }},
	} {
		if err := wait(addr, until.done); err != nil {
			return err
		}
		cpu, peak := usage(cmd.Process.Pid)
		fmt.Printf("%-20s %8.2f s  %6.2f CPU-s  %6d MiB at most\n", until.what, time.Since(began).Seconds(), cpu, peak>>20)
	}
	return nil
}

func free() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is closed at once
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

func wait(addr string, done func(body string) bool) error {
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for range 60_000 {
		<-t.C
		res, err := http.Get("http://" + addr + "/readyz") //nolint:noctx // on this machine
		if err != nil {
			continue
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if done(string(body)) {
			return nil
		}
	}
	return errors.New("the server does not come")
}

// usage returns the processor seconds of a process, and its peak memory in bytes.
func usage(pid int) (cpu float64, peak int64) {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(rest)
	if len(f) > 12 {
		user, _ := strconv.ParseFloat(f[11], 64)
		system, _ := strconv.ParseFloat(f[12], 64)
		cpu = (user + system) / 100
	}
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ = strings.Cut(string(status), "VmHWM:")
	if f := strings.Fields(rest); len(f) > 0 {
		kb, _ := strconv.ParseInt(f[0], 10, 64)
		peak = kb << 10
	}
	return cpu, peak
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
