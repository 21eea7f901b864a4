package validate

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"tallystick/internal/transfer"
)

// noClose: the file is open for ever as the server tells it, because its
// configuration has no xfr (XROOTD.md fact 1). Without lfn either, nothing says of
// which file that is, and a claim has no transfer at all.
func noClose(x *exam) finding {
	var f finding
	for _, a := range x.accounts {
		if l := x.lifeOf(a); x.neverCloses(l) && x.over(a, l) {
			f.explains = x.less()
			f.evidence = append(f.evidence, a.ID, l.ID())
		}
	}
	if len(x.accounts) > 0 || x.claim == nil || x.claim.Outcome == transfer.Failed {
		return f
	}
	lives := x.during(x.claim)
	if len(lives) > 0 && all(lives, func(l *transfer.Life) bool { return x.neverCloses(l) && nameless(l) }) {
		return finding{allKinds, lifeIDs(lives), "and it names no file"}
	}
	return f
}

// neverCloses reports whether l is a life of a server that tells of no close: it
// tells of opens and never of a close. Where f packets were lost, the closes may have
// been in these, unless it tells of more sessions that ended than packets were lost. A life
// that was short may have had none, as others of the server show.
func (w *watch) neverCloses(l *transfer.Life) bool {
	if l == nil || l.Opens == 0 || l.Closes > 0 || slices.ContainsFunc(w.lives, func(o *transfer.Life) bool { return sameServer(o, l) && o.Closes > 0 }) {
		return false
	}
	var lost int64
	for _, n := range w.losses[l.ID()] {
		if n.Of == transfer.FilePackets || n.Of == transfer.Records {
			lost += n.Count
		}
	}
	return lost == 0 || l.Discs > lost
}

// over reports whether the file of a, in the life l, is closed as far as anybody can
// tell: its session ended, or its client says so and the server told of later things
// since, or had the time to.
func (x *exam) over(a *account, l *transfer.Life) bool {
	switch a.End {
	case transfer.Lost, transfer.Stopped:
		return true
	case transfer.Open:
		return x.claim != nil && x.claim.Closed != 0 && (float64(l.Last) > x.claim.Closed+x.slack || x.old(x.claim))
	}
	return false
}

// nameless reports whether l is a life of a server that does not tell of which file
// it speaks, or only that there are files.
func nameless(l *transfer.Life) bool {
	return l.Named == 0 && (l.Names == 0 || l.Opens+l.Closes == 0)
}

// stillOpen: there may be more. What a client has closed long ago is not open, whatever
// the server says.
func stillOpen(x *exam) finding {
	open := x.those(func(a *account) bool { return a.End == transfer.Open })
	switch c := x.claim; {
	case len(open) > 0 && (c == nil || c.Closed == 0 && c.Outcome == transfer.OK || !x.old(c)):
		return finding{allKinds, idsOf(open), ""}
	case c != nil && !x.both && c.Outcome != transfer.Failed && x.young(c):
		return finding{allKinds, x.claimKey(), "its records may still come"}
	}
	return finding{}
}

// young reports whether records of c may still be on their way, old whether it is known
// that they are not.
func (w *watch) young(c *claim) bool { return w.fresh != 0 && c.end >= w.fresh }
func (w *watch) old(c *claim) bool   { return w.fresh != 0 && c.end < w.fresh }

// pageChecksums: the server counts what page writes carry beside the data. Where the
// collector could take it off again, both halves are equal now and were not before.
func pageChecksums(x *exam) finding {
	paged := x.those(func(a *account) bool { return a.Quality == transfer.Corrected })
	if len(paged) == 0 {
		return finding{}
	}
	f := finding{0, idsOf(paged), "they are taken off"}
	corrected := paged[0].Quality == transfer.Corrected
	switch d := x.counted.Write - x.told.Write; {
	case corrected && (x.claim == nil && paged[0].Path != "" || x.both && x.left == allKinds):
		f.explains = allKinds
	case x.both && d > 0 && d <= checksumsMax(x.told.Write):
		f.explains, f.detail = writes, grouped(d)+" bytes of checksums"
	}
	return f
}

