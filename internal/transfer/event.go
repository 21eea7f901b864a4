package transfer

// The providers of events.
const (
	PFC   = "pfc"   // a cache: a file was let go of
	TPC   = "tpc"   // a third-party copy ended
	Purge = "purge" // a file was purged
	Stage = "stage" // a file was staged or migrated
)

// An Event is something that a part of a server besides its f stream tells of one
// file: another account of what moved, by which the first can be checked.
type Event struct {
	// ID is "<sid>.<stod>.<provider>.<hash of the record>": the same in every replay.
	ID       string `json:"id"`
	Provider string `json:"provider"`

	SID     uint64 `json:"sid"`     // the server's fingerprint, 0 if it tells none
	Stod    int64  `json:"stod"`    // the start of this life of it, 0 if it tells none
	Server  string `json:"server"`  // host:port, or the IP address of one that does not say which it is
	Address string `json:"address"` // IP:port, or the IP address

	At    Interval `json:"at"` // of a cache from the first open to the last close, Unix seconds
	Path  string   `json:"path"`
	Bytes int64    `json:"bytes"` // of a cache: what it gave to readers; else the file's size, 0 if not told
	// Sequence is the ledger's: its place among what was told, 0 if it has none.
	Sequence int64 `json:"-"`

	// Record is the record as it came, empty if it is longer than MaxRecord.
	Record string `json:"record"`
}

// MaxRecord is the longest record that an Event keeps: of a cache it is some 300
// bytes, the name of the file, and 20 for each origin.
const MaxRecord = 4096
