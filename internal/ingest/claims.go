package ingest

import (
	"cmp"
	"context"
	"errors"
	"math"
	"time"

	"tallystick/internal/ledger"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/transfer"
)

// Claims takes claims. They belong to the ledger then. A claim that is there
// already is accepted, and changes nothing.
//
// What is taken becomes samples beside those of the server that the claim names:
// an open when it was asked for, and when the close was answered a close, the
// operations, and the bytes that the client received, if it can tell; without a
// close these are counted at the open.
func (i *Ingest) Claims(_ context.Context, cs []*transfer.Claim) Result {
	b := claimBatch{in: i}
	for n, c := range cs {
		if reason, err := i.checkClaim(c); err != nil {
			b.reject(n, reason, err.Error())
			continue
		}
		b.claims, b.indexes = append(b.claims, c), append(b.indexes, n)
	}
	b.commit()
	b.result.merge(b.refused)
	i.counts.accept(kindClaim, b.result.Accepted)
	return b.result
}

// A claimBatch is an entry of the log.
type claimBatch struct {
	in      *Ingest
	claims  []*transfer.Claim
	indexes []int // of claims
	record  []byte
	result  Result
	refused []Reject
}

func (b *claimBatch) commit() {
	if len(b.claims) == 0 {
		return
	}
	var err error
	if b.record, err = appendClaims(nil, b.claims); err == nil {
		err = b.in.log.Commit(b)
	}
	if err != nil {
		reason, text := logReason(err)
		for _, n := range b.indexes {
			b.refuse(n, reason, text)
		}
	}
}

// Record implements wal.Entry.
func (b *claimBatch) Record() []byte { return b.record }

// Apply implements wal.Entry.
func (b *claimBatch) Apply(at time.Time) []byte {
	b.in.begin(at)
	for n, c := range b.claims {
		if reason, err := b.in.putClaim(c); err != nil {
			b.refuse(b.indexes[n], reason, err.Error())
			continue
		}
		b.result.Accepted++
	}
	return nil
}

func (b *claimBatch) reject(n int, reason, text string) {
	b.in.counts.reject(kindClaim, reason)
	b.result.reject(Reject{Index: n, Reason: reason, Text: text})
}

// refuse refuses a claim that was in order.
func (b *claimBatch) refuse(n int, reason, text string) {
	b.in.counts.reject(kindClaim, reason)
	b.result.count(reason)
	b.refused = append(b.refused, Reject{Index: n, Reason: reason, Text: text})
}

var errNoClaim = errors.New("claim is null")

// checkClaim returns what is wrong with c, whatever else there is.
func (i *Ingest) checkClaim(c *transfer.Claim) (reason string, err error) {
	if c == nil {
		return ReasonInvalid, errNoClaim
	}
	if err := c.Check(); err != nil {
		return ReasonInvalid, err
	}
	if reason, text := i.windowOf(i.now(), i.cfg.ClaimRetention).check(int64(max(c.Opened, c.Closed))); reason != "" {
		return reason, errors.New(text)
	}
	return "", nil
}

// putClaim puts c where it belongs.
func (i *Ingest) putClaim(c *transfer.Claim) (reason string, err error) {
	added, err := i.ledger.PutClaim(c)
	switch {
	case errors.Is(err, ledger.ErrConflict):
		return ReasonConflict, err
	case err != nil:
		return ReasonOther, err
	case !added:
		i.counts.duplicates.Inc()
		return "", nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.place(c)
	return "", nil
}

// place samples c if its server is known, and else lets it wait. It is called
// under mu.
func (i *Ingest) place(c *transfer.Claim) {
	if s, ok := i.servers.find(transfer.CleanServer(c.Server)); ok {
		i.sampleClaim(c, s.Site, s.Name)
		return
	}
	i.waiting.add(c)
	for len(i.waiting.claims) > i.cfg.Waiting {
		c := i.waiting.first()
		i.sampleClaim(c, "", c.Server)
	}
}

// sampleClaim writes the samples of c as of a client of that server.
func (i *Ingest) sampleClaim(c *transfer.Claim, site, server string) {
	at := clientPath(site, server, cmp.Or(c.Client, c.Agent))
	opened := int64(math.Floor(c.Opened))
	closed := opened
	i.sample(at, metric.ClientOpens, opened, 1)
	if c.Closed != 0 {
		closed = int64(math.Floor(c.Closed))
		i.sample(at, metric.ClientCloses, closed, 1)
	}
	if b := c.Received; b != nil {
		i.sampleCount(at, metric.ClientReadB, closed, b.Read)
		i.sampleCount(at, metric.ClientReadVB, closed, b.ReadV)
		i.sampleCount(at, metric.ClientWriteB, closed, b.Write)
	}
	if o := c.Ops; o != nil {
		i.sampleCount(at, metric.ClientReadOps, closed, o.Read)
		i.sampleCount(at, metric.ClientReadVOps, closed, o.ReadV)
		i.sampleCount(at, metric.ClientWriteOps, closed, o.Write)
	}
}

// sampleCount writes a count, but not 0: it would add nothing, and cost a series.
func (i *Ingest) sampleCount(at selector.Path, name string, t, n int64) {
	if n != 0 {
		i.sample(at, name, t, float64(n))
	}
}

func (i *Ingest) claimsWaiting() float64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	return float64(len(i.waiting.claims))
}