// checksumsMax returns the most bytes of checksums that n bytes are written with:
// four for each page of 4096, and as many for the two parts that a page may be
// cut into where one request ends and the next begins.
func checksumsMax(n int64) int64 { return 8 * (n/pageSize + 1) }

// pageSize is how many bytes have one checksum.
const pageSize = 4096

// exact: both halves tell the same, or one stands alone and nothing is wrong with it.
func exact(x *exam) finding {
	switch {
	case x.claim == nil && (x.accounts[0].Quality != transfer.Exact || x.accounts[0].Path == ""):
	case x.claim != nil && (!x.both || x.left != allKinds || x.claim.Outcome == transfer.Failed):
	default:
		return finding{allKinds, append(x.claimKey(), idsOf(x.accounts)...), ""}
	}
	return finding{}
}

// clientFailed: the client says that it had an error, and the monitoring has no more
// than it can have moved until then. Of a vector read that is as well: a server counts
// one that it answered in full only, so that a client which had less refused it.
func clientFailed(x *exam) finding {
	c := x.claim
	if c == nil {
		return finding{}
	}
	f := finding{0, append(x.claimKey(), idsOf(x.accounts)...), c.Error}
	switch {
	case c.Outcome == transfer.Failed && (c.most() == transfer.Bytes{} && c.known == nil || within(x.counted, c.most())):
		f.explains = allKinds
	case c.Outcome == transfer.OK && x.more()&readVs != 0 && x.counted.ReadV <= c.Asked.ReadV:
		f.explains, f.detail = readVs, "a vector read was refused by its client"
	case c.Outcome == transfer.OK && x.more()&reads != 0 && x.again() > 0:
		f.explains, f.detail = reads, grouped(x.again())+" pages were read again by their client"
	}
	return f
}

// again returns how many pages a client read twice, as xrdcp does with those whose checksum is wrong:
// only pages were read, and what is too much are pages, of a request each, the last one of the file maybe
// among them. 0: that is not so.
func (x *exam) again() int64 {
	d := x.counted.Read - x.told.Read
	whole := d%pageSize == 0
	var ops int64
	for _, a := range x.accounts {
		switch {
		case a.Ops != nil && a.OpsDetail != nil && a.OpsDetail.Read.Min == math.MaxInt32: // reads that are no page reads count there
			ops += a.Ops.Read
		case a.End == transfer.Lost && a.Trace != nil: // whose record of the close was lost
			ops += a.Trace.Ops.Read
		default:
			return 0
		}
		whole = whole || d%pageSize == a.Size%pageSize
	}
	pages := (d + pageSize - 1) / pageSize
	if !whole || pages >= ops {
		return 0
	}
	return pages
}

// most returns what c can have moved at most.
func (c *claim) most() transfer.Bytes {
	b := c.Asked
	if c.known != nil {
		b = transfer.Bytes{Read: max(b.Read, c.known.Read), ReadV: max(b.ReadV, c.known.ReadV), Write: max(b.Write, c.known.Write)}
	}
	return b
}

func within(b, most transfer.Bytes) bool {
	return b.Read <= most.Read && b.ReadV <= most.ReadV && b.Write <= most.Write
}

// killedClient: the client says so, or the session ended with the file open: what page
// reads and writes moved is counted at a close only (XROOTD.md fact 2). A client that
// was killed knows less than the server, which got its last requests.
func killedClient(x *exam) finding {
	forced := x.those(func(a *account) bool { return a.End == transfer.Forced && a.Quality != transfer.Exact && a.Path != "" })
	killed := x.claim != nil && x.claim.Outcome == transfer.Killed
	if (x.kind == transfer.Ambiguous || !killed || !x.both && len(forced) == 0) && x.torn() || !killed && len(x.lostPart()) > 0 {
		return finding{} // what is not known is so for another reason
	}
	if killed {
		return x.killed(forced)
	}
	return x.cutOff(forced)
}

// cutOff is killedClient of a client that says nothing of it.
func (x *exam) cutOff(forced []*account) finding {
	switch {
	case len(forced) == 0:
	case all(x.accounts, (*account).http): // what was on its way to it is counted
		return finding{x.more(), idsOf(forced), "the client went away"}
	case !slices.ContainsFunc(x.accounts, x.mayBeHTTP):
		return finding{x.less(), idsOf(forced), ""}
	}
	return finding{}
}

