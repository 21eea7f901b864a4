// Package transfer has the words that the two halves of a tally are written in:
// a Transfer is one file access as the server's monitoring tells it, a Claim is
// one file access as the client itself tells it, and a Verdict is what laying
// the two together gave.
//
// All times are Unix seconds. All sizes are bytes. The JSON names are those of
// the HTTP API, and the Avro schemas in api/ have the same ones.
package transfer

import (
	"errors"
	"fmt"
	"math"
)

// Bytes counts what moved, by the kind of request that moved it.
type Bytes struct {
	Read  int64 `json:"read"`  // plain and page reads
	ReadV int64 `json:"readv"` // vector reads
	Write int64 `json:"write"` // plain, page and vector writes
}

// Plus returns the sum of b and c, kind by kind.
func (b Bytes) Plus(c Bytes) Bytes {
	return Bytes{Read: b.Read + c.Read, ReadV: b.ReadV + c.ReadV, Write: b.Write + c.Write}
}

// Minus returns the difference of b and c, kind by kind.
func (b Bytes) Minus(c Bytes) Bytes {
	return Bytes{Read: b.Read - c.Read, ReadV: b.ReadV - c.ReadV, Write: b.Write - c.Write}
}

// Total returns the sum over all kinds.
func (b Bytes) Total() int64 { return b.Read + b.ReadV + b.Write }

// Ops counts requests by kind.
type Ops struct {
	Read          int64 `json:"read"`
	ReadV         int64 `json:"readv"`
	ReadVSegments int64 `json:"readv_segments"` // pieces asked for in all vector reads together
	Write         int64 `json:"write"`
}

// Plus returns the sum of o and p, kind by kind.
func (o Ops) Plus(p Ops) Ops {
	return Ops{
		Read: o.Read + p.Read, ReadV: o.ReadV + p.ReadV,
		ReadVSegments: o.ReadVSegments + p.ReadVSegments, Write: o.Write + p.Write,
	}
}

// An Interval is when something happened as far as that is known: not before
// its first and not after its second element, in whole Unix seconds as the
// server's clock had them. The zero Interval is unknown.
type Interval [2]int64

// Known reports whether i is anything at all.
func (i Interval) Known() bool { return i != Interval{} }

// And returns what i and j have in common. Where one is unknown, or they have nothing
// in common since clocks are not that good, it is the first that is known.
func (i Interval) And(j Interval) Interval {
	both := Interval{max(i[0], j[0]), min(i[1], j[1])}
	switch {
	case !i.Known():
		return j
	case !j.Known() || both[0] > both[1]:
		return i
	}
	return both
}

// Middle returns the middle of i, 0 if i is unknown. Its last second is a whole one.
func (i Interval) Middle() float64 {
	if !i.Known() {
		return 0
	}
	return (float64(i[0]) + float64(i[1]) + 1) / 2
}

// An End says how the server's account of a transfer came to its end.
type End string

// The ends of a transfer.
const (
	Open       End = "open"       // it has not ended: the counts are those so far
	Closed     End = "closed"     // the client closed the file
	Forced     End = "forced"     // the session ended with the file open
	Lost       End = "lost"       // no close record came before the session ended, or the silence was too long
	Stopped    End = "stopped"    // the server's life ended with the file open
	Unreported End = "unreported" // the file was named to the monitoring, and never spoken of again
)

// A Quality says how far the byte counts of a transfer can be trusted.
type Quality string

// The qualities of a transfer.
const (
	Exact      Quality = "exact"       // as far as the server's own account goes
	Corrected  Quality = "corrected"   // the server counted the checksums of page writes too, and they are taken off (XROOTD.md fact 5): see Raw
	Requested  Quality = "requested"   // what was asked for, and more was asked for than there was (XROOTD.md fact 6)
	LowerBound Quality = "lower-bound" // at least so much: the account was cut short
	Unknown    Quality = "unknown"     // nothing is known of the bytes: the server did not count them (XROOTD.md fact 2)
	LostBytes  Quality = "lost"        // the record that had the count never came, and nothing else tells it
)

