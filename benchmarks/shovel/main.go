// Command shovel measures `tallystick shovel` as a process of its own, on this machine.
//
//	go run ./benchmarks/shovel -bin bin/tallystick
//
// It sends datagrams to it over UDP on loopback, and is the receiver, by HTTP, of what comes
// out of it. Each datagram has a number, so that a loss, and anything out of order, is seen.
// The phases:
//
//	idle     nothing is sent
//	steady   -rate datagrams a second for -for, and the receiver takes them
//	outage   -outage datagrams at -outage-rate, and the receiver answers 503
//	drain    the receiver takes them again, while -rate goes on
//
// It fails if a datagram did not arrive.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "shovel:", err)
		os.Exit(1)
	}
}

// A bench is what is measured.
type bench struct {
	bin        string
	core       int // of the shovel
	idle       time.Duration
	rate       int // datagrams a second
	steady     time.Duration
	outage     int // datagrams
	outageRate int // a second
	size       int // bytes of a datagram

	dir      string
	receiver *receiver
	sender   *sender
	shovel   *shovel
}

func run(ctx context.Context) (err error) {
	var b bench
	flag.StringVar(&b.bin, "bin", "bin/tallystick", "the binary, tallystick or tallystick-shovel")
	flag.IntVar(&b.core, "core", -1, "number of the core that the shovel is bound to, by taskset; -1: none")
	flag.DurationVar(&b.idle, "idle", 10*time.Second, "how long nothing is sent")
	flag.IntVar(&b.rate, "rate", 30_000, "datagrams a second")
	flag.DurationVar(&b.steady, "for", 20*time.Second, "how long")
	flag.IntVar(&b.outage, "outage", 5_000_000, "datagrams that are sent while the receiver is away")
	flag.IntVar(&b.outageRate, "outage-rate", 30_000, "how many of them a second")
	flag.IntVar(&b.size, "size", 600, "bytes of a datagram")
	flag.Parse()
	if b.size < minSize || b.size > 60_000 {
		return fmt.Errorf("-size %d is not from %d to 60000", b.size, minSize)
	}
	if b.dir, err = os.MkdirTemp("", "shovel-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := b.start(ctx); err != nil {
		return err
	}
	defer b.shovel.Kill()
	defer b.receiver.close()
	defer b.sender.close()
	for _, phase := range []func(context.Context) error{b.beIdle, b.beSteady, b.beAway, b.drain, b.stop} {
		if err := phase(ctx); err != nil {
			return err
		}
	}
	return nil
}

// start starts all three.
func (b *bench) start(ctx context.Context) (err error) {
	if b.receiver, err = newReceiver(ctx); err != nil {
		return err
	}
	if b.shovel, err = startShovel(ctx, b.bin, b.core, b.dir, b.receiver.url()); err != nil {
		return err
	}
	b.sender, err = newSender(ctx, b.shovel.udp, b.size)
	return err
}
