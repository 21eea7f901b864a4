// Command load fills a store as a cluster's collectors would, and measures it.
//
//	go run ./benchmarks/load -nodes 31500 -threads 39 -steps 4
//
// It runs in one process, without HTTP: the store, the query engine, retention and
// checkpoints are the real ones. First it only writes, and tells CPU time and
// memory; then it goes on writing while queries over all nodes, retention,
// checkpoints and a slow reader of what debug tells run, and tells how long a sample and a query wait, and for which
// locks. What it writes depends on its flags alone.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// A shape says how much there is of everything.
type shape struct {
	nodes, threads int
	steps          int // samples of each series, in each phase
	writers        int
	maxBytes       int64
	dir            string // of checkpoints
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var s shape
	f := flag.NewFlagSet("load", flag.ContinueOnError)
	f.IntVar(&s.nodes, "nodes", 1000, "`number` of nodes")
	f.IntVar(&s.threads, "threads", 8, "hardware threads of a node, with 3 metrics each; the node has 10")
	f.IntVar(&s.steps, "steps", 60, "samples of each series in each phase")
	f.IntVar(&s.writers, "writers", 2, "writers at once, each with its nodes")
	f.Int64Var(&s.maxBytes, "max-bytes", 0, "cap of the store; 0 is none")
	f.StringVar(&s.dir, "dir", "", "where checkpoints go; empty: a folder that is removed in the end")
	if err := f.Parse(args); err != nil {
		return err
	}
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "load")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		s.dir = dir
	}
	return measure(ctx, s, out)
}
