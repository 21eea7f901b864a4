package collect_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"tallystick/internal/collect"
	"tallystick/internal/metric"
	"tallystick/internal/transfer"
)

// The datagrams that no recording has are made here, byte by byte as XROOTD.md
// section 1 has them.

const (
	madeSID = 56308042893772
	theUser = 1 // the dictionary ids of the one session and the one file that they are about
	theFile = 2
)

func made(code byte, seq int, stod int64, body []byte) []byte {
	b := []byte{code, byte(seq)}
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(body)))
	b = binary.BigEndian.AppendUint32(b, uint32(stod))
	return append(b, body...)
}

func mapped(code byte, seq int, stod int64, id uint32, text string) []byte {
	return made(code, seq, stod, append(binary.BigEndian.AppendUint32(nil, id), text...))
}

func userText(name string) string {
	return fmt.Sprintf("xroot/%s.17:%d@[::ffff:192.0.2.9]", name, madeSID)
}

// records makes an f datagram.
func records(seq int, begin, end int64, recs ...[]byte) []byte {
	b := []byte{2, 1, 0, 24, 0, 0, 0, byte(len(recs))}
	b = binary.BigEndian.AppendUint32(b, uint32(begin))
	b = binary.BigEndian.AppendUint32(b, uint32(end))
	b = binary.BigEndian.AppendUint64(b, madeSID)
	for _, r := range recs {
		b = append(b, r...)
	}
	return made('f', seq, stod, b)
}

func record(kind byte, id uint32, words ...uint64) []byte {
	b := []byte{kind, 0, 0, byte(8 + 8*len(words))}
	b = binary.BigEndian.AppendUint32(b, id)
	for _, w := range words {
		b = binary.BigEndian.AppendUint64(b, w)
	}
	return b
}

func opened(path string) []byte {
	b := []byte{1, 1, 0, 0}
	b = binary.BigEndian.AppendUint32(b, theFile)
	b = binary.BigEndian.AppendUint64(b, 4096)
	b = binary.BigEndian.AppendUint32(b, theUser)
	b = append(b, path...)
	b = append(b, make([]byte, 4-len(path)%4)...)
	b[3] = byte(len(b))
	return b
}

func xfr(id uint32, read uint64) []byte       { return record(3, id, read, 0, 0) }
func closedRec(id uint32, read uint64) []byte { return record(0, id, read, 0, 0) }
func disc() []byte                            { return record(4, theUser) }

func ident(stod int64) []byte {
	return mapped('=', 0, stod, 0, fmt.Sprintf("/root.9:%d@xcache\n&site=T2&port=1094&inst=i&pgm=xrootd&ver=v5.5.3", madeSID))
}

const stod = 1_800_000_000

// A run feeds a collector datagrams of one server, a second apart.
type run struct {
	t   *testing.T
	now time.Time
	*recorder
	*collect.Collector
}

func newRun(t *testing.T, cfg collect.Config) *run {
	t.Helper()
	r := newRecorder()
	return &run{t, time.Unix(stod, 0), r, collect.New(cfg, r)}
}

func (r *run) feed(datagrams ...[]byte) {
	r.t.Helper()
	for _, d := range datagrams {
		r.now = r.now.Add(time.Second)
		if err := r.Packet(r.now, collect.Packet{Remote: "192.0.2.1:4711", Data: d}); err != nil {
			r.t.Errorf("packet: %v", err)
		}
	}
}

func (r *run) pass(d time.Duration) {
	for end := r.now.Add(d); r.now.Before(end); {
		r.now = r.now.Add(min(time.Hour, end.Sub(r.now)))
		r.Advance(r.now)
	}
}

func (r *run) one() transfer.Transfer {
	r.t.Helper()
	if len(r.transfers) != 1 {
		r.t.Fatalf("got %d transfers, want 1", len(r.transfers))
	}
	for _, tr := range r.transfers {
		return *tr
	}
	panic("unreachable")
}

// A file that stays open for a week with a word every day keeps its name, its
// user and its bytes.
func TestStateLivesAsLongAsTheSession(t *testing.T) {
	r := newRun(t, collect.Default())
	r.feed(ident(stod), mapped('u', 1, stod, 1, userText("alice")+"\n&y=nightly.7"))
	r.feed(records(0, stod, stod+5, opened("/store/f")))
	for day := int64(1); day <= 7; day++ {
		r.pass(24 * time.Hour)
		r.feed(records(int(day), stod+day*86400, stod+day*86400+5, xfr(theFile, uint64(1000*day))))
	}
	r.pass(time.Hour)
	if got := r.one(); got.End != transfer.Open || got.Bytes.Read != 7000 || got.Quality != transfer.LowerBound {
		t.Errorf("while open: got %v %v %v, want open, 7000 bytes, lower-bound", got.End, got.Bytes, got.Quality)
	}
	r.feed(records(8, stod+8*86400, stod+8*86400+5, closedRec(theFile, 7500), disc()))
	r.pass(time.Hour)
	got := r.one()
	if got.End != transfer.Closed || got.Bytes.Read != 7500 || got.User != "alice" || got.Path != "/store/f" ||
		got.MonInfo != "nightly.7" || got.Client != "192.0.2.9" || got.Server != "xcache:1094" || got.Site != "T2" {
		t.Errorf("after the close: got %+v", got)
	}
	slots := 0
	for s, v := range r.samples {
		if s.Metric == metric.XrdReadBytes {
			slots++
			if want := 1000.0; v != want && v != 500 {
				t.Errorf("slot %d has %v bytes, want %v or 500", s.Time, v, want)
			}
		}
	}
	if slots != 8 {
		t.Errorf("bytes lie in %d slots, want 8", slots)
	}
	if s := r.Stats(); s.Files != 0 || s.Users != 0 {
		t.Errorf("after the session: got %d files and %d users, want none", s.Files, s.Users)
	}
}

