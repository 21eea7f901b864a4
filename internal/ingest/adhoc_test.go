package ingest_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"syscall"
	"testing"
	"time"

	"tallystick/internal/durable"
	"tallystick/internal/ingest"
	"tallystick/internal/ledger"
	"tallystick/internal/metric"
	"tallystick/internal/store"
	"tallystick/internal/wal"

	"github.com/prometheus/client_golang/prometheus"
)

type adSeries struct {
	key    []byte
	kind   int
	v      float64
	const_ string
}

func cpu() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func TestAdhoc(t *testing.T) {
	if os.Getenv("ADHOC") == "" {
		t.Skip()
	}
	steps, _ := strconv.Atoi(os.Getenv("ADHOC"))
	nodes := 1000
	r := rand.New(rand.NewPCG(1, 2))
	var defs []metric.Metric
	var all []adSeries
	for m := range 10 {
		defs = append(defs, metric.Metric{Name: fmt.Sprintf("node_metric_%d", m), Step: 10, Aggregation: metric.AggAvg})
	}
	for m := range 3 {
		defs = append(defs, metric.Metric{Name: fmt.Sprintf("thread_metric_%d", m), Step: 10, Aggregation: metric.AggAvg})
	}
	for n := range nodes {
		for m := range 10 {
			all = append(all, adSeries{key: fmt.Appendf(nil, "node_metric_%d,cluster=alex,hostname=node%04d,type=node value=", m, n), kind: m % 4, v: float64(r.IntN(1000000))})
		}
		for th := range 8 {
			for m := range 3 {
				all = append(all, adSeries{key: fmt.Appendf(nil, "thread_metric_%d,cluster=alex,hostname=node%04d,type=hwthread,type-id=%d value=", m, n, th), kind: m * 2, v: float64(r.IntN(1000))})
			}
		}
	}
	_ = all
	table, err := metric.NewTable(defs)
	if err != nil {
		t.Fatal(err)
	}
	st := store.New(table, store.Config{})
	now := time.Unix(1_700_000_000, 0)
	dir := t.TempDir()
	cfg := wal.Default()
	cfg.Dir = dir
	l := wal.New(cfg, durable.OS{}, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	in, err := ingest.New(ingest.Default(), ingest.Parts{Collector: silent, Ledger: ledger.New(ledger.Config{}), Store: st, Table: table, Now: func() time.Time { return now }, Metrics: prometheus.NewRegistry(), Log: l})
	if err != nil {
		t.Fatal(err)
	}
	body := make([]byte, 0, 4<<20)
	var used, best time.Duration
	best = 1e18
	samples := 0
	var bytesIn int
	if f := os.Getenv("ADHOC_PROF"); f != "" {
		w, _ := os.Create(f)
		defer w.Close()
		defer pprof.StopCPUProfile()
		runtime.SetCPUProfileRate(500)
		pprof.StartCPUProfile(w)
	}
	for s := range steps {
		now = now.Add(10 * time.Second)
		ts := []byte(fmt.Sprintf(" %d\n", now.Unix()))
		lines := 0
		stepCPU := time.Duration(0)
		send := func() {
			began := cpu()
			res := in.Lines(t.Context(), body, ingest.LineOptions{})
			stepCPU += cpu() - began
			if res.Rejected > 0 {
				t.Fatal(res.Errors[:1])
			}
			samples += res.Accepted
			bytesIn += len(body)
			body, lines = body[:0], 0
		}
		for i := range all {
			a := &all[i]
			body = append(body, a.key...)
			switch a.kind {
			case 0:
				a.v += float64(r.IntN(100_000))
				body = strconv.AppendFloat(body, a.v, 'f', -1, 64)
			case 1:
				a.v += float64(r.IntN(200)-100) / 100
				body = strconv.AppendFloat(body, a.v, 'f', 2, 64)
			case 2:
				body = append(body, "57.5"...)
			case 3:
				body = strconv.AppendFloat(body, float64(r.IntN(1000))/10, 'f', -1, 64)
			case 4:
				body = strconv.AppendFloat(body, float64(r.IntN(1e9))/float64(1+r.IntN(1e9)), 'g', -1, 64)
			}
			body = append(body, ts...)
			if lines++; lines == 8000 {
				send()
			}
		}
		send()
		if s > 0 {
			used += stepCPU
			best = min(best, stepCPU)
		}
	}
	n := float64(len(all))
	runtime.GC()
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	var disk int64
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		i, _ := f.Info()
		disk += i.Size()
	}
	fmt.Printf("%.0f ns/sample (best step %.0f), %d samples, %.1f B/line, heap %d MiB sys %d MiB, store %+v, log %.2f B/sample\n",
		float64(used.Nanoseconds())/(n*float64(steps-1)), float64(best.Nanoseconds())/n, samples, float64(bytesIn)/float64(samples), ms.HeapAlloc>>20, ms.Sys>>20, st.Stats(), float64(disk)/float64(samples))
	_ = bytes.MinRead
	runtime.KeepAlive(in)
}
