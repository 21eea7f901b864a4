// Command secure measures what TLS costs a server that takes lines.
//
//	go run ./benchmarks/secure -bin bin/tallystick -rounds 5
//
// In each round two servers of the same binary, one with TLS and one without, take the same
// batches in turn, each over one connection and with a token, which cannot be switched off: what
// the token costs is in `go test -bench Authenticate ./internal/auth`. Processor time is that of
// the server alone.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "secure:", err)
		os.Exit(1)
	}
}

// A bench is what is measured.
type bench struct {
	bin                  string
	rounds, nodes, slots int
	batch                int // lines
}

func run(ctx context.Context) error {
	b := bench{}
	flag.StringVar(&b.bin, "bin", "bin/tallystick", "the binary")
	flag.IntVar(&b.rounds, "rounds", 5, "rounds")
	flag.IntVar(&b.nodes, "nodes", 100, "nodes whose telemetry is sent")
	flag.IntVar(&b.slots, "slots", 60, "samples of each series")
	flag.IntVar(&b.batch, "batch", 5000, "lines of a request")
	flag.Parse()
	var ratios []float64
	for round := range b.rounds {
		plain, secure, lines, err := b.round(ctx)
		if err != nil {
			return fmt.Errorf("round %d: %w", round+1, err)
		}
		ratio := secure.Seconds() / plain.Seconds()
		ratios = append(ratios, ratio)
		fmt.Printf("round %d: %d lines: %.2f s without TLS, %.2f s with it, ratio %.3f\n",
			round+1, lines, plain.Seconds(), secure.Seconds(), ratio)
	}
	slices.Sort(ratios)
	fmt.Printf("ratio, median of %d: %.3f (%.3f to %.3f)\n", len(ratios), ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1])
	return nil
}

// round starts both servers, has them take everything, batch by batch in turn, and returns their
// processor times.
func (b bench) round(ctx context.Context) (plain, secure time.Duration, lines int, err error) {
	w, bodies, err := b.bodies()
	if err != nil {
		return 0, 0, 0, err
	}
	var servers []*server
	defer func() {
		for _, s := range servers {
			s.end()
		}
	}()
	for _, tls := range []bool{false, true} {
		s, err := start(ctx, b.bin, w, tls)
		if s != nil {
			servers = append(servers, s)
		}
		if err != nil {
			return 0, 0, 0, err
		}
	}
	for i, body := range bodies {
		for j := range servers { // who is first takes turns
			if err := servers[(i+j)%len(servers)].take(ctx, body); err != nil {
				return 0, 0, 0, err
			}
		}
	}
	return servers[0].used(), servers[1].used(), w.Samples(), nil
}