// A silent file is given up after Config.Idle, and so is at last its server.
func TestSilenceEnds(t *testing.T) {
	r := newRun(t, collect.Default())
	r.feed(ident(stod), mapped('u', 1, stod, 1, userText("alice")+"\n"))
	r.feed(records(0, stod, stod+5, opened("/f")))
	r.pass(47 * time.Hour)
	if got := r.one(); got.End != transfer.Open {
		t.Errorf("after 47 h: got %v, want open", got.End)
	}
	r.pass(20 * time.Hour)
	if got := r.one(); got.End != transfer.Lost || got.Quality != transfer.LostBytes {
		t.Errorf("after 67 h: got %v %v, want lost, its bytes too", got.End, got.Quality)
	}
	r.pass(100 * time.Hour)
	if s := r.Stats(); s.Lives != 0 || s.Files != 0 || s.Users != 0 {
		t.Errorf("after a week: got %+v, want nothing held", s)
	}
}

// What forged packets can make is bounded, and refusing is counted.
func TestFull(t *testing.T) {
	cfg := collect.Default()
	cfg.Max = 26
	r := newRun(t, cfg)
	var full int
	for i := range 50 {
		d := mapped('u', i, stod, uint32(i+1), userText("mallory")+"\n")
		if err := r.Packet(r.now, collect.Packet{Remote: "192.0.2.1:4711", Data: d}); errors.Is(err, collect.ErrFull) {
			full++
		}
	}
	if full != 41 { // 1 life (16), 1 name and 9 users fit
		t.Errorf("got %d refusals, want 41", full)
	}
	if s := r.Stats(); s.Full != 41 || s.Users != 9 {
		t.Errorf("got %d counted and %d users, want 41 and 9", s.Full, s.Users)
	}
}

// A server that never names itself has a name all the same, and gets its own as
// soon as it tells it. What an operator says stands above both.
func TestServerNames(t *testing.T) {
	f := func(servers map[string]collect.Name, wantName, wantSite string) {
		t.Helper()
		cfg := collect.Default()
		cfg.Servers = servers
		r := newRun(t, cfg)
		r.feed(records(0, stod, stod+5, opened("/f")))
		if _, ok := r.servers["192.0.2.1#56308042893772"]; !ok && servers == nil {
			t.Errorf("nameless: got %v", r.servers)
		}
		r.feed(ident(stod))
		s, ok := r.servers[wantName]
		if !ok || s.Site != wantSite || s.Address != "192.0.2.1:1094" {
			t.Errorf("named: got %+v, want %s at %s", r.servers, wantName, wantSite)
		}
	}
	f(nil, "xcache:1094", "T2")
	f(map[string]collect.Name{"192.0.2.1": {Site: "MINE"}}, "xcache:1094", "MINE")
	f(map[string]collect.Name{"192.0.2.1:1094": {Site: "MINE", Name: "x.example:1094"}}, "x.example:1094", "MINE")
}

// Records of an old life that come after the new one has begun belong to the old.
func TestLateDatagramOfAnOldLife(t *testing.T) {
	r := newRun(t, collect.Default())
	next := int64(stod + 100)
	r.feed(ident(stod), mapped('u', 1, stod, 1, userText("alice")+"\n"))
	r.feed(records(0, stod, stod+5, opened("/f")))
	r.feed(ident(next))
	r.feed(records(1, stod+5, stod+10, closedRec(theFile, 11)))
	r.pass(time.Hour)
	if got := r.one(); got.End != transfer.Closed || got.Bytes.Read != 11 || got.User != "alice" {
		t.Errorf("got %+v, want closed by alice with 11 bytes", got)
	}
}

// A datagram that breaks in the middle gives what came before the break.
func TestBrokenDatagram(t *testing.T) {
	r := newRun(t, collect.Default())
	r.feed(ident(stod), mapped('u', 1, stod, 1, userText("alice")+"\n"))
	d := records(0, stod, stod+5, opened("/f"), closedRec(theFile, 11), []byte{0, 0, 0, 255, 0, 0, 0, 9})
	if err := r.Packet(r.now, collect.Packet{Remote: "192.0.2.1:4711", Data: d}); err == nil {
		t.Error("a record longer than its datagram is no error")
	}
	r.pass(time.Hour)
	if got := r.one(); got.Bytes.Read != 11 {
		t.Errorf("got %+v, want the 11 bytes before the break", got)
	}
}

// How far a file was in between is told with it, thinned out where that is much, and so
// are the newest points.
func TestProgressIsTold(t *testing.T) {
	r := newRun(t, collect.Default())
	r.feed(ident(stod), records(0, stod, stod+1, opened("/f")))
	for i := range 100 {
		r.feed(records(1+i, stod+int64(i), stod+int64(i)+1, xfr(theFile, uint64(i+1)*10)))
		r.pass(time.Second)
	}
	r.feed(records(101, stod+100, stod+101, closedRec(theFile, 1005)))
	r.pass(time.Minute)
	got := r.one()
	last := got.Progress[len(got.Progress)-1]
	if n := len(got.Progress); n < 8 || n > 16 || last != (transfer.Point{At: stod + 100, Bytes: 1000}) {
		t.Errorf("got %v", got.Progress)
	}
	for i, p := range got.Progress {
		if p.Bytes != (p.At-stod)*10 || i > 0 && p.At <= got.Progress[i-1].At {
			t.Errorf("point %d is %v", i, p)
		}
	}
}