// killed is killedClient of a client that says so.
func (x *exam) killed(forced []*account) finding {
	f := finding{0, append(x.claimKey(), idsOf(forced)...), ""}
	switch {
	case len(forced) > 0, len(x.accounts) == 0 && (x.claim.known == nil || *x.claim.known == transfer.Bytes{}):
		f.explains = allKinds
	case len(x.accounts) > 0:
		f.explains, f.evidence = x.more(), append(f.evidence, idsOf(x.accounts)...)
		if !x.both {
			f.explains = allKinds
		}
	}
	return f
}

// torn reports whether some of what the server sent of x's accounts was lost.
func (x *exam) torn() bool {
	return slices.ContainsFunc(x.accounts, func(a *account) bool { return len(x.lostOf(a)) > 0 })
}

// lostPart returns what was lost between the end of a part of a claim that was cut, and the end of
// the claim: another part may be among it.
func (x *exam) lostPart() (out []*transfer.Loss) {
	if x.claim == nil {
		return nil
	}
	for _, a := range x.accounts {
		if a.cut() && a.Closed.Known() {
			out = append(out, x.lost(a.lifeID(), float64(a.Closed[1])+x.slack, x.claim.end-x.slack, transfer.FilePackets, transfer.Records, transfer.IDs)...)
		}
	}
	return out
}

// pastEnd: reads are counted by the bytes asked for (XROOTD.md fact 6). That the client
// asked for so much more than came is one proof, that the server's own account shows
// it another.
func pastEnd(x *exam) finding {
	requested := x.those(func(a *account) bool { return a.Quality == transfer.Requested })
	if x.claim == nil {
		if len(requested) == 0 {
			return finding{}
		}
		return finding{allKinds, idsOf(requested), "more was asked for than there is"}
	}
	c, d := x.claim, x.counted.Read-x.told.Read
	if x.more()&reads == 0 {
		return finding{}
	}
	f := finding{reads, append(x.claimKey(), idsOf(x.accounts)...), grouped(d) + " bytes asked for and not there"}
	asked := c.Received != nil && c.fold(c.Asked).Read-x.told.Read >= d
	went := slices.ContainsFunc(x.accounts, x.mayBeHTTP) // a request that the client did not wait for
	switch {
	case asked && !went && c.Outcome == transfer.OK, len(requested) > 0 && (asked || c.Asked.Read == 0 || c.Asked.Read < x.told.Read):
		return f
	}
	return finding{}
}

// mayBeHTTP reports whether a was made through HTTP, or the login that would tell was lost.
func (x *exam) mayBeHTTP(a *account) bool {
	l := x.lifeOf(a)
	return a.http() || a.Protocol == "" && a.End == transfer.Forced && l != nil && l.Logins > 0
}

// httpPut: XrdHttp does not count what it writes.
func httpPut(x *exam) finding {
	put := x.those(func(a *account) bool { return a.http() && a.Bytes.Write == 0 })
	if len(put) == 0 || !x.both || x.less()&writes == 0 || x.counted.Write != 0 {
		return finding{}
	}
	return finding{writes, idsOf(put), ""}
}

// serverStopped: what was in the server's buffer, and how its open files ended, it
// never told (XROOTD.md fact 7).
func serverStopped(x *exam) finding {
	var f finding
	for _, a := range x.accounts {
		l := x.lifeOf(a)
		if a.End == transfer.Stopped || a.End == transfer.Lost && l != nil && l.Next != 0 && a.Closed[1] >= l.Last {
			f.explains, f.evidence = x.less(), append(f.evidence, a.ID, a.lifeID())
		}
	}
	if f.explains != 0 || x.claim == nil {
		return f
	}
	c := x.claim
	for _, l := range x.ledTo(c) {
		// The record of an open sat in the buffer if it came after the last that was told;
		// of an access that went on after a restart, a part may be missing.
		if l.Next != 0 && c.end+x.slack >= float64(l.Last) && (len(x.accounts) > 0 || c.Opened+x.slack >= float64(l.Last)) {
			f.explains = x.less()
			f.evidence = append(f.evidence, l.ID())
		}
	}
	return f
}

