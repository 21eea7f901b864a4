package transfer

// What a Transfer has beside the counts that everybody wants. Records of one session
// may share what these point to: it is not changed once it is told.

// A Range is the smallest and the largest of some requests.
type Range struct {
	Min int64 `json:"min"`
	Max int64 `json:"max"`
}

// OpsDetail is what a server tells of the sizes of requests, as it tells it: Read and
// Write leave page reads and page writes out, and of no others Min is 2147483647 and
// Max is 0 (XROOTD.md fact 4).
type OpsDetail struct {
	Read     Range    `json:"read"`     // bytes of a read
	ReadV    Range    `json:"readv"`    // bytes of a vector read
	Segments Range    `json:"segments"` // pieces of a vector read
	Write    Range    `json:"write"`    // bytes of a write
	Squares  *Squares `json:"squares,omitempty"`
}

// Squares are the sums of the squares of what OpsDetail has the ranges of: ssq in
// fstat.
type Squares struct {
	Read     float64 `json:"read"`
	ReadV    float64 `json:"readv"`
	Segments float64 `json:"segments"`
	Write    float64 `json:"write"`
}

// A Trace is what the t stream says of a file: a second witness, of what the client
// asked for. A server that traces opens and closes only (files, and not io) tells no
// requests; those of a session come in packets of their own, and can be missing
// although open and close are there.
type Trace struct {
	Bytes    Bytes `json:"bytes"` // asked for, the checksums of page writes included
	Ops      Ops   `json:"ops"`
	PastEnd  int64 `json:"past_end"` // bytes asked for by reads beyond the size that the file had when it was opened
	Complete bool  `json:"complete"` // open and close were seen
	// Totals is what the server counted up to the close; nil if no close was seen.
	Totals *Totals `json:"totals,omitempty"`
}

// Totals are what a close entry of the t stream tells: the same counts as a close
// record of the f stream, with reads of all kinds together. Above 4 GiB the low bits are
// lost: it is at least so much.
type Totals struct {
	Read  int64 `json:"read"`
	Write int64 `json:"write"`
}

// Auth is what a server knows of who logged in.
type Auth struct {
	Protocol string `json:"protocol,omitempty"` // of the authentication: unix, gsi, ztn, …; http
	Name     string `json:"name,omitempty"`     // &n: a name, or with gsi a distinguished name
	DN       string `json:"dn,omitempty"`       // &m: a distinguished name
	VO       string `json:"vo,omitempty"`
	Role     string `json:"role,omitempty"`
	Groups   string `json:"groups,omitempty"`
}

// A Token is what a session's token says (T record).
type Token struct {
	Subject string `json:"subject,omitempty"`
	User    string `json:"user,omitempty"` // that it was mapped to
	Org     string `json:"org,omitempty"`
	Role    string `json:"role,omitempty"`
	Groups  string `json:"groups,omitempty"`
}
