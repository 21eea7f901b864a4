// Package record writes a transfer as others write theirs: as the records of the Go
// and the Python collector of XRootD's monitoring, and as WLCG's of file access, for
// the systems that are fed with those; and what caches and third-party copies tell, as
// both collectors pass it on.
//
// The keys and the types of their values are those of the collectors (XROOTD.md
// section 3; recordings of both are in testdata). What the collectors are known to
// get wrong is not repeated where the right value is known:
//
//	start_time, end_time     of the transfer: the beginning of the interval in which the
//	                         server says it was opened and closed. The Go collector has
//	                         the server's start, and when it came to process the record.
//	@timestamp, metadata     the end of the transfer, so that the same transfer gives the
//	                         same record whenever it is sent
//	serverID                 with the server's own port, not that of the socket that its
//	                         datagrams come from, which is another after each restart
//	server_hostname          as the server names itself: no name is looked up
//	site, user, filename     also of files that are open for more than five minutes, and
//	                         of those opened for writing
//	appinfo                  what was in force when the file was opened, not what came last
//	read, readv, write       without checksums of pages, where they are known
//	…_min                    0 where only page reads or writes came, not 2147483647
//	read_min, read_max       (Python) of those kinds of reads that there were
//	read_vector_count_average (Python) pieces for each vector read, not for each byte
//	unique_id                made of the transfer's ID, the same each time
//	HasFileCloseMsg          0 where no close record came
//
// Beside theirs stand our own keys, which begin with tallystick_: see ours.
//
// The package is pure. TestAsRecorded holds it to the recordings.
package record

import (
	"encoding/json"
	"fmt"
	"slices"

	"tallystick/internal/transfer"
)

// A Form is whose records are written.
type Form string

// The forms.
const (
	Go     Form = "go"     // the Go collector's: Unix seconds
	Python Form = "python" // the Python collector's: Unix milliseconds
	WLCG   Form = "wlcg"   // WLCG's of file access, with the metadata that MONIT wants
)

// UnmarshalText reads the name of a form.
func (f *Form) UnmarshalText(text []byte) error {
	if forms := []Form{Go, Python, WLCG}; !slices.Contains(forms, Form(text)) {
		return fmt.Errorf("%q is none of %v", text, forms)
	}
	*f = Form(text)
	return nil
}

// A Producer is who sends records, as WLCG's form wants to know it.
type Producer struct {
	Producer string `koanf:"producer"` // metadata.producer
	Type     string `koanf:"type"`     // metadata.type
	Host     string `koanf:"-"`        // metadata.host: where it runs
}

// Encode returns t, which has ended, as JSON on one line, without its end.
func Encode(f Form, t *transfer.Transfer, by Producer) ([]byte, error) {
	switch f {
	case Go:
		return encode(asGo(t))
	case Python:
		return encode(asPython(t))
	case WLCG:
		return encode(asWLCG(t, by))
	}
	return nil, fmt.Errorf("record of form %q: there is none", f)
}

func encode(r any) ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	return b, nil
}

// ours is what Tallystick knows besides. The keys are the same in every form.
type ours struct {
	ID       string             `json:"tallystick_id"`       // of the transfer: the same in every revision
	Revision int64              `json:"tallystick_revision"` // from 1: of several with one ID the last one counts
	Quality  transfer.Quality   `json:"tallystick_quality"`  // of the byte counts
	End      transfer.End       `json:"tallystick_end"`
	Opened   *transfer.Interval `json:"tallystick_opened,omitempty"` // not before and not after, Unix seconds
	Closed   *transfer.Interval `json:"tallystick_closed,omitempty"`
	Raw      *transfer.Bytes    `json:"tallystick_raw,omitempty"` // what the server told, where the counts are something else
}

func asOurs(t *transfer.Transfer) ours {
	o := ours{ID: t.ID, Revision: max(t.Revision, 1), Quality: t.Quality, End: t.End, Raw: t.Raw}
	if t.Opened.Known() {
		o.Opened = &t.Opened
	}
	if t.Closed.Known() {
		o.Closed = &t.Closed
	}
	return o
}
