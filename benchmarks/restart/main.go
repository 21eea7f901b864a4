// Command restart measures how long a server takes to come back.
//
//	go run ./benchmarks/restart -bin bin/tallystick -series 100000 -samples 1000
//
// It fills a data folder with telemetry of so many series, as a server would that saved
// every so often, starts the binary on it, and tells time, processor time and memory
// until it takes in, and until everything is back; then it asks whether it is.
//
//	-transfers 1000000 -claims 1000000     are in the folder too, and come back first
//	-logged 100                            the last samples of each series are in the log
//	                                       only: the binary took them by HTTP, and was killed
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"tallystick/internal/metric"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "restart:", err)
		os.Exit(1)
	}
}

// A bench is what is measured.
type bench struct {
	bin               string
	series, samples   int
	logged            int // samples of each series behind those
	transfers, claims int
	saves             int
	dir               string
	begin             int64 // of the samples, Unix seconds
}

const step = 10 // seconds

func run(ctx context.Context) error {
	b := bench{}
	flag.StringVar(&b.bin, "bin", "bin/tallystick", "the binary")
	flag.IntVar(&b.series, "series", 100_000, "series, 100 of each node")
	flag.IntVar(&b.samples, "samples", 1000, "samples of each series, one every 10 s")
	flag.IntVar(&b.logged, "logged", 0, "more samples of each, that are in the log when the server is killed")
	flag.IntVar(&b.transfers, "transfers", 0, "transfers")
	flag.IntVar(&b.claims, "claims", 0, "claims")
	flag.IntVar(&b.saves, "saves", 12, "checkpoints that are saved meanwhile")
	flag.Parse()
	var err error
	if b.dir, err = os.MkdirTemp("", "restart-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	b.begin = time.Now().Unix() - int64(b.samples+b.logged)*step
	b.begin -= b.begin % step
	if err := b.fill(ctx); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	if b.logged > 0 {
		if err := b.log(ctx); err != nil {
			return fmt.Errorf("log: %w", err)
		}
	}
	return b.restart(ctx)
}

// metrics are those of the filled folder.
func metrics() (list []metric.Metric) {
	for i := range 10 {
		list = append(list, metric.Metric{Name: "metric" + strconv.Itoa(i), Step: step, Aggregation: metric.AggAvg})
	}
	return list
}
