package validate

import (
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"tallystick/internal/ledger"
	"tallystick/internal/transfer"
)

// Margin is how much time around what is asked for is looked at too: what is
// there may compete for the same transfers.
const Margin = time.Hour

// A Ledger is where claims and transfers are kept: *ledger.Ledger.
type Ledger interface {
	AllClaims(f ledger.Filter) iter.Seq[*transfer.Claim]
	AllTransfers(f ledger.Filter) iter.Seq[*transfer.Transfer]
	Claim(run, id string) *transfer.Claim
	Servers
}

// Servers are what a ledger has of servers besides transfers: *ledger.Ledger.
type Servers interface {
	Losses(server string, from, to int64) []transfer.Loss
	Lives(server string, from, to int64) []transfer.Life
	Events(server, path string, from, to int64) []transfer.Event
	Balances(server string, from, to int64) []transfer.Balance
}

// Books is Run with what l has: with all of it, or where o selects a run or a
// range of time, with what may change the verdicts that it selects. That is
//
//   - what was open then or within Margin of it;
//   - of a file that was open for longer than that, what was open meanwhile: a
//     long read that was cut is several transfers, hours apart;
//   - what belongs together by an explicit id, however far apart, because a
//     client's clock may be wrong;
//   - of each server that a claim names, one transfer at least: whose name is not
//     known may be anywhere.
//
// Of an empty report it says which name that is selected by nothing has.
func Books(l Ledger, o Options) *Report {
	r := ofBooks(l, o)
	if len(r.Verdicts) == 0 {
		r.Selection.Unknown = unknown(l, r.Selection)
	}
	return r
}

func ofBooks(l Ledger, o Options) *Report {
	span, ok := spanOf(l, o)
	if !ok {
		return Run(Input{}, o)
	}
	b := &books{Ledger: l, claims: make(map[string]*transfer.Claim), transfers: make(map[string]*transfer.Transfer)}
	for c := range l.AllClaims(span) {
		b.claims[c.Key()] = c
	}
	for t := range l.AllTransfers(span) {
		b.transfers[t.ID] = t
	}
	if span != (ledger.Filter{}) {
		b.addLong(span)
		b.addNamed()
		b.addServers()
	}
	claims, transfers := make([]*transfer.Claim, 0, len(b.claims)), make([]*transfer.Transfer, 0, len(b.transfers))
	for _, c := range b.claims {
		claims = append(claims, c)
	}
	for _, t := range b.transfers {
		transfers = append(transfers, t)
	}
	in := Input{Claims: claims, Transfers: transfers}
	from, to := span.From, int64(math.MaxInt64)
	if span.To != 0 {
		to = span.To
	}
	in.Losses, in.Lives = l.Losses("", from, to), l.Lives("", from, to)
	in.Events, in.Balances = l.Events("", "", from, to), l.Balances("", from, to)
	return Run(in, o)
}

// All returns everything that l has.
func All(l Ledger) Input {
	in := Input{
		Claims: slices.Collect(l.AllClaims(ledger.Filter{})), Transfers: slices.Collect(l.AllTransfers(ledger.Filter{})),
	}
	const from, to = math.MinInt64, math.MaxInt64
	in.Losses, in.Lives = l.Losses("", from, to), l.Lives("", from, to)
	in.Events, in.Balances = l.Events("", "", from, to), l.Balances("", from, to)
	return in
}

// spanOf returns the span of time that o is about with Margin around it. ok is
// false if o is about a run that has no claims.
func spanOf(l Ledger, o Options) (f ledger.Filter, ok bool) {
	margin := int64(Margin.Seconds())
	if o.From != 0 {
		f.From = o.From - margin
	}
	if o.To != 0 {
		f.To = o.To + margin
	}
	if o.Run == "" {
		return f, true
	}
	first, last := math.Inf(1), 0.0
	for c := range l.AllClaims(ledger.Filter{Run: o.Run, From: o.From, To: o.To}) {
		first, last = min(first, c.Opened), max(last, c.Opened, c.Closed)
	}
	if last == 0 {
		return f, false
	}
	f.From = max(f.From, int64(first)-margin)
	if to := int64(last) + margin; f.To == 0 || to < f.To {
		f.To = to
	}
	return f, true
}

// books are what of a ledger is laid together.
type books struct {
	Ledger

	claims    map[string]*transfer.Claim    // by key
	transfers map[string]*transfer.Transfer // by ID
}

// addLong adds what was open at the same time as the files that were open before
// or after the span.
func (b *books) addLong(span ledger.Filter) {
	paths := make(map[string]bool)
	whole := ledger.Filter{From: span.From, To: span.To}
	reach := func(path string, first, last int64) {
		if first >= span.From && (span.To == 0 || last < span.To) {
			return
		}
		paths[transfer.CleanPath(path)] = true
		whole.From = min(whole.From, first)
		if whole.To != 0 {
			whole.To = max(whole.To, last+1)
		}
	}
	for _, c := range b.claims {
		reach(c.Path, int64(c.Opened), int64(max(c.Opened, c.Closed)))
	}
	for _, t := range b.transfers {
		reach(t.Path, t.Opened[0], max(t.Opened[0], t.Closed[1]))
	}
	if len(paths) == 0 {
		return
	}
	for c := range b.AllClaims(whole) {
		if paths[transfer.CleanPath(c.Path)] {
			b.claims[c.Key()] = c
		}
	}
	for t := range b.AllTransfers(whole) {
		if paths[transfer.CleanPath(t.Path)] {
			b.transfers[t.ID] = t
		}
	}
}

// addNamed adds the transfers that carry the key of a claim in b, and the claims
// whose key a transfer in b carries.
func (b *books) addNamed() {
	for _, t := range b.transfers {
		for _, text := range []string{t.AppInfo, t.MonInfo} {
			run, id, ok := strings.Cut(strings.TrimSpace(text), ".")
			if !ok {
				continue
			}
			if c := b.Claim(run, id); c != nil {
				b.claims[c.Key()] = c
			}
		}
	}
	for t := range b.AllTransfers(ledger.Filter{}) {
		if b.claimed(t.AppInfo) || b.claimed(t.MonInfo) {
			b.transfers[t.ID] = t
		}
	}
}

func (b *books) claimed(text string) bool {
	return text != "" && b.claims[strings.TrimSpace(text)] != nil
}

// addServers adds a transfer of each server that the claims in b name and no
// transfer in b does.
func (b *books) addServers() {
	known := make(map[string]bool)
	for _, t := range b.transfers {
		known[transfer.CleanServer(t.Server)], known[transfer.CleanServer(t.Address)] = true, true
	}
	for _, c := range b.claims {
		name := transfer.CleanServer(c.Server)
		if known[name] {
			continue
		}
		known[name] = true
		for t := range b.AllTransfers(ledger.Filter{Server: name, Limit: 1}) {
			b.transfers[t.ID] = t
		}
	}
}