// A Transfer is one file access as a server's monitoring tells it.
type Transfer struct {
	// ID is "<sid>.<stod>.<file>": the server's fingerprint, the start of this
	// life of it, and the dictionary id of the open file. It names the same
	// transfer in every replay.
	ID string `json:"id"`

	Site    string `json:"site"`    // as the server's ident has it, or as configured
	Server  string `json:"server"`  // host:port: the server's name in the tree
	Address string `json:"address"` // IP:port: where the server's datagrams came from, with the server's own port
	Version string `json:"version,omitempty"`

	Client   string `json:"client"` // host, without brackets or the IPv4-in-IPv6 prefix
	User     string `json:"user"`   // login name; XRootD cuts it to 8 bytes
	PID      int    `json:"pid"`    // the client's process up to XRootD 5.6.4, a session number after
	Protocol string `json:"protocol,omitempty"`
	Path     string `json:"path"`
	Size     int64  `json:"size"` // of the file at open; -1 if unknown
	Writable bool   `json:"writable"`

	Opened Interval `json:"opened"`
	Closed Interval `json:"closed"`
	Bytes  Bytes    `json:"bytes"`
	Raw    *Bytes   `json:"raw,omitempty"` // what the server told, where Bytes is something else
	Ops    *Ops     `json:"ops,omitempty"` // nil where the server does not report them

	OpsDetail *OpsDetail `json:"ops_detail,omitempty"` // as Ops
	Trace     *Trace     `json:"trace,omitempty"`      // nil where nothing of the file is in the t stream

	// Progress is how far it was in between, as the server told, by time: at most
	// maxPoints of what it told. Empty where it told nothing.
	Progress []Point `json:"progress,omitempty"`

	End     End     `json:"end"`
	Quality Quality `json:"quality"`

	App     string `json:"app,omitempty"`      // what the client calls itself (&x= of the login)
	AppInfo string `json:"app_info,omitempty"` // the session's app info in force at the open (i record)
	MonInfo string `json:"mon_info,omitempty"` // the user's monitoring info (&y= of the login)

	ClientVersion string `json:"client_version,omitempty"`
	IPv6          bool   `json:"ipv6,omitempty"` // the client came over IPv6; false also where that is not known
	Auth          *Auth  `json:"auth,omitempty"`
	Token         *Token `json:"token,omitempty"`
	// Experiment and Activity are what the packets of the session are marked with
	// (scitags), 0 if with nothing.
	Experiment int `json:"experiment,omitempty"`
	Activity   int `json:"activity,omitempty"`

	// Sequence and Revision are the ledger's, and no part of what the monitoring tells.
	// Revision counts what was told of t since it ended, 0 while it is open; Sequence
	// is the place of the last of that among what was told of all that have ended.
	Sequence int64 `json:"-"`
	Revision int64 `json:"-"`
}

// Time returns the Unix second that decides which day t is of: when it was closed at
// the latest, or opened; 0 if neither is known.
func (t *Transfer) Time() int64 {
	if t.Closed.Known() {
		return t.Closed[1]
	}
	return t.Opened[1]
}

// An Outcome is how an access ended for its client.
type Outcome string

// The outcomes of a claim.
const (
	OK     Outcome = "ok"
	Failed Outcome = "failed" // an error: see Claim.Error
	Killed Outcome = "killed" // the client ended before the access did
)

// A Claim is one file access as the client itself tells it. Run and ID together
// name it: sending the same claim again changes nothing.
type Claim struct {
	Run string `json:"run"`
	ID  string `json:"id"` // unique in its run

	Client string `json:"client,omitempty"` // host as the server sees it
	Agent  string `json:"agent,omitempty"`  // the program that made the access
	User   string `json:"user,omitempty"`
	PID    int    `json:"pid,omitempty"`
	Server string `json:"server"` // host:port as the client addressed it
	Path   string `json:"path"`

	Asked    Bytes  `json:"asked"`
	Received *Bytes `json:"received,omitempty"` // received from, or acknowledged by, the server; nil if the client cannot tell
	Ops      *Ops   `json:"ops,omitempty"`

	Opened  float64 `json:"opened"`           // when the open was asked for
	Closed  float64 `json:"closed,omitempty"` // when the close was answered; 0 if it never was
	Outcome Outcome `json:"outcome"`
	Error   string  `json:"error,omitempty"`
}

// MaxTime is later than any time that anyone means: the year 9999. A float64
// has a second of it exactly, and an int64 a million sums of it.
const MaxTime = 253402300800

// Key names the claim among those of all runs, "<run>.<id>": what a client puts
// into its app info or monitoring info to be found again.
func (c *Claim) Key() string { return c.Run + "." + c.ID }

// Time returns the Unix second that decides which day c is of.
func (c *Claim) Time() int64 { return int64(math.Floor(max(c.Opened, c.Closed))) }

