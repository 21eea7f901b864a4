package validate

import (
	"math"

	"tallystick/internal/transfer"
)

// lostElse: what would tell of the access or explain it was lost, though not in what was
// sent of the file itself.
func lostElse(x *exam) finding {
	if x.claim == nil {
		return finding{}
	}
	if of := x.lostPart(); len(of) > 0 {
		return finding{x.less(), append(idsOf(x.accounts), lossIDs(of)...), lossText(of)}
	}
	for _, find := range []func(*exam) finding{lostEvents, lostName, lostClose} {
		if f := find(x); f.explains != 0 {
			return f
		}
	}
	return finding{}
}

// lostEvents: a cache, or a server that copies from another, tells in its g-stream what
// it does not count in the f stream, and packets of that never came.
func lostEvents(x *exam) finding {
	if !x.both || x.more() != 0 {
		return finding{}
	}
	var f finding
	for _, a := range x.accounts {
		if of := x.lost(a.lifeID(), a.begin, math.Inf(1), transfer.GStreamPackets); len(of) > 0 && a.whole() {
			f.explains, f.detail = x.less(), lossText(of)
			f.evidence = append(append(f.evidence, a.ID), lossIDs(of)...)
		}
	}
	return f
}

// lostName: the server that the claim names is not known, and there is one that has not
// told its name and of which packets with names were lost. So the claim may have got the
// transfer of another server.
func lostName(x *exam) finding {
	if !x.claim.anywhere || !x.both || x.claim.join != "fields" {
		return finding{}
	}
	for _, l := range x.lives {
		of := x.lost(l.ID(), math.Inf(-1), math.Inf(1), transfer.MapPackets)
		if l.Idents == 0 && len(of) > 0 {
			return finding{allKinds, append(idsOf(x.accounts), lossIDs(of)...), lossText(of)}
		}
	}
	return finding{}
}

// lostClaimed: x has no claim, and what was lost is of the time of claims of its client to its file. One
// of them may have taken another account for want of its own, or lack the part that leads to this one.
// Or what says who the client is was lost.
func lostClaimed(x *exam) finding {
	if x.claim != nil || x.kind != transfer.Extra {
		return finding{}
	}
	a := x.accounts[0]
	var of []*transfer.Loss
	in := x.alike[sameOpen{a.pid, a.path}]
	switch {
	case a.User == "" && a.host == "":
		of = x.lost(a.lifeID(), math.Inf(-1), a.end, transfer.MapPackets, transfer.IDs)
	case a.pid != 0 && in != nil && a.end >= in.from-x.slack && a.begin <= in.to+x.slack:
		of = x.lost(a.lifeID(), in.from, in.to, transfer.FilePackets, transfer.Records, transfer.IDs, transfer.MapPackets)
	}
	if len(of) == 0 {
		return finding{}
	}
	return finding{allKinds, append(idsOf(x.accounts), lossIDs(of)...), lossText(of)}
}

// lostAlike: what was lost at the time of another access of the same client to the file. That one's
// claim may have taken the account of this one. So may the claim of a copy between servers have taken
// that of the client, which opens the file and moves nothing.
func lostAlike(x *exam) finding {
	if x.claim == nil || x.claim.join == "id" {
		return finding{}
	}
	in := x.alike[sameOpen{x.claim.PID, x.claim.path}]
	idle := x.both && x.counted == transfer.Bytes{} && len(x.accounts) > 0
	if in.claims == 1 && !idle {
		return finding{}
	}
	var lost []*transfer.Loss
	for _, l := range x.of(x.claim) {
		lost = append(lost, x.lost(l.ID(), in.from, in.to, transfer.FilePackets, transfer.Records, transfer.IDs, transfer.MapPackets)...)
	}
	if len(lost) == 0 {
		return finding{}
	}
	return finding{allKinds, append(idsOf(x.accounts), lossIDs(lost)...), lossText(lost)}
}

// lostClose: the server told of later things, and tells of closes, but never of this
// one, which its client had long ago.
func lostClose(x *exam) finding {
	var f finding
	for _, a := range x.accounts {
		l := x.lifeOf(a)
		if a.End == transfer.Lost && l != nil && l.Closes > 0 && x.claim.Closed != 0 && float64(l.Last) > x.claim.Closed+x.slack {
			f.explains, f.detail = x.less(), "the record of the close never came, and later ones did"
			f.evidence = append(f.evidence, a.ID, l.ID())
		}
	}
	return f
}