// goneSince: the server was heard of when the file was opened, and never again: no ident and no summary came
// either. Where it is not started again under its name, no next life tells that it was stopped.
func goneSince(x *exam) finding {
	var f finding
	c := x.claim
	if c == nil || !x.old(c) || slices.ContainsFunc(x.accounts, (*account).whole) {
		return f
	}
	for _, l := range x.ledTo(c) {
		heard := float64(l.Heard)
		if l.Next == 0 && l.Last != 0 && heard < x.fresh && heard <= c.end+x.slack && heard+x.slack >= c.Opened && c.end >= float64(l.Last) {
			f.explains, f.detail = x.less(), "it was not heard of again"
			f.evidence = append(f.evidence, l.ID())
		}
	}
	return f
}

// sameServer reports whether k is another life of the server of l.
func sameServer(k, l *transfer.Life) bool { return k.SID == l.SID && k.SID != 0 && k.Stod != l.Stod }

// packetsLost: something that the server sent at that time never came. Where a claim has
// no transfer, that is the open; where it has one, what came after; and where a claim
// has one that need not be its own, its own.
func packetsLost(x *exam) finding {
	var lost []*transfer.Loss
	var f finding
	for _, a := range x.accounts {
		if of := x.lostOf(a); len(of) > 0 {
			lost, f.evidence = append(lost, of...), append(f.evidence, a.ID)
		}
	}
	f.explains = x.less()
	switch open := x.lostOpen(); {
	case len(open) == 0:
	case len(x.accounts) == 0, x.kind == transfer.Ambiguous:
		lost = append(lost, open...)
	case !x.own():
		lost, f = append(lost, open...), finding{allKinds, idsOf(x.accounts), ""}
	}
	if of := x.lostTrace(); len(of) > 0 {
		lost, f.explains, f.evidence = append(lost, of...), f.explains|reads, append(f.evidence, idsOf(x.accounts)...)
	}
	if len(lost) > 0 {
		f.detail, f.evidence = lossText(lost), append(f.evidence, lossIDs(lost)...)
		return f
	}
	if tail := x.lostTail(); len(tail) > 0 {
		return finding{x.less(), tail, "no packet of files came any more, and the server was there"}
	}
	if nameless := x.lostPaths(); len(nameless) > 0 {
		return finding{x.less(), nameless, "the name of a file never came, and those of others did"}
	}
	return lostElse(x)
}

// own reports whether x's claim surely made its accounts: it names them, or its client did, which
// claims nothing else of that file.
func (x *exam) own() bool {
	c := x.claim
	return c.join != "fields" || x.alike[sameOpen{c.PID, c.path}].claims == 1 &&
		all(x.accounts, func(a *account) bool { return a.pid != 0 && a.pid == c.PID })
}

// lostOf returns what was lost of a's life while a was open, nil if a is whole.
func (x *exam) lostOf(a *account) []*transfer.Loss {
	if a.whole() {
		return nil
	}
	if !a.Opened.Known() && !a.Closed.Known() {
		return x.lost(a.lifeID(), math.Inf(-1), math.Inf(1), transfer.FilePackets, transfer.Records, transfer.IDs, transfer.MapPackets)
	}
	until := a.end
	if x.claim != nil && x.claim.Closed != 0 {
		until = min(until, max(x.claim.end, a.begin))
	}
	return x.lost(a.lifeID(), a.begin, until, transfer.FilePackets, transfer.Records, transfer.IDs, transfer.MapPackets)
}

// whole reports whether nothing of a can have been lost but what does not count.
func (a *account) whole() bool {
	return (a.End == transfer.Closed || a.End == transfer.Forced) && a.Quality != transfer.Unknown && a.Quality != transfer.LostBytes && a.Path != ""
}

