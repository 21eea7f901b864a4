package validate

import (
	"slices"
	"strings"

	"tallystick/internal/transfer"
)

// kinds is a set of kinds of bytes.
type kinds byte

const (
	reads kinds = 1 << iota
	readVs
	writes

	allKinds = reads | readVs | writes
)

// A rule tells whether a cause holds.
type rule struct {
	transfer.Cause
	find func(x *exam) finding
}

// A finding is what a rule found: what it explains, nothing if it does not hold, and
// what it rests on.
type finding struct {
	explains kinds
	evidence []string
	detail   string
}

// rules returns the rules in the order in which they are asked: what is certain in
// the two halves themselves comes before what is only likely because of something
// that happened at the same time.
func rules() []rule {
	return []rule{
		{transfer.NoCloseByConfig, noClose},
		{transfer.StillOpen, stillOpen},
		{transfer.PacketsLost, lostClaimed},
		{transfer.Checksums, pageChecksums},
		{transfer.CauseExact, exact},
		{transfer.ClientFailed, clientFailed},
		{transfer.KilledClient, killedClient},
		{transfer.PastEnd, pastEnd},
		{transfer.HTTPPut, httpPut},
		{transfer.AsyncCacheRead, asyncCache},
		{transfer.PacketsLost, packetsLost},
		{transfer.ServerStopped, serverStopped},
		{transfer.NotMonitored, notMonitored},
		{transfer.NotMonitored, copied},
		{transfer.ServerStopped, goneSince},
		{transfer.Partial, partial},
		{transfer.PacketsLost, lostAlike},
	}
}

// An exam is a verdict whose cause is looked for.
type exam struct {
	*watch
	kind     transfer.Kind
	claim    *claim // nil of an extra transfer
	accounts []*account

	told    transfer.Bytes // by the client
	counted transfer.Bytes // by the monitoring
	both    bool           // whether both are known
	left    kinds          // what is not explained yet
}

func newExam(w *watch, v *transfer.Verdict, c *claim, accounts []*account) *exam {
	x := &exam{watch: w, kind: v.Kind, claim: c, accounts: accounts, counted: v.Monitored, left: allKinds}
	if c == nil || v.Kind == transfer.Ambiguous {
		return x
	}
	sum, known := c.sum()
	if x.both = known && c.known != nil; !x.both {
		return x
	}
	x.told, x.counted = c.comparable(), c.fold(sum)
	if d := x.differing(func(d int64) bool { return d != 0 }); d != 0 {
		x.left = d
	}
	return x
}

// differing returns the kinds whose difference, what is counted less what is told,
// is such.
func (x *exam) differing(such func(d int64) bool) (k kinds) {
	d := x.counted.Minus(x.told)
	for i, n := range []int64{d.Read, d.ReadV, d.Write} {
		if such(n) {
			k |= reads << i
		}
	}
	return k
}

// less returns the kinds of which the monitoring has fewer bytes than the client, or
// does not know them.
func (x *exam) less() kinds {
	if !x.both {
		return allKinds
	}
	return x.differing(func(d int64) bool { return d < 0 })
}

// more returns the kinds of which the monitoring has more bytes than the client.
func (x *exam) more() kinds {
	if !x.both {
		return 0
	}
	return x.differing(func(d int64) bool { return d > 0 })
}

// explain fills in the cause of v. It is the first that explains anything; where that
// leaves something over, others must explain that, or nothing is explained.
func (x *exam) explain(v *transfer.Verdict) {
	v.Evidence = []string{}
	for _, r := range rules() {
		f := r.find(x)
		if f.explains&x.left == 0 {
			continue
		}
		if v.Cause == "" {
			v.Cause, v.Detail = r.Cause, f.detail
		}
		v.Evidence = append(v.Evidence, f.evidence...)
		if x.left &^= f.explains; x.left == 0 {
			v.Evidence = unique(v.Evidence)
			return
		}
	}
	v.Cause, v.Detail = transfer.CauseUnexplained, ""
	if x.kind == transfer.Match {
		v.Cause, v.Detail = transfer.CauseExact, "within the tolerance"
	}
	v.Evidence = unique(append(x.claimKey(), idsOf(x.accounts)...))
}

// unique returns s without what stands in it before.
func unique(s []string) []string {
	out := make([]string, 0, len(s))
	for _, e := range s {
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}

func (x *exam) claimKey() []string {
	if x.claim == nil {
		return nil
	}
	return append([]string{x.claim.Key()}, x.claim.others()...)
}

// those returns the accounts of x that are such.
func (x *exam) those(such func(a *account) bool) (out []*account) {
	for _, a := range x.accounts {
		if such(a) {
			out = append(out, a)
		}
	}
	return out
}

func idsOf(accounts []*account) []string {
	out := make([]string, 0, len(accounts))
	for _, a := range accounts {
		out = append(out, a.ID)
	}
	return out
}

func lifeIDs(lives []*transfer.Life) []string {
	out := make([]string, 0, len(lives))
	for _, l := range lives {
		out = append(out, l.ID())
	}
	return out
}

func lossIDs(losses []*transfer.Loss) []string {
	out := make([]string, 0, len(losses))
	for _, n := range losses {
		out = append(out, n.ID())
	}
	return out
}

// comparable returns what the client tells, as it can be compared with what the
// accounts joined to it count: with all other claims that these are of.
func (c *claim) comparable() transfer.Bytes {
	if c.together == nil {
		return c.unframed(c.fold(*c.known))
	}
	var sum transfer.Bytes
	for _, m := range c.together {
		sum = sum.Plus(*m.known)
	}
	return c.unframed(c.fold(sum))
}

// frameMax is more than what XrdHttp sends before one of several ranges: a boundary, the type, and
// which range it is, of three numbers (XrdHttpReq::buildPartialHdr).
const frameMax = 160

// unframed returns what c has told without what came around several ranges by HTTP, which a client
// that does not look into the answer takes for data.
func (c *claim) unframed(told transfer.Bytes) transfer.Bytes {
	if len(c.joined) == 0 || !all(c.joined, (*account).http) {
		return told
	}
	var ranges int64
	for _, a := range c.joined {
		if a.Ops != nil {
			ranges += a.Ops.ReadVSegments
		}
	}
	sum, _ := c.sum()
	if around := told.Read - c.fold(sum).Read; ranges > 1 && around > 0 && around <= frameMax*(ranges+1) {
		told.Read -= around
	}
	return told
}

// fold returns b, with vector reads among the reads if c was made through HTTP: its
// client asks for several ranges at once, and does not know what the server makes of
// that.
func (c *claim) fold(b transfer.Bytes) transfer.Bytes {
	if len(c.joined) > 0 && all(c.joined, (*account).http) {
		return c.joined[0].fold(b)
	}
	return b
}

// fold is claim.fold where a alone is joined.
func (a *account) fold(b transfer.Bytes) transfer.Bytes {
	if a.http() {
		b.Read, b.ReadV = b.Read+b.ReadV, 0
	}
	return b
}

// counts reports whether a has just the bytes b.
func (a *account) counts(b transfer.Bytes) bool { return a.fold(a.Bytes) == a.fold(b) }

func (a *account) http() bool { return strings.HasPrefix(a.Protocol, "http") }
