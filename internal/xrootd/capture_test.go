package xrootd_test

import (
	"encoding/json"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/capture"
	"tallystick/internal/xrootd"
)

const captures = "../capture/testdata"

func loadAll(tb testing.TB) []*capture.Capture {
	tb.Helper()
	dirs, err := os.ReadDir(captures)
	if err != nil {
		tb.Fatal(err)
	}
	var all []*capture.Capture
	for _, d := range dirs {
		c, err := capture.Load(os.DirFS(captures), d.Name())
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, c)
	}
	if len(all) < 8 {
		tb.Fatalf("%d captures, want 8 or more", len(all))
	}
	return all
}

// TestDecodeCounts compares how many datagrams and records of every kind are
// decoded with what the reference decoder counted, which stands in the notes of
// each capture.
func TestDecodeCounts(t *testing.T) {
	for _, c := range loadAll(t) {
		got := map[string]int{}
		var d xrootd.Datagram
		for i, p := range c.Packets {
			if err := d.Decode(p.Data); err != nil {
				t.Errorf("%s: datagram %d: %v", c.Name, i, err)
			}
			count(got, &d, p.Data)
		}
		if diff := cmp.Diff(noted(t, c.Name), got); diff != "" {
			t.Errorf("%s (-noted +got):\n%s", c.Name, diff)
		}
	}
}

