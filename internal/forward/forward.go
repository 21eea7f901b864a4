package forward

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/bus"
	"tallystick/internal/bus/amqp"
	"tallystick/internal/bus/nats"
	"tallystick/internal/bus/stomp"
	"tallystick/internal/durable"
	"tallystick/internal/ledger"
	"tallystick/internal/transfer"
)

// Parts are what outputs need.
type Parts struct {
	Ledger  Ledger
	FS      durable.FS
	Dir     string                            // of the files that say how far each output is; made if it is not there
	NATS    func(output string) (NATS, error) // nil: there is no broker
	AMQP    AMQP                              // nil: there is no broker
	Metrics prometheus.Registerer
	Log     *slog.Logger
}

// A NATS puts messages into streams: nats.Publisher.
type NATS interface {
	// Publish returns how many of the first messages are in their streams: all, or there
	// is an error.
	Publish(ctx context.Context, ms ...nats.Outgoing) (done int, err error)
}

// An AMQP publishes to exchanges: amqp.Conn.
type AMQP interface {
	// Send publishes a message behind those before it, and does not wait for the
	// confirmation.
	Send(ctx context.Context, p amqp.Publication) (*bus.Receipt, error)
}

// A STOMP publishes to destinations: stomp.Publisher.
type STOMP interface {
	// Send is that of AMQP.
	Send(ctx context.Context, p stomp.Publication) (*bus.Receipt, error)
}

// Outputs are all outputs, by name.
type Outputs []*Worker

// New returns the outputs that are configured. Each is Begun and then Run.
func New(cfg Config, p Parts) (Outputs, error) {
	var out Outputs
	for _, name := range slices.Sorted(maps.Keys(cfg.Outputs)) {
		w, err := newWorker(name, cfg, p)
		if err != nil {
			return nil, fmt.Errorf("records output %s: %w", name, err)
		}
		out = append(out, w)
	}
	return out, nil
}

func newWorker(name string, cfg Config, p Parts) (w *Worker, err error) {
	o := cfg.Outputs[name]
	w = &Worker{
		name: name, cfg: o, all: cfg, ledger: p.Ledger, places: places{p.FS, p.Dir},
		log: p.Log.With("output", name, "to", o.where()),
	}
	if w.sender, err = newSender(name, o, p); err != nil {
		return nil, err
	}
	if w.counts, err = newCounts(p.Metrics, w); err != nil {
		return nil, fmt.Errorf("register counters: %w", err)
	}
	return w, nil
}

//nolint:ireturn // which Sender it is the configuration says
func newSender(name string, o Output, p Parts) (Sender, error) {
	switch {
	case o.File.Path != "":
		return &writer{cfg: o.File, fsys: p.FS}, nil
	case o.HTTP.URL != "":
		return ToHTTP(o.HTTP)
	case o.NATS.Subject != "" && p.NATS != nil:
		to, err := p.NATS(name)
		return ToNATS(o.NATS.Subject, to), err
	case o.AMQP.Exchange != "" && p.AMQP != nil:
		return ToAMQP(o.AMQP, p.AMQP), nil
	}
	return nil, errors.New("there is no broker to publish to")
}

// Begin has all outputs find their places: see Worker.Begin.
func (o Outputs) Begin(sure int64) error {
	var errs []error
	for _, w := range o {
		errs = append(errs, w.Begin(sure))
	}
	return errors.Join(errs...)
}

// Gone is told of each transfer that the ledger had to let go, and counts those that
// were still to be sent.
func (o Outputs) Gone(t *transfer.Transfer) {
	for _, w := range o {
		if !w.cfg.Of.events() {
			w.gone(ledger.PlaceOf(t), w.leaves(t))
		}
	}
}

// EventGone does so of each event.
func (o Outputs) EventGone(e *transfer.Event) {
	for _, w := range o {
		if string(w.cfg.Of) == e.Provider {
			w.gone(ledger.PlaceOfEvent(e), w.leavesEvent(e))
		}
	}
}
