package transfer

import "strconv"

// A LossOf says what a Loss counts.
type LossOf string

// What is counted of what was lost. The kinds overlap: a login that was lost is a
// packet and an id.
const (
	MapPackets     LossOf = "map"     // packets of the sequence that = d i p r t T u U x share (XROOTD.md fact 8)
	FilePackets    LossOf = "file"    // packets of the f stream: opens, closes, progress
	GStreamPackets LossOf = "gstream" // packets of a g-stream
	Records        LossOf = "records" // records that an f packet announces and does not have, and opens and closes of files that must have been there
	IDs            LossOf = "ids"     // dictionary ids that were given and never spoken of (XROOTD.md fact 9)
)

// A Loss tells that something which a server sent never came.
type Loss struct {
	SID    uint64 `json:"sid"`    // the server's fingerprint, 0 if it tells none
	Stod   int64  `json:"stod"`   // the start of this life of it, Unix seconds
	Server string `json:"server"` // host:port: its name in the tree
	Of     LossOf `json:"of"`
	// Count is how many were lost at least. It is negative where some of those
	// told before came after all.
	Count int64 `json:"count"`
	// Sent is when they were sent: by the server's clock, but for MapPackets between
	// the arrivals of those before and after.
	Sent Interval `json:"sent"`
}

// LifeID names the life that the loss is of: see Life.ID.
func (l *Loss) LifeID() string {
	return strconv.FormatUint(l.SID, 10) + "." + strconv.FormatInt(l.Stod, 10)
}

// ID names the loss, "<sid>.<stod>.<of>.<from>". The ledger makes one of the losses
// of a minute, so that it may name several that are alike in these.
func (l *Loss) ID() string {
	return l.LifeID() + "." + string(l.Of) + "." + strconv.FormatInt(l.Sent[0], 10)
}
