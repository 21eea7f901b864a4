// Command compare runs stores of samples one after the other, as processes of their own
// on this machine, sends the same samples to each, asks each the same questions, and
// tells what that cost whom.
//
//	go run ./benchmarks/compare -peers tallystick,victoria-metrics -rounds 3 >table.md
//
// Every answer is checked, value by value. Peers that are not on the machine are left
// out, and said to be. benchmarks/README.md says more.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"tallystick/benchmarks/workload"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// A bench is what is measured, and how.
type bench struct {
	args  []string
	load  workload.Config
	small int // slots of the part with small requests

	// Of the part with many series: nodes, their hardware threads, and how many samples follow the first.
	manyNodes, manyParts, manySlots int

	peers    string // as on the command line
	rounds   int
	only     []string
	senders  int
	size     int           // samples of a request
	settle   time.Duration // how long is waited at most until a server is idle
	asking   time.Duration // how long questions of one kind are asked at most
	dir      string        // of what the servers keep
	profiles string        // where profiles go; empty: nowhere
	broker   string        // the binary of a NATS broker; empty: there is none

	without []string // peers that are not compared, and why

	progress io.Writer
}

// run compares, and writes the tables.
func run(ctx context.Context, args []string, out, progress io.Writer) error {
	b := &bench{args: args, progress: progress}
	if err := b.parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	found, err := b.find(ctx)
	if err != nil {
		return err
	}
	w, err := recent(b.load)
	if err != nil {
		return err
	}
	t := newTable(b, w, found)
	for round := range b.rounds {
		for i := range found {
			if err := b.measure(ctx, round, &found[i], t); err != nil {
				return fmt.Errorf("%s: %w", found[i].name, err)
			}
		}
	}
	return t.print(out)
}

func (b *bench) parse(args []string) error {
	f := flag.NewFlagSet("compare", flag.ContinueOnError)
	f.SetOutput(b.progress)
	f.StringVar(&b.load.Shape, "shape", "telemetry", "what is sent: "+strings.Join(workload.Shapes(), ", "))
	f.IntVar(&b.load.Nodes, "nodes", 1000, "nodes; telemetry has 34 series for each")
	f.IntVar(&b.load.Parts, "parts", 0, "hardware threads, clients or jobs of each node; 0: as many as the shape has")
	f.IntVar(&b.load.Slots, "slots", 360, "samples of each series")
	f.Uint64Var(&b.load.Seed, "seed", 1, "another `number` makes other samples")
	f.IntVar(&b.small, "small", 120, "samples of each series in the part with small requests, and kill -9")
	f.IntVar(&b.senders, "senders", 2, "connections that are written to at once")
	f.IntVar(&b.size, "size", 8000, "samples in a request; a small one has those of a node")
	f.IntVar(&b.rounds, "rounds", 1, "how often each is measured, in turn; the medians are told")
	f.DurationVar(&b.settle, "settle", time.Minute, "how long is waited at most until a server has settled")
	f.DurationVar(&b.asking, "asking", 5*time.Second, "how long each kind of question is asked")
	f.StringVar(&b.dir, "dir", "", "where data go meanwhile; empty: the folder for temporary files")
	f.StringVar(&b.profiles, "profile", "", "a `folder` to which profiles of peers go that have /debug/pprof, which is not for comparing")
	f.StringVar(&b.peers, "peers", "tallystick,victoria-metrics,prometheus,influxdb",
		"who is compared, each NAME or NAME=PATH of the binary; cc-metric-store needs a path; two of one name are two binaries")
	f.IntVar(&b.manyNodes, "many-nodes", 7874, "nodes in the part with many series")
	f.IntVar(&b.manyParts, "many-parts", 39, "hardware threads, clients or jobs of each of these")
	f.IntVar(&b.manySlots, "many-slots", 40, "samples of each series in that part, after the first")
	f.Func("only", "which `parts` are measured: "+strings.Join(b.partNames(), ",")+" (default large,small,nats)", b.setOnly)
	if err := f.Parse(args); err != nil {
		return err
	}
	if len(b.only) == 0 {
		b.only = []string{"large", "small", "nats"}
	}
	if b.small < 1 || b.senders < 1 || b.size < 1 || b.rounds < 1 {
		return errors.New("small, senders, size and rounds must be 1 at least")
	}
	return nil
}

// partNames are those of all parts.
func (b *bench) partNames() (names []string) {
	for _, p := range b.parts() {
		names = append(names, p.name)
	}
	return names
}

func (b *bench) setOnly(text string) error {
	b.only = strings.Split(text, ",")
	for _, name := range b.only {
		if !slices.Contains(b.partNames(), name) {
			return fmt.Errorf("part %q is none of %s", name, strings.Join(b.partNames(), ", "))
		}
	}
	return nil
}

// recent returns a workload that has ended a minute ago, so that no store takes its times for those of
// another age.
func recent(c workload.Config) (*workload.Workload, error) {
	w, err := workload.New(c) // for the step
	if err != nil {
		return nil, err
	}
	end := time.Now().Unix() - 60
	c.Begin = end - end%w.Step() - int64(c.Slots)*w.Step()
	return workload.New(c)
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.progress, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
}
