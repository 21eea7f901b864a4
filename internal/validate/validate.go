// Package validate lays claims and transfers together.
//
// A claim says what a client did, a transfer what a server's monitoring tells
// of it. Run finds which belong together, and gives each claim one verdict, and
// each transfer that belongs to no claim one:
//
//  1. By id. Whose session carries the id of a claim is that claim's, if path
//     and server agree: joinByID.
//  2. By fields. The rest is joined by server, path, user, client host and
//     time, so that as few claims as can be are left without a transfer, and
//     among all ways to do that, as many pairs as can be agree in their bytes;
//     then by bytes, process, time and order: joinByFields, cost.
//  3. Continuations. What is left over and is a later or earlier part of one
//     access that was cut, is added to it: continueJoined.
//  4. Several claims. Where accounts have just what several claims of one client have
//     together, they are of all of them: shareJoined.
//  5. Apart. What is left over on both sides, of one process and with the same bytes, is one
//     access whose times are wrong on one side: joinApart.
//  6. Causes. Why a verdict is what it is is told by the first rule that holds and
//     has its evidence: rules.
//
// Times of clients are exact, times of servers are intervals of whole seconds
// on another clock; Options.Slack is how far the clocks may be apart.
//
// The package is pure: the same input, in any order, gives the same report.
package validate

import (
	"cmp"
	"slices"
	"time"

	"tallystick/internal/transfer"
)

// Run joins the claims and the transfers and returns the verdicts that o
// selects. It changes nothing of in. That should be all that there is, of all runs:
// a transfer is extra only if its claim is not among them.
func Run(in Input, o Options) *Report {
	cs, as := sortClaims(in.Claims), sortAccounts(in.Transfers)
	slack, w := o.slack(), newWatch(in, o)
	w.tear(as)
	settleNames(cs, as)
	joinByID(cs, as, slack)
	parts := buckets(cs, as)
	for _, b := range parts {
		b.joinByFields(slack)
	}
	joinRest(as, slack)
	for _, b := range parts {
		b.continueJoined(slack)
		b.shareJoined(slack)
	}
	markCandidates(cs)
	for _, b := range parts {
		b.joinApart()
	}
	return newReport(o, w, cs, as)
}

func markCandidates(claims []*claim) {
	for _, c := range claims {
		for a := range c.candidates {
			if a != nil {
				a.candidate = true
			}
		}
	}
}

func newReport(o Options, w *watch, claims []*claim, accounts []*account) *Report {
	s := newSelection(o, claims)
	w.meet(claims, accounts)
	names := serverNames(accounts)
	var rows []row
	for _, c := range claims {
		if s.claim(c) {
			rows = append(rows, claimRow(w, c, names))
		}
	}
	for _, a := range accounts {
		if a.owner == nil && !a.candidate && s.extra(a) {
			rows = append(rows, extraRow(w, a))
		}
	}
	slices.SortStableFunc(rows, func(x, y row) int {
		return cmp.Or(cmp.Compare(x.opened, y.opened), cmp.Compare(x.key, y.key))
	})
	r := &Report{
		Slack: s.slack, Tolerance: o.Tolerance,
		Selection: Selection{Run: o.Run, Server: o.Server, Client: o.Client, From: o.From, To: o.To},
		Verdicts:  make([]transfer.Verdict, 0, len(rows)),
	}
	for _, x := range rows {
		r.Verdicts = append(r.Verdicts, x.Verdict)
	}
	r.count(rows, o.depth())
	r.bins(rows, int64(o.Step/time.Second))
	r.Losses = lossTotals(w.all, s)
	r.Monitoring = w.monitoring(r, o.Reconcile)
	return r
}

// serverNames returns the name in the tree of each name of a server: the first
// in order if several servers have one.
func serverNames(accounts []*account) map[string]string {
	names := make(map[string]string)
	for _, a := range accounts {
		for _, n := range a.names {
			if old, ok := names[n]; !ok || a.Server < old {
				names[n] = a.Server
			}
		}
	}
	return names
}
