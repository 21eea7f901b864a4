package ingest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/collect"
	"tallystick/internal/ledger"
	"tallystick/internal/metric"
	"tallystick/internal/reconcile"
	"tallystick/internal/selector"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
)

// Config is what an operator may choose.
type Config struct {
	// Future is how far ahead of the clock a sample may be; 0 is not at all.
	Future time.Duration `koanf:"future"`
	// Retention is how old a sample may be; 0 is as old as it likes. The wiring
	// sets it from what the store keeps.
	Retention time.Duration `koanf:"-"`
	// Keep is, of samples older than Sure, the same for one metric of one cluster;
	// nil is Retention for all. What is taken must not be too old to be kept.
	Keep func(cluster, metric string) time.Duration `koanf:"-"`
	Sure time.Duration                              `koanf:"-"`
	// ClaimRetention is the same for claims, from what the ledger keeps.
	ClaimRetention time.Duration `koanf:"-"`
	// Cluster is the cluster of lines that name none; empty: such lines are refused.
	Cluster string `koanf:"cluster"`
	// Waiting is how many claims may wait for their server to become known: each
	// costs some 100 bytes besides what the ledger has of it. The one that has
	// waited longest gives way, and its samples go to the cluster UNKNOWN.
	Waiting int `koanf:"waiting"`
	// Fields is which fields of a line are samples, where the request does not say.
	Fields Fields `koanf:"fields"`
	// Learn is what a metric is that is in no table, once a line has it.
	Learn Learn `koanf:"learn"`
	// KeyCache is how many bytes are spent on knowing the keys of lines (metric and
	// tags) again: some 240 for each level, and 80 for each of its metrics. Lines of
	// others cost more to decode.
	KeyCache int64 `koanf:"key_cache"`
	// Reconcile is from when on the ratio of a balance is told; the wiring sets it.
	Reconcile reconcile.Config `koanf:"-"`
}

// Fields says which fields of a line are samples.
type Fields string

// The kinds of Fields.
const (
	ValueField Fields = "value" // one called value; a line with any other is refused
	AllFields  Fields = "all"   // each: its metric is measurement_field, or measurement if it is called value
)

// UnmarshalText reads the name of a kind.
func (f *Fields) UnmarshalText(text []byte) error {
	if kinds := []Fields{ValueField, AllFields}; !slices.Contains(kinds, Fields(text)) {
		return fmt.Errorf("%q is none of %v", text, kinds)
	}
	*f = Fields(text)
	return nil
}

// Learn is what becomes of lines whose metric is not configured.
type Learn struct {
	// Step is that of metrics that are learned; 0: none is, their lines are refused.
	Step        time.Duration      `koanf:"step"`
	Fold        metric.Fold        `koanf:"fold"`
	Aggregation metric.Aggregation `koanf:"aggregation"`
	// Max is how many are learned at most. Names are the senders' choice, and each is
	// kept for ever.
	Max int `koanf:"max"`
}

// Metrics returns what a table learns.
func (l Learn) Metrics() metric.Learn {
	return metric.Learn{Step: int64(l.Step / time.Second), Fold: l.Fold, Aggregation: l.Aggregation, Max: l.Max}
}

// Default returns the configuration that an operator gets who chooses nothing.
func Default() Config {
	return Config{
		Future: 5 * time.Minute, Waiting: 100_000, Fields: ValueField,
		Learn: Learn{Aggregation: metric.AggAvg, Max: 10_000}, KeyCache: 256 << 20,
		Reconcile: reconcile.Default(),
	}
}

// A Collector makes transfers and samples of packets: collect.Collector.
type Collector interface {
	Packet(now time.Time, p collect.Packet) error
	Advance(now time.Time)
	Stats() collect.Stats
}

// A Ledger keeps what is told: ledger.Ledger.
type Ledger interface {
	Accesses
	Servers
	Witnesses
	Turns
}

// Accesses keep transfers and claims.
type Accesses interface {
	PutTransfer(t *transfer.Transfer)
	PutClaim(c *transfer.Claim) (added bool, err error)
	Claim(run, id string) *transfer.Claim
	Transfers(f ledger.Filter) []*transfer.Transfer
}

