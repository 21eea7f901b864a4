package ingest

import (
	"cmp"
	"context"
	"errors"
	"math"

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
	i.gate.RLock()
	defer i.gate.RUnlock()
	var r Result
	for n, c := range cs {
		if reason, err := i.claim(c); err != nil {
			i.counts.reject(kindClaim, reason)
			r.reject(Reject{Index: n, Reason: reason, Text: err.Error()})
			continue
		}
		r.Accepted++
	}
	i.counts.accept(kindClaim, r.Accepted)
	return r
}

var errNoClaim = errors.New("claim is null")

func (i *Ingest) claim(c *transfer.Claim) (reason string, err error) {
	if c == nil {
		return ReasonInvalid, errNoClaim
	}
	if err := c.Check(); err != nil {
		return ReasonInvalid, err
	}
	if reason, text := i.windowOf(i.now(), i.cfg.ClaimRetention).check(int64(max(c.Opened, c.Closed))); reason != "" {
		return reason, errors.New(text)
	}
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