// Check returns what is wrong with c, nil if nothing is.
func (c *Claim) Check() error {
	switch {
	case c.Run == "":
		return errors.New("run is empty")
	case c.ID == "":
		return errors.New("id is empty")
	case c.Server == "":
		return errors.New("server is empty")
	case c.Path == "":
		return errors.New("path is empty")
	case !(c.Opened > 0 && c.Opened < MaxTime): // not a number is none either
		return errors.New("opened is not a time")
	case c.Closed != 0 && !(c.Closed < MaxTime):
		return errors.New("closed is not a time")
	case c.Closed != 0 && c.Closed < c.Opened:
		return errors.New("closed is before opened")
	}
	return c.checkOutcome()
}

func (c *Claim) checkOutcome() error {
	switch c.Outcome {
	case OK, Failed, Killed:
	default:
		return fmt.Errorf("outcome %q is none of ok, failed, killed", c.Outcome)
	}
	for _, b := range []*Bytes{&c.Asked, c.Received} {
		if b != nil && (b.Read < 0 || b.ReadV < 0 || b.Write < 0) {
			return errors.New("a byte count is negative")
		}
	}
	if c.Outcome == OK && c.Received == nil && c.Asked == (Bytes{}) {
		return errors.New("outcome is ok, and neither received nor asked tells any bytes; received may be all 0")
	}
	return nil
}

// A Kind is the outcome of laying a claim and its transfers together.
type Kind string

// The kinds of verdict.
const (
	Match     Kind = "match"     // every kind of bytes is equal on both sides
	Differ    Kind = "differ"    // it is not
	Missing   Kind = "missing"   // the monitoring has nothing, or no byte count, for the claim
	Extra     Kind = "extra"     // a transfer that no claim accounts for
	Fail      Kind = "failed"    // the client itself failed; what the monitoring has stands beside it
	Ambiguous Kind = "ambiguous" // several transfers fit equally well, with different results
)

// A Cause says why a verdict is what it is, where that is known.
type Cause string

// The causes. Each but the last two is claimed only with its evidence.
const (
	CauseExact       Cause = "exact"               // there is nothing to explain: both halves tell the same, or the server's stands alone and is exact
	PastEnd          Cause = "read-past-end"       // the server counts the bytes asked for, and less came (XROOTD.md fact 6)
	Checksums        Cause = "pgwrite-checksum"    // the server counts the checksums of page writes too (fact 5)
	KilledClient     Cause = "killed-client"       // the client or its connection ended before the access did (fact 2)
	AsyncCacheRead   Cause = "async-cache-read"    // a cache does not count the reads that it makes asynchronously (fact 3)
	HTTPPut          Cause = "http-put-unreported" // what an HTTP PUT writes is not counted
	ServerStopped    Cause = "server-stopped"      // the server was stopped with the record in its buffer or the file open (fact 7)
	PacketsLost      Cause = "packets-lost"        // packets with its records never came
	NoCloseByConfig  Cause = "no-close-by-config"  // the server is configured so that it tells of no close (fact 1)
	ClientFailed     Cause = "client-failed"       // the client had an error; the monitoring agrees with what it can have moved
	Partial          Cause = "partial"             // only some of the reads are there: Verdict.Detail has how many
	NotMonitored     Cause = "not-monitored"       // nothing came from the server then, or no stream that names its files
	CauseUnexplained Cause = "unexplained"         // none of the others: the alarm
	StillOpen        Cause = "open"                // the verdict is not final: a transfer has not ended, or records may still come
)

// A Verdict is one row of a validation: a claim with the transfers that belong
// to it, or a transfer that belongs to no claim.
type Verdict struct {
	Kind      Kind        `json:"verdict"`
	Cause     Cause       `json:"cause"`
	Detail    string      `json:"detail,omitempty"` // of the cause, in a few words for people
	Evidence  []string    `json:"evidence"`         // IDs of the transfers, losses and lives and keys of the claims that the cause rests on
	Join      string      `json:"join,omitempty"`   // "id" or "fields": how claim and transfers were found to belong together
	Claim     *Claim      `json:"claim,omitempty"`
	Shared    []string    `json:"shared,omitempty"` // keys of the other claims that the transfers belong to: all are compared in sum
	Transfers []*Transfer `json:"transfers"`
	Claimed   *Bytes      `json:"claimed,omitempty"` // what the client received; nil if it cannot tell
	Monitored Bytes       `json:"monitored"`         // the sum over the transfers
	Exact     bool        `json:"exact"`             // whether all transfers are of quality exact
}