// Turns number what the ledger is told: ledger.Ledger.
type Turns interface {
	Settle()
	Settled() int64
	Resume(last int64)
}

// Witnesses keep what caches, copies and daemons tell of files, and what summaries
// count.
type Witnesses interface {
	PutEvent(e transfer.Event)
	FillEvent(e transfer.Event)
	Events(server, path string, from, to int64) []transfer.Event
	PutBalance(b transfer.Balance)
	Balances(server string, from, to int64) []transfer.Balance
}

// Servers keep what was seen of servers, and what was lost of it on the way.
type Servers interface {
	PutLoss(l transfer.Loss)
	Losses(server string, from, to int64) []transfer.Loss
	PutLife(l transfer.Life)
	Lives(server string, from, to int64) []transfer.Life
	Rename(sid uint64, name, address string)
}

// A Store keeps samples: store.Store.
type Store interface {
	Write(at selector.Path, pts ...store.Point) (n int, err error)
	WriteAll(samples []store.Sample) (n int, err error)
	FreeBefore(at selector.Path, before int64) (blocks int)
}

// Parts are what an Ingest is made of.
type Parts struct {
	Collector func(collect.Output) Collector // makes one that tells what it finds to its argument
	Ledger    Ledger
	Store     Store
	Table     *metric.Table
	Now       func() time.Time
	Metrics   prometheus.Registerer
	Log       Log                                  // nil: nothing is kept
	Freed     func(at selector.Path, before int64) // is told before something is freed on demand; may be nil
}

// An Ingest is the one way in to collector, ledger and store. Its methods may be
// called at the same time.
type Ingest struct {
	cfg    Config
	ledger Ledger
	store  Store
	table  *metric.Table
	now    func() time.Time
	counts *counters

	keys    *keys
	batches sync.Pool // of *batch

	packetBatches sync.Pool // of *packetBatch

	log   Log
	freed func(at selector.Path, before int64)

	// Of whoever has the log's turn: what applies records, and what runs in Pause.
	at        time.Time // of what is being applied
	second    int64     // up to which the collector has completed what waits
	messages  taken
	restoring bool // the state is coming back, and nothing has been applied since

	mu        sync.Mutex
	collector Collector
	servers   directory
	waiting   waiting
}

// New returns an Ingest. The error is that of registering its counters.
func New(cfg Config, p Parts) (*Ingest, error) {
	i := &Ingest{
		cfg: cfg, ledger: p.Ledger, store: p.Store, table: p.Table, now: p.Now,
		servers: newDirectory(), waiting: newWaiting(), keys: newKeys(cfg.KeyCache),
		log: p.Log, freed: p.Freed,
	}
	if i.log == nil {
		i.log = &unlogged{now: p.Now}
	}
	var err error
	if i.counts, err = newCounters(p.Metrics, i); err != nil {
		return nil, fmt.Errorf("register counters: %w", err)
	}
	i.collector = p.Collector(output{i})
	if err := p.Metrics.Register(&collectorStats{of: i.collectorStats}); err != nil {
		return nil, fmt.Errorf("register counters: %w", err)
	}
	return i, nil
}

// Pause runs f while nothing is being applied, so that collector, ledger, store and
// directory tell the same story. Whoever wants to write waits meanwhile: f should copy
// what it wants and do the slow work afterwards. f must not call Packets, Claims, Lines,
// Free or Step.
func (i *Ingest) Pause(f func()) { i.log.Turn(func(time.Time) { f() }) }

// Run lets the collector complete what has waited long enough, every second,
// until ctx ends. It forces nothing then: what still waits is in the collector's
// state.
func (i *Ingest) Run(ctx context.Context) error {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			i.Step()
		case <-ctx.Done():
			return nil
		}
	}
}

// Step does what Run does every second.
func (i *Ingest) Step() { i.log.Turn(i.begin) }

func (i *Ingest) collectorStats() collect.Stats {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.collector.Stats()
}
