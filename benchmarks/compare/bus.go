package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	counters "github.com/prometheus/client_golang/prometheus"

	"tallystick/benchmarks/process"
	"tallystick/internal/bus/nats"
)

// A listener is a peer that also takes samples from a NATS JetStream: the bodies of requests,
// as messages, each acknowledged when it is kept.
type listener interface {
	// listen has the server take messages from the broker, the stream and subject below.
	listen(url string)
	// taken is how many messages are done with.
	taken(m told) int
}

const (
	busStream  = "COMPARE"
	busSubject = "compare.lines"
	busBytes   = 1 << 30 // a sender waits if so much has not been taken
	// busBatch is how many messages a sender has under way, of 0.7 MB each.
	busBatch = 8
	// busLook is how often the server is asked how far it is: seldom, since that is work too.
	busLook = 200 * time.Millisecond
)

// findBroker looks for a broker, also where a package puts it, which is not on everybody's path. It
// tells what there is not.
func (b *bench) findBroker() (without string) {
	for _, name := range []string{"nats-server", "/usr/sbin/nats-server"} {
		if path, err := exec.LookPath(name); err == nil {
			b.broker = path
			return ""
		}
	}
	return "NATS (nats-server not found)"
}

// overNATS sends large messages, and asks for everything.
func (t *trial) overNATS(ctx context.Context) error {
	if _, ok := t.peer.(listener); !ok || t.broker == "" {
		return nil
	}
	return t.steps(ctx, t.startBroker, t.start, t.empty, t.fillBus, t.allOfBus)
}

// startBroker starts a broker, as it comes, in a process of its own.
func (t *trial) startBroker(ctx context.Context) error {
	addr, err := process.FreeAddr(ctx)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	dir := filepath.Dir(t.log)
	cmd := exec.CommandContext(ctx, t.broker, "--jetstream", "--store_dir", filepath.Join(dir, "broker"), "--net", host, "--port", port)
	if t.brokerProc, err = process.Start(cmd, filepath.Join(dir, "broker.log")); err != nil {
		return err
	}
	t.brokerURL = "nats://" + addr
	if l, ok := t.peer.(listener); ok {
		l.listen(t.brokerURL)
	}
	return nil
}

// fillBus has everything go through the broker, and waits until the server has taken it.
func (t *trial) fillBus(ctx context.Context) error {
	before, began := t.proc.Usage().CPU, time.Now()
	profiled := t.profile(ctx, "bus")
	sent, err := t.publish(ctx)
	if err == nil {
		err = t.taken(ctx, sent)
	}
	if err = errors.Join(err, profiled()); err != nil {
		return fmt.Errorf("over NATS: %w", err)
	}
	t.put(ingestBus, perMillion(t.proc.Usage().CPU-before, t.w))
	t.say("%s: %d samples, %d a message, over NATS, in %v", t.name, t.w.Samples(), t.size, time.Since(began).Round(time.Second/10))
	return nil
}

// publish sends everything, by as many senders as there are, and returns how many messages that
// were.
func (t *trial) publish(ctx context.Context) (messages int, err error) {
	cfg := nats.Config{URLs: []string{t.brokerURL}}
	conn, err := nats.Connect(cfg, counters.NewRegistry(), slog.New(slog.DiscardHandler)) //nolint:contextcheck // it tries until it is closed
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	to, err := conn.Publisher("compare")
	if err != nil {
		return 0, err
	}
	sent, errs := make([]int, t.senders), make([]error, t.senders)
	var wg sync.WaitGroup
	for i := range t.senders {
		wg.Go(func() { sent[i], errs[i] = t.publishOf(ctx, to, i) })
	}
	wg.Wait()
	for _, n := range sent {
		messages += n
	}
	return messages, errors.Join(errs...)
}

// publishOf sends the samples of a sender.
func (t *trial) publishOf(ctx context.Context, to *nats.Publisher, sender int) (sent int, err error) {
	messages := make([]nats.Outgoing, 0, busBatch)
	for batch := range t.w.Batches(sender, t.senders, t.size) {
		n := len(messages)
		messages = messages[:n+1]
		m := &messages[n]
		m.Subject, m.ID = busSubject, fmt.Sprintf("%d-%d", sender, sent)
		m.Data = t.peer.encode(m.Data[:0], t.w, batch)
		if sent++; len(messages) < busBatch {
			continue
		}
		if err := t.publishAll(ctx, to, messages); err != nil {
			return sent, err
		}
		messages = messages[:0]
	}
	return sent, t.publishAll(ctx, to, messages)
}

// publishAll sends messages until they are in the stream, which the server is still making, or
// which may be full.
func (t *trial) publishAll(ctx context.Context, to *nats.Publisher, messages []nats.Outgoing) error {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	var refused error
	err := t.proc.Poll(ctx, func() bool {
		var n int
		n, refused = to.Publish(ctx, messages...)
		messages = messages[n:]
		return refused == nil
	})
	if err != nil {
		return errors.Join(refused, err)
	}
	return nil
}

// taken waits until the server is done with so many messages.
func (t *trial) taken(ctx context.Context, messages int) error {
	l, ok := t.peer.(listener)
	if !ok {
		return errors.New("the peer does not listen to a broker")
	}
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	tick := time.NewTicker(busLook)
	defer tick.Stop()
	for ; ; <-tick.C {
		if m, err := t.tells(ctx); err != nil || l.taken(m) >= messages {
			return err
		}
	}
}

// allOfBus asks for every sample.
func (t *trial) allOfBus(ctx context.Context) error {
	got, err := t.everything(ctx)
	if err != nil {
		return err
	}
	t.say("%s: over NATS: %v", t.name, &got)
	t.put(busBad, float64(got.bad()))
	return nil
}