// noted returns the counts in the notes of a capture.
func noted(t *testing.T, name string) map[string]int {
	t.Helper()
	notes, err := os.ReadFile(path.Join(captures, name, "notes.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(notes), "packets and records: ")
	if !ok {
		t.Fatalf("%s: no counts in the notes", name)
	}
	want := map[string]int{}
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&want); err != nil {
		t.Fatal(err)
	}
	return want
}

func count(n map[string]int, d *xrootd.Datagram, data []byte) {
	switch {
	case !d.Header.Text:
		n["pkt "+string(d.Header.Code)]++
	case d.Kind == xrootd.KindSummary:
		n["pkt xml"]++
	case data[0] == '{':
		n["pkt json"]++
	default:
		n["pkt cgi"]++
	}
	switch d.Kind {
	case xrootd.KindMap:
		if d.Header.Code == 'd' || d.Header.Code == 'i' {
			n["map "+string(d.Header.Code)]++
		}
	case xrootd.KindFile:
		n["f time"]++
		names := []string{"close", "open", "time", "xfr", "disc"}
		for _, r := range d.File.Records {
			n["f "+names[r.Type]]++
		}
	case xrootd.KindTrace:
		for i := range d.Trace.Entries {
			n["t "+traceName(&d.Trace.Entries[i])]++
		}
	case xrootd.KindRedirect:
		for _, e := range d.Redirect.Entries {
			if e.Window {
				n["r window"]++
			} else {
				n["r redirect"]++
			}
		}
	case xrootd.KindGStream:
		if d.GStream.Framing == xrootd.FrameBinary {
			n["g "+string(d.GStream.Provider)+" records"] += len(d.GStream.Records)
		}
	}
}

func traceName(e *xrootd.TraceEntry) string {
	if e.Type() == xrootd.TraceRead && e.Write() {
		return "write"
	}
	return map[xrootd.TraceType]string{
		xrootd.TraceRead: "read", xrootd.TraceOpen: "open", xrootd.TraceReadV: "readv", xrootd.TraceReadU: "readu",
		xrootd.TraceAppID: "appid", xrootd.TraceClose: "close", xrootd.TraceDisc: "disc", xrootd.TraceWindow: "window",
	}[e.Type()]
}

// A joiner joins f records and dictionary as the reference decoder did, which
// wrote the sessions of the captures. It stands here to check the decoder, and
// trusts that nothing is lost or late.
type joiner struct {
	t       *testing.T
	origin  string // of the datagram at hand
	stod    int64
	idents  map[string]xrootd.Ident
	users   map[string]xrootd.UserID
	rows    map[string]*capture.Session
	decoded xrootd.Datagram
}

func (j *joiner) key(id uint32) string {
	return strconv.FormatInt(j.stod, 10) + " " + j.origin + " " + strconv.FormatUint(uint64(id), 10)
}

func (j *joiner) packet(p capture.Packet) {
	j.t.Helper()
	d := &j.decoded
	if err := d.Decode(p.Data); err != nil {
		j.t.Error(err)
	}
	j.origin, j.stod = p.Remote, d.Header.Stod
	switch {
	case d.Header.Text:
	case d.Header.Code == '=':
		id, err := xrootd.ParseIdent(d.Map.Rest)
		if err != nil {
			j.t.Error(err)
		}
		j.idents[j.key(0)] = id
	case d.Header.Code == 'u':
		j.users[j.key(d.Map.DictID)] = d.Map.User()
	case d.Kind == xrootd.KindFile:
		j.file(&d.File)
	}
}

func (j *joiner) file(s *xrootd.FileStream) {
	for _, r := range s.Records {
		switch r.Type {
		case xrootd.FileOpen:
			j.rows[j.key(r.ID)] = j.open(s, &r)
		case xrootd.FileXfr:
			row := j.rows[j.key(r.ID)]
			row.Xfr = append(row.Xfr, [4]int64{s.End, r.Read, r.ReadV, r.Write})
			row.Xfr = row.Xfr[max(0, len(row.Xfr)-3):] // the reference wrote the last three
		case xrootd.FileClose:
			row := j.rows[j.key(r.ID)]
			row.Ended, row.Closed, row.Forced = [2]int64{s.Begin, s.End}, true, r.Forced
			row.Read, row.ReadV, row.Write = r.Read, r.ReadV, r.Write
			if o := r.Ops; r.HasOps {
				row.Ops = &capture.SessionOps{
					Read: o.Read, ReadV: o.ReadV, Write: o.Write, RsMin: o.SegsMin, RsMax: o.SegsMax, Rsegs: o.Segs,
					RdMin: o.ReadMin, RdMax: o.ReadMax, RvMin: o.ReadVMin, RvMax: o.ReadVMax, WrMin: o.WriteMin, WrMax: o.WriteMax,
				}
			}
		}
	}
}

func (j *joiner) open(s *xrootd.FileStream, r *xrootd.FileRecord) *capture.Session {
	ident := j.idents[j.key(0)]
	row := &capture.Session{
		Stod: j.stod, Remote: j.origin, Port: ident.Port, Site: ident.Site,
		FileID: r.ID, UserID: r.UserID, Size: r.Size, Writable: r.Writable, LFN: string(r.LFN),
		Opened: [2]int64{s.Begin, s.End}, Xfr: [][4]int64{},
	}
	if u, ok := j.users[j.key(r.UserID)]; ok {
		row.User, row.PID, row.Host, row.Proto = u.User, strconv.Itoa(u.PID), u.Host, u.Protocol
	}
	return row
}

// TestDecodeSessions joins the f records of every capture and compares each file
// access with the row of the reference decoder.
func TestDecodeSessions(t *testing.T) {
	for _, c := range loadAll(t) {
		j := &joiner{
			t: t, idents: map[string]xrootd.Ident{}, users: map[string]xrootd.UserID{}, rows: map[string]*capture.Session{},
		}
		for _, p := range c.Packets {
			j.packet(p)
		}
		want := map[string]*capture.Session{}
		for i := range c.Sessions {
			row := &c.Sessions[i]
			j.origin, j.stod = row.Remote, row.Stod
			want[j.key(row.FileID)] = row
		}
		if diff := cmp.Diff(want, j.rows); diff != "" || len(want) == 0 && c.Name != "l03_redirects" { // a manager has none
			t.Errorf("%s: %d rows (-reference +got):\n%s", c.Name, len(want), diff)
		}
	}
}