// lostOpen returns what was lost of the servers of x's claim when it opened its file.
// A dictionary record says of which file an open is only where the open does not.
func (x *exam) lostOpen() (out []*transfer.Loss) {
	if x.claim == nil {
		return nil
	}
	at := x.claim.Opened
	for _, l := range x.ledTo(x.claim) {
		of := []transfer.LossOf{transfer.FilePackets, transfer.Records, transfer.IDs}
		if l.Named < max(l.Opens, 1) {
			of = append(of, transfer.MapPackets)
		}
		out = append(out, x.lost(l.ID(), at, at, of...)...)
		for _, a := range x.nobodys(l) {
			// What would say whose it is came at the login, maybe long before.
			out = append(out, x.lost(l.ID(), float64(l.Stod), a.end, transfer.MapPackets, transfer.IDs)...)
		}
	}
	return out
}

// nobodys returns the accounts of l that may be of x's claim as far as anything says whose
// they are. Where equal accesses follow one another, the one that is left over in the end
// need not be the one whose name is missing, so their times do not matter. Those that it has are
// such, too, where nothing says whose they are.
func (x *exam) nobodys(l *transfer.Life) (out []*account) {
	for _, a := range x.accounts {
		if x.lifeOf(a) == l && a.User == "" && a.host == "" {
			out = append(out, a)
		}
	}
	for _, a := range x.anonymous[l.ID()] {
		if a.Path == "" || a.path == x.claim.path {
			out = append(out, a)
		}
	}
	return out
}

// lostTrace returns what was lost of the requests that a server traces: only these tell
// that more was asked for than there was, where the largest read does not.
func (x *exam) lostTrace() (out []*transfer.Loss) {
	if x.more()&reads == 0 {
		return nil
	}
	for _, a := range x.accounts {
		l := x.lifeOf(a)
		if l != nil && l.Traced > 0 && a.whole() && (a.Trace == nil || a.Trace.Bytes != a.Bytes) {
			out = append(out, x.lost(a.lifeID(), a.begin, a.end, transfer.MapPackets)...)
		}
	}
	return out
}

// lostTail returns the lives whose last packets of files were lost, if x's claim has
// nothing else: the server told of files before, in this life or another, and was heard of
// after what the claim says, but its next packet with files never came, for longer than it
// may take.
func (x *exam) lostTail() (out []string) {
	c := x.claim
	if c == nil || !x.old(c) {
		return nil
	}
	for _, a := range x.accounts {
		if l := x.lifeOf(a); !a.whole() {
			if tail := x.tail(l, c.end); len(tail) > 0 {
				out = append(append(out, a.ID), tail...)
			}
		}
	}
	if len(x.accounts) > 0 {
		return out
	}
	for _, l := range x.during(c) {
		out = append(out, x.tail(l, c.Opened)...)
	}
	return out
}

// tail returns l, and the life by which it is known that its server tells of files, if it
// was heard of after that time, and told of no file any more.
func (x *exam) tail(l *transfer.Life, at float64) []string {
	switch {
	case l == nil || l.Next != 0 || float64(l.Heard) <= at+x.slack:
	case l.Last != 0:
		if at >= float64(l.Last)-x.slack && !nameless(l) {
			return []string{l.ID()}
		}
	default: // none of its packets with files came
		i := slices.IndexFunc(x.lives, func(o *transfer.Life) bool {
			return sameServer(o, l) && o.Last != 0 && !nameless(o)
		})
		if i >= 0 {
			return []string{l.ID(), x.lives[i].ID()}
		}
	}
	return nil
}

// lostPaths returns the transfers that have no name, and their lives, if these name other
// files: those of x, and if it has none, those that may be of its claim.
func (x *exam) lostPaths() (out []string) {
	unnamed := func(a *account) bool {
		l := x.lifeOf(a)
		return a.Path == "" && l != nil && l.Names+l.Named > 0
	}
	for _, a := range x.those(unnamed) {
		out = append(out, a.ID, a.lifeID())
	}
	if x.claim == nil || len(x.accounts) > 0 {
		return out
	}
	for _, l := range x.ledTo(x.claim) {
		for _, a := range x.anonymous[l.ID()] {
			if unnamed(a) && overlap(x.claim, a, x.slack) {
				out = append(out, a.ID, l.ID())
			}
		}
	}
	return out
}

