package ingest

import (
	"context"
	"errors"

	"tallystick/internal/collect"
	"tallystick/internal/ledger"
	"tallystick/internal/selector"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// Packets takes datagrams, in order. Their data may be reused afterwards. A
// datagram that is understood and not used for anything is accepted.
func (i *Ingest) Packets(_ context.Context, ps []collect.Packet) Result {
	i.gate.RLock()
	defer i.gate.RUnlock()
	var r Result
	for n, p := range ps {
		if err := i.packet(p); err != nil {
			reason := packetReason(err)
			i.counts.reject(kindPacket, reason)
			r.reject(Reject{Index: n, Reason: reason, Text: err.Error()})
			continue
		}
		r.Accepted++
	}
	i.counts.accept(kindPacket, r.Accepted)
	return r
}

// packet holds the lock for one packet only, so that a large batch does not keep
// other senders waiting.
func (i *Ingest) packet(p collect.Packet) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.collector.Packet(i.now(), p)
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
	o.i.sample(clientPath(s.Site, s.Server, s.Client), s.Metric, s.Time, s.Value)
}

// Server puts s into the directory, gives its name to the transfers that were
// told before it was known, and samples the claims that waited for it.
func (o output) Server(s collect.Server) {
	o.i.rename(s)
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

// rename gives transfers of s that were told under a placeholder its name. Their
// samples stay where they are: the tree has no way to move what others have
// added to.
func (i *Ingest) rename(s collect.Server) {
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
	now := i.now()
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
	case errors.Is(err, store.ErrMetric):
		return ReasonMetric
	case errors.Is(err, store.ErrTime):
		return ReasonTime
	case errors.Is(err, store.ErrNotFinite):
		return ReasonNumber
	}
	return ReasonName
}
