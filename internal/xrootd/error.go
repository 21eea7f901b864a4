package xrootd

import "fmt"

// The reasons of an Error. They are few and constant, so that they can label a
// metric.
const (
	ReasonShort  = "short"  // ends before what must be there
	ReasonLong   = "long"   // longer than any datagram can be
	ReasonLength = "length" // the header tells another length than the datagram has
	ReasonCode   = "code"   // of no known kind
	ReasonRecord = "record" // a record or entry that does not fit its own layout
	ReasonUser   = "user"   // no user id where one belongs
	ReasonField  = "field"  // a value that is not what its key promises
	ReasonJSON   = "json"   // not JSON
	ReasonXML    = "xml"    // not XML
	ReasonLimit  = "limit"  // deeper, longer or more than is accepted
	ReasonTime   = "time"   // a time that does not fit its field
)

// An Error says what is wrong with a datagram, or with a part of it, and where.
type Error struct {
	Offset int    // of the byte in what was decoded or parsed
	Reason string // one of the Reason constants
	Detail string
}

// Error returns reason, place and detail.
func (e *Error) Error() string {
	return fmt.Sprintf("%s at byte %d: %s", e.Reason, e.Offset, e.Detail)
}

func errorAt(offset int, reason, format string, args ...any) *Error {
	return &Error{Offset: offset, Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