func lossText(lost []*transfer.Loss) string {
	n := make(map[transfer.LossOf]int64)
	seen := make(map[*transfer.Loss]bool)
	for _, l := range lost {
		if !seen[l] {
			seen[l] = true
			n[l.Of] += l.Count
		}
	}
	var parts []string
	for _, of := range []struct {
		transfer.LossOf
		name string
	}{
		{transfer.FilePackets, "packets of files"},
		{transfer.MapPackets, "packets of names"},
		{transfer.Records, "records"},
		{transfer.IDs, "ids"},
		{transfer.GStreamPackets, "packets of g-streams"},
	} {
		if n[of.LossOf] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[of.LossOf], of.name))
		}
	}
	return "at least " + strings.Join(parts, ", ") + " lost then"
}

// notMonitored: nothing comes from that server, or not what would tell of the access.
func notMonitored(x *exam) finding {
	const dumb = "the server has no stream of files, or names none in it"
	if len(x.accounts) > 0 {
		f := finding{explains: x.less(), detail: dumb}
		for _, a := range x.accounts {
			if !x.mute(a) {
				return finding{}
			}
			f.evidence = append(f.evidence, a.ID, a.lifeID())
		}
		return f
	}
	lives := x.during(x.claim)
	switch {
	case x.claim.anywhere && !x.known(x.claim):
		return finding{allKinds, x.claimKey(), "nothing came from " + printable(x.claim.Server) + " at that time"}
	case len(lives) == 0:
	case all(lives, nameless):
		return finding{allKinds, lifeIDs(lives), dumb}
	case all(lives, func(l *transfer.Life) bool { return x.silent(l, x.claim.Opened) }):
		return finding{allKinds, lifeIDs(lives), "nothing of files came from the server any more"}
	}
	return finding{}
}

// mute reports whether the server of a tells nothing of files but their names, or
// not the name of this one.
func (x *exam) mute(a *account) bool {
	l := x.lifeOf(a)
	if l == nil {
		return false
	}
	return (a.End == transfer.Unreported || a.End == transfer.Lost) && l.Opens == 0 && l.Closes == 0 || a.Path == "" && nameless(l) ||
		a.End == transfer.Open && x.claim != nil && x.claim.Closed != 0 && x.silent(l, x.claim.Closed)
}

// silent reports whether the server told nothing of files after the time, and did not
// start again either.
func (w *watch) silent(l *transfer.Life, at float64) bool {
	return at > float64(l.Last)+w.slack && l.Next == 0
}

// partial: some of the reads are there, each whole.
func partial(x *exam) finding {
	if !x.both || x.less() != x.left || x.left&writes != 0 {
		return finding{}
	}
	f := finding{x.left, append(x.claimKey(), idsOf(x.accounts)...), ""}
	var ops transfer.Ops
	for _, a := range x.accounts {
		if a.Ops != nil {
			ops = ops.Plus(*a.Ops)
		}
	}
	claimed := x.claim.Ops
	if claimed == nil {
		return finding{}
	}
	for _, k := range []struct {
		kinds
		told, counted, m, n int64
		what                string
	}{
		{reads, x.told.Read, x.counted.Read, claimed.Read, ops.Read, "reads"},
		{readVs, x.told.ReadV, x.counted.ReadV, claimed.ReadV, ops.ReadV, "vector reads"},
	} {
		if x.left&k.kinds == 0 {
			continue
		}
		n, ok := wholeReads(k.told, k.counted, k.m, k.n)
		if !ok {
			return finding{}
		}
		f.detail = fmt.Sprintf("%d of %d %s", n, k.m, k.what)
	}
	return f
}

// wholeReads returns how many of m reads of together told bytes the counted bytes
// are, if they are some whole ones of equal size; n is how many the server counts, 0
// if it does not say.
func wholeReads(told, counted, m, n int64) (int64, bool) {
	if m == 0 || told%m != 0 || told == 0 {
		return 0, false
	}
	each := told / m
	found := counted / each
	return found, counted%each == 0 && found > 0 && (n == 0 || n == found)
}

func all[T any](s []T, such func(T) bool) bool {
	return !slices.ContainsFunc(s, func(x T) bool { return !such(x) })
}
