package ingest

import (
	"context"
	"errors"
	"time"

	"tallystick/internal/collect"
	"tallystick/internal/ledger"
	"tallystick/internal/metric"
	"tallystick/internal/reconcile"
	"tallystick/internal/selector"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// Packets takes datagrams, in order. Their data may be reused afterwards. A
// datagram that is understood and not used for anything is accepted.
func (i *Ingest) Packets(_ context.Context, ps []collect.Packet) Result {
	if len(ps) == 0 {
		return Result{}
	}
	b, ok := i.packetBatches.Get().(*packetBatch)
	if !ok {
		b = &packetBatch{in: i, record: packetEncoder{senders: make(map[string]uint64)}}
	}
	b.packets, b.result = ps, Result{}
	b.record.encode(ps)
	if err := i.log.Commit(b); err != nil {
		reason, text := logReason(err)
		for n := range ps {
			b.reject(n, reason, text)
		}
	}
	r := b.result
	i.counts.accept(kindPacket, r.Accepted)
	b.packets, b.result = nil, Result{}
	i.packetBatches.Put(b)
	return r
}

// A packetBatch is an entry of the log.
type packetBatch struct {
	in      *Ingest
	packets []collect.Packet
	record  packetEncoder
	result  Result
}

// Record implements wal.Entry.
func (b *packetBatch) Record() []byte { return b.record.buf }

// Apply implements wal.Entry.
func (b *packetBatch) Apply(at time.Time) []byte {
	b.in.begin(at)
	for n, p := range b.packets {
		if err := b.in.packet(at, p); err != nil {
			b.reject(n, packetReason(err), err.Error())
			continue
		}
		b.result.Accepted++
	}
	return nil
}

func (b *packetBatch) reject(n int, reason, text string) {
	b.in.counts.reject(kindPacket, reason)
	b.result.reject(Reject{Index: n, Reason: reason, Text: text})
}

// packet holds the lock for one packet only, so that a large batch does not keep
// those waiting who ask for numbers.
func (i *Ingest) packet(at time.Time, p collect.Packet) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.collector.Packet(at, p)
}

func packetReason(err error) string {
	var bad *xrootd.Error
	switch {
	case errors.As(err, &bad):
		return label(bad.Reason)
	case errors.Is(err, collect.ErrFull):
		return ReasonFull
	}
	return ReasonDecode
}

// An output takes what the collector tells. The collector is called under
// Ingest.mu, and so is the output; while the collector gets its state back there
// are no batches yet.
type output struct{ i *Ingest }

// Transfer puts t into the ledger.
func (o output) Transfer(t *transfer.Transfer) { o.i.ledger.PutTransfer(t) }

// Sample puts s into the store.
func (o output) Sample(s collect.Sample) {
	at := clientPath(s.Site, s.Server, s.Client)
	switch s.At {
	case collect.AtServer:
		at.Component = selector.Part{}
	case collect.AtTarget:
		at.Component.Type = componentTarget
	}
	o.i.sample(at, s.Metric, s.Time, s.Value)
}

// Server puts s into the directory, gives its name to the transfers that were
// told before it was known, and samples the claims that waited for it. A collector
// that gets its state back tells of all its servers in another order than they came
// in: the directory has them by then, with the names that each has.
func (o output) Server(s collect.Server) {
	o.i.rename(s)
	if o.i.restoring && o.i.servers.knows(s) {
		return
	}
	names, err := o.i.servers.put(s)
	if err != nil {
		o.i.counts.reject(kindServer, ReasonFull)
	}
	for _, name := range names {
		for _, c := range o.i.waiting.take(name) {
			o.i.place(c)
		}
	}
}

// Loss puts l into the ledger.
func (o output) Loss(l transfer.Loss) { o.i.ledger.PutLoss(l) }

// Event puts e into the ledger.
func (o output) Event(e transfer.Event) { o.i.ledger.PutEvent(e) }

// Balance puts b into the ledger, and its ratios into the store where enough moved to
// have one.
func (o output) Balance(b transfer.Balance) {
	o.i.ledger.PutBalance(b)
	r := o.i.cfg.Reconcile.Check(b)
	at := clientPath(b.Site, b.Server, "")
	at.Component = selector.Part{}
	for name, s := range map[string]reconcile.Side{metric.XrdReadRatio: r.Read, metric.XrdWriteRatio: r.Write} {
		if max(s.Link, s.Told) > o.i.cfg.Reconcile.Min+b.Around {
			o.i.sample(at, name, b.Between[1], s.Ratio)
		}
	}
}

// Life puts l into the ledger.
func (o output) Life(l transfer.Life) { o.i.ledger.PutLife(l) }

// rename gives transfers of s that were told under a placeholder its name. Their
// samples stay where they are: the tree has no way to move what others have
// added to.
func (i *Ingest) rename(s collect.Server) {
	i.ledger.Rename(s.SID, s.Name, s.Address)
	for _, was := range s.Names {
		if was == s.Name || !s.Placeholder(was) {
			continue
		}
		for _, t := range i.ledger.Transfers(ledger.Filter{Server: was}) {
			named := *t // what is in the ledger does not change
			named.Site, named.Server, named.Address, named.Version = s.Site, s.Name, s.Address, s.Version
			i.ledger.PutTransfer(&named)
		}
	}
}

// sample writes one sample of a packet or claim. There is nobody to answer: what
// is refused is counted.
func (i *Ingest) sample(at selector.Path, name string, t int64, v float64) {
	id, ok := i.table.Lookup(name)
	if !ok {
		i.counts.refuse(ReasonMetric)
		return
	}
	now := i.at
	if reason, _ := i.window(now).check(t); reason != "" {
		i.counts.refuse(reason)
		return
	}
	if i.tooOld(now.Unix(), at.Cluster, id, t) != "" {
		i.counts.refuse(ReasonOld)
		return
	}
	if _, err := i.store.Write(at, store.Point{Metric: id, Time: t, Value: v}); err != nil {
		i.counts.refuse(storeReason(err))
	}
}

// storeReason returns the reason for an error of the store.
func storeReason(err error) string {
	switch {
	case errors.Is(err, store.ErrFull):
		return ReasonFull
	case errors.Is(err, store.ErrRelieved):
		return ReasonOld
	case errors.Is(err, store.ErrMetric):
		return ReasonMetric
	case errors.Is(err, store.ErrTime):
		return ReasonTime
	case errors.Is(err, store.ErrNotFinite):
		return ReasonNumber
	}
	return ReasonName
}
