package ingest

import (
	"cmp"
	"slices"
)

// A Reject is one input that was refused.
type Reject struct {
	Index  int    `json:"index"`            // 0-based: of the sample, packet or claim in its batch
	Line   int    `json:"line,omitempty"`   // 1-based, where the input has lines
	Column int    `json:"column,omitempty"` // 1-based, in bytes
	Reason string `json:"reason"`           // one word, the label of the counter
	Text   string `json:"text"`             // for people
}

// The reasons that ingest itself refuses something for. Besides them there are
// those of lineproto, of xrootd for packets, and Other.
const (
	ReasonFull      = "full"             // no memory left: the same may be taken later
	ReasonFuture    = "future"           // too far ahead of the clock
	ReasonOld       = "too-old"          // older than what is kept
	ReasonMetric    = "unknown-metric"   // not in the table
	ReasonMany      = "too-many-metrics" // unknown, and as many are learned as may be
	ReasonCluster   = "no-cluster"       // neither the line nor anyone else names one
	ReasonHost      = "no-host"          // the line names none
	ReasonBound     = "bound"            // the sender may not send what is of this cluster, server or client
	ReasonName      = "bad-name"         // no place in the tree has such a name
	ReasonNumber    = "not-a-number"     // the sum over the slot would not be finite
	ReasonTime      = "time"             // out of any range
	ReasonPrecision = "precision"        // not one that there is
	ReasonInvalid   = "invalid"          // transfer.Claim.Check
	ReasonConflict  = "conflict"         // another claim has this run and id
	ReasonDecode    = "decode"           // not an XRootD datagram, for no special reason
	ReasonGone      = "gone"             // the claim waited, and the ledger dropped it meanwhile
	ReasonLog       = "log"              // the log cannot be written: the same may be taken later
	ReasonOther     = "other"
)

// A Result is the answer to a batch.
type Result struct {
	Accepted int      `json:"accepted"`
	Rejected int      `json:"rejected"`
	Errors   []Reject `json:"errors,omitempty"` // the first MaxErrors
	Full     int      `json:"-"`                // how many of the rejected may be taken later: ReasonFull, ReasonLog
}

// MaxErrors is how many rejects a Result tells; all are counted.
const MaxErrors = 100

func (r *Result) count(reason string) {
	r.Rejected++
	if reason == ReasonFull || reason == ReasonLog {
		r.Full++
	}
}

// merge adds rejects that were counted before, in the order of their places.
func (r *Result) merge(refused []Reject) {
	if len(refused) == 0 {
		return
	}
	r.Errors = append(r.Errors, refused...)
	slices.SortStableFunc(r.Errors, func(a, b Reject) int { return cmp.Compare(a.Index, b.Index) })
	r.Errors = r.Errors[:min(len(r.Errors), MaxErrors)]
}

func (r *Result) reject(x Reject) {
	r.count(x.Reason)
	if len(r.Errors) < MaxErrors {
		r.Errors = append(r.Errors, x)
	}
}
