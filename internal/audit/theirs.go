package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"tallystick/internal/transfer"
)

// A Form is whose form a record has.
type Form string

// The forms of records (XROOTD.md section 3).
const (
	Go     Form = "go"
	Python Form = "python"
	WLCG   Form = "wlcg"
	Cache  Form = "cache" // of a cache's g-stream, of either collector
	Copy   Form = "copy"  // of a third-party copy, of either collector
)

// A Record is what a collector made of one access.
type Record struct {
	Line int // in its file, from 1
	Form Form
	ID   string // of our transfer, in records that we wrote

	Stod  int64 // start of the server's life, Unix seconds; 0 where the form does not tell
	Site  string
	User  string
	DN    string // of the user
	Host  string // of the client
	Path  string
	Start float64 // Unix seconds
	End   float64
	Size  int64
	Bytes transfer.Bytes

	AppInfo  string
	Minima   []int64 // of sizes of operations
	CountAvg float64 // segments of a vector read
	Vectors  int64   // vector reads
}

// maxLine is the longest line of a file of records: a record is some 2 KiB.
const maxLine = 1 << 20

var errForm = errors.New("is a record in no form that is known: neither of the Go nor the Python collector, nor of WLCG")

// Read reads records, one a line in JSON. What cannot be read is told by line, and
// left out.
func Read(r io.Reader) (records []Record, bad []Finding, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		text := lines.Bytes()
		if len(strings.TrimSpace(string(text))) == 0 {
			continue
		}
		rec, err := parse(text)
		if err != nil {
			bad = append(bad, Finding{Error: Unreadable, Line: n, Theirs: err.Error()})
			continue
		}
		rec.Line = n
		records = append(records, rec)
	}
	if err := lines.Err(); err != nil {
		return records, bad, fmt.Errorf("read records: %w", err)
	}
	return records, bad, nil
}

// raw has the keys of all forms that are looked at.
type raw struct {
	ID         string          `json:"tallystick_id"`
	GoTime     *string         `json:"@timestamp"`
	PythonTime *json.Number    `json:"timestamp"`
	ServerID   string          `json:"serverID"`
	UniqueID   *string         `json:"unique_id"`
	Site       string          `json:"site"`
	ServerSite string          `json:"server_site"`
	User       string          `json:"user"`
	DN         string          `json:"user_dn"`
	Host       string          `json:"host"`
	ClientHost string          `json:"client_host"`
	Filename   *string         `json:"filename"`
	LFN        *string         `json:"file_lfn"`
	Start      float64         `json:"start_time"`
	End        float64         `json:"end_time"`
	Filesize   json.RawMessage `json:"filesize"`
	FileSize   int64           `json:"file_size"`
	AppInfo    string          `json:"appinfo"`

	Read, ReadV, Write int64
	Single             int64 `json:"read_single_bytes"`
	Vector             int64 `json:"read_vector_bytes"`
	Written            int64 `json:"write_bytes"`

	ReadMin   int64   `json:"read_min"`
	SingleMin int64   `json:"read_single_min"`
	VectorMin int64   `json:"read_vector_min"`
	WriteMin  int64   `json:"write_min"`
	CountAvg  float64 `json:"read_vector_count_average"`
	Vectors   int64   `json:"read_vector_operations"`

	FilePath *string  `json:"file_path"` // of a cache
	LFNCache *string  `json:"lfn"`
	Attach   *float64 `json:"attach_time"`
	Dest     *string  `json:"destination"` // of a copy
}

func parse(text []byte) (Record, error) {
	var r raw
	if err := json.Unmarshal(text, &r); err != nil {
		return Record{}, err
	}
	out := Record{
		ID: r.ID, Site: r.Site, User: r.User, DN: r.DN, Host: r.Host, Start: r.Start, End: r.End, AppInfo: r.AppInfo,
		Bytes:  transfer.Bytes{Read: r.Read, ReadV: r.ReadV, Write: r.Write},
		Minima: []int64{r.ReadMin, r.SingleMin, r.VectorMin, r.WriteMin}, CountAvg: r.CountAvg, Vectors: r.Vectors,
	}
	switch {
	case r.LFN != nil && r.UniqueID != nil:
		out.Form, out.Path, out.Size, out.Host, out.Site = WLCG, *r.LFN, r.FileSize, r.ClientHost, r.ServerSite
		out.User = "" // of a certificate, not of the login
		out.Bytes = transfer.Bytes{Read: r.Single, ReadV: r.Vector, Write: r.Written}
	case r.GoTime != nil && r.Filename != nil:
		out.Form, out.Path = Go, *r.Filename
	case r.PythonTime != nil && r.Filename != nil:
		out.Form, out.Path, out.Start, out.End = Python, *r.Filename, r.Start/1000, r.End/1000
	case r.Attach != nil:
		out.Form, out.Path = Cache, first(r.FilePath, r.LFNCache)
	case r.Dest != nil:
		out.Form, out.Path = Copy, *r.Dest
	default:
		return out, errForm
	}
	if out.Size == 0 {
		out.Size, _ = strconv.ParseInt(strings.Trim(string(r.Filesize), `"`), 10, 64)
	}
	start, _, _ := strings.Cut(r.ServerID, "#")
	out.Stod, _ = strconv.ParseInt(start, 10, 64)
	out.Path = known(out.Path)
	out.User, out.Host, out.Site = known(out.User), known(out.Host), known(out.Site)
	return out, nil
}

func first(texts ...*string) string {
	for _, t := range texts {
		if t != nil {
			return *t
		}
	}
	return ""
}

// known returns s, nothing if it is one of the words that collectors have for what they
// do not know.
func known(s string) string {
	switch s {
	case "unknown", "UNKNOWN", "0", "unknown directory", "missing directory", "/":
		return ""
	}
	return s
}
