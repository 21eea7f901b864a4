package validate

import (
	"slices"

	"tallystick/internal/transfer"
)

// asyncCache: a cache or proxy does not count reads that it makes asynchronously
// (XROOTD.md fact 3). That it made them, its own g-stream tells, or the requests in the
// t stream, or what went over its links.
func asyncCache(x *exam) finding {
	missing := x.told.Read + x.told.ReadV - x.counted.Read - x.counted.ReadV
	if x.claim == nil || !x.both || x.less()&(reads|readVs) == 0 || missing <= 0 || len(x.accounts) == 0 {
		return finding{}
	}
	f := finding{explains: x.less() & (reads | readVs), evidence: idsOf(x.accounts)}
	if events := x.events(transfer.PFC, missing); len(events) > 0 {
		f.evidence, f.detail = append(f.evidence, events...), "the cache itself counts them"
		return f
	}
	traced := all(x.accounts, func(a *account) bool {
		return a.End == transfer.Closed && a.Trace != nil && a.Trace.Bytes.Read+a.Trace.Bytes.ReadV-a.Trace.PastEnd >= a.Bytes.Read+a.Bytes.ReadV+missing
	})
	if traced {
		f.detail = "they were asked for, and not counted"
		return f
	}
	if links := x.links(missing); len(links) > 0 {
		f.evidence, f.detail = append(f.evidence, links...), "they went over the links of the proxy"
		return f
	}
	return finding{}
}

// copied: what a third-party copy writes, the server that fetches it never tells as an
// access to its file: only its g-stream has the copy. Without that, the process that asked for it
// claims to have read as much at the same time, and another has read it.
func copied(x *exam) finding {
	if !x.both || x.less()&writes == 0 || x.counted.Write != 0 || x.claim.Outcome != transfer.OK {
		return finding{}
	}
	events := x.events(transfer.TPC, 0)
	if len(events) == 0 {
		events = x.fetched()
	}
	if len(events) == 0 {
		return finding{}
	}
	return finding{writes, append(idsOf(x.accounts), events...), "a third-party copy: what it writes is in no stream"}
}

// fetched returns the key of the claim, and the IDs of its accounts, that x's client has of what it wrote, if
// another process read that for it.
func (x *exam) fetched() []string {
	c := x.claim
	if c.PID == 0 {
		return nil
	}
	for _, r := range x.processes[c.PID] {
		of := r.known != nil && r.known.Read == x.told.Write && r.Run == c.Run && r.Client == c.Client && r.Opened <= c.end && r.end >= c.Opened
		if of && len(r.joined) > 0 && all(r.joined, func(a *account) bool { return a.pid != 0 && a.pid != c.PID || a.User == "" && a.host == "" }) {
			return append([]string{r.Key()}, idsOf(r.joined)...)
		}
	}
	return nil
}

// events returns the IDs of what a provider of the servers of x tells of the file of its
// claim, at its time, and of so many bytes at least.
func (x *exam) events(provider string, least int64) (out []string) {
	c := x.claim
	for _, e := range x.witnessed[c.path] {
		at := float64(e.At[0]) <= c.end+x.slack && float64(e.At[1])+1 >= c.Opened-x.slack
		if e.Provider == provider && at && e.Bytes >= least && slices.ContainsFunc(x.accounts, func(a *account) bool { return of(e, a) }) {
			out = append(out, e.ID)
		}
	}
	return out
}

// of reports whether e is of the server of a. One that does not say which it is, is
// known by the host that it comes from.
func of(e *transfer.Event, a *account) bool {
	if e.SID != 0 {
		return transfer.CleanServer(e.Server) == a.names[0] || transfer.CleanServer(e.Address) == a.names[1]
	}
	return host(transfer.CleanServer(e.Address)+":") == host(a.names[1])
}

// links returns the lives that x's accounts are of, if these are of proxies over whose
// links more went by so much than all their accounts together tell.
func (x *exam) links(missing int64) []string {
	var out []string
	for _, a := range x.accounts {
		b, ok := x.balances[a.lifeID()]
		if !ok || !b.Proxy || b.Lost > 0 || b.Out-b.Around-b.Told.Read-b.Told.ReadV < missing {
			return nil
		}
		out = append(out, a.lifeID())
	}
	return out
}
