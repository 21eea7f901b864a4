package collect_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/collect"
	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// What caches and third-party copies tell is there in every framing, at the server
// that tells it. One that tells no more than its address is called by it.
func TestEventsOfCapture(t *testing.T) {
	r := play(t, arrivals(load(t, "s12_gstream")))
	got := map[string][]int64{} // by provider and server: how many, their bytes
	for _, e := range r.events {
		k := e.Provider + " " + e.Server
		if got[k] == nil {
			got[k] = make([]int64, 2)
		}
		got[k][0]++
		got[k][1] += e.Bytes
	}
	all := []int64{7, 700_001 + 700_002 + 700_003 + 700_004 + 700_005 + 700_001 + 5000}
	want := map[string][]int64{
		"pfc vm:21095": all, "pfc vm:21096": all, "pfc vm:21097": all, "pfc 127.0.0.1": all,
		"tpc vm:21099": {3, 0},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	hits := map[string]float64{
		"SITE_XC vm:21095": 705_001, "SITE_XJ vm:21096": 705_001, "SITE_XG vm:21097": 705_001, "UNKNOWN 127.0.0.1": 705_001,
	}
	if d := cmp.Diff(hits, r.own("xrd_pfc_hit_bytes")); d != "" {
		t.Errorf("hits (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]float64{"SITE_TPC vm:21099": 3}, r.own("xrd_tpc_copies")); d != "" {
		t.Errorf("copies (-want +got):\n%s", d)
	}
	for _, e := range r.events {
		if e.Provider == transfer.TPC && (!strings.HasPrefix(e.Path, "/x/copy") || e.At[0] < 1795325088 || e.At[1] > 1795325094) {
			t.Errorf("got a copy of %q at %v", e.Path, e.At)
		}
		if !strings.HasPrefix(e.Record, "{") || !strings.HasPrefix(e.ID, fmt.Sprintf("%d.%d.%s.", e.SID, e.Stod, e.Provider)) {
			t.Errorf("got %+v", e)
		}
	}
}

func gstream(seq int, provider byte, end int64, lines ...string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(end-5))
	b = binary.BigEndian.AppendUint32(b, uint32(end))
	b = binary.BigEndian.AppendUint64(b, uint64(provider)<<56|madeSID)
	return made('g', seq, stod, append(b, strings.Join(lines, "\n")+"\x00"...))
}

func sums(r *run) map[string]float64 {
	out := map[string]float64{}
	for s, v := range r.samples {
		k := s.Server + " " + s.Metric
		if s.Client != "" {
			k = s.Server + " " + s.Client + " " + s.Metric
		}
		out[k] += v
	}
	return out
}

// Counters of plug-ins are told as differences, also when one and the same second
// has several, and records that nobody knows are counted.
func TestMeters(t *testing.T) {
	r := newRun(t, collect.Default())
	oss := func(n int) string { return fmt.Sprintf(`{"event":"oss_stats","reads":%d,"read_t":%d.5}`, n, n/10) }
	http := func(n int) string {
		return fmt.Sprintf(`{"HTTP_GET_200":{"count":%d,"success":1},"HTTP_PUT_500":{"count":1,"errors_network":1}}`, n)
	}
	r.feed(gstream(1, 'O', stod+5, oss(10), oss(12)), gstream(2, 'O', stod+5, oss(14)), gstream(3, 'O', stod+6, oss(20)))
	r.feed(gstream(1, 'H', stod+5, http(2)), gstream(2, 'H', stod+6, http(5)))
	r.feed(gstream(1, 'R', stod+5, `{"event":"throttle_update","io_wait":0.25,"io_active":3,"io_total":7}`))
	r.feed(gstream(1, 'M', stod+5, `{"any":"thing"}`), gstream(1, 'Z', stod+5, `{}`), ident(stod))
	r.pass(time.Hour)
	want := map[string]float64{
		"xcache:1094 xrd_oss_reads": 20, "xcache:1094 xrd_oss_read_t": 2.5,
		"xcache:1094 xrd_http_count": 6, "xcache:1094 xrd_http_success": 1, "xcache:1094 xrd_http_errors_network": 1,
		"xcache:1094 xrd_throttle_io_wait": 0.25, "xcache:1094 xrd_throttle_io_active": 3, "xcache:1094 xrd_throttle_io_total": 7,
	}
	if d := cmp.Diff(want, sums(r)); d != "" {
		t.Errorf("samples (-want +got):\n%s", d)
	}
	counted := map[string]uint64{"oss": 4, "http": 2, "throttle": 1, "ccm": 1, "other": 1}
	if d := cmp.Diff(counted, r.Stats().Events); d != "" {
		t.Errorf("records (-want +got):\n%s", d)
	}
}

// A record that is wrong is told with its place, and costs no other.
func TestBadRecordOfGStream(t *testing.T) {
	f := func(provider byte, line, reason string) {
		t.Helper()
		r := newRun(t, collect.Default())
		good := `{"event":"file_close","lfn":"/f","attach_t":1800000000,"detach_t":1800000002,"b_hit":7}`
		err := r.Packet(r.now, collect.Packet{Remote: "192.0.2.1:4711", Data: gstream(1, provider, stod+5, line)})
		var bad *xrootd.Error
		if !errors.As(err, &bad) || bad.Reason != reason || !strings.Contains(bad.Detail, "record 0") {
			t.Errorf("%s: got error %v, want %s in record 0", line, err, reason)
		}
		err = r.Packet(r.now, collect.Packet{Remote: "192.0.2.1:4711", Data: gstream(1, 'C', stod+5, "{", good)})
		if !errors.As(err, &bad) || bad.Reason != xrootd.ReasonJSON {
			t.Errorf("got error %v, want one of JSON", err)
		}
		r.feed(ident(stod))
		r.pass(time.Minute)
		if got := sums(r)["xcache:1094 xrd_pfc_hit_bytes"]; got != 7 || len(r.events) != 1 {
			t.Errorf("got %v bytes and %d events of the good one, want 7 and 1", got, len(r.events))
		}
	}
	f('C', `{"event":"file_close"`, xrootd.ReasonJSON)
	f('C', `[]`, xrootd.ReasonJSON)
	f('C', `{"event":"file_close","lfn":"/f","b_hit":-1}`, xrootd.ReasonRecord)
	f('C', `{"event":"file_close","lfn":"/f","b_hit":1e30}`, xrootd.ReasonJSON)
	f('P', `{"TPC":"xroot","Xeq":{"End":"yesterday"}}`, xrootd.ReasonRecord)
	f('O', `{"event":"oss_stats","reads":1e999}`, xrootd.ReasonJSON)
	f('H', `{"HTTP_GET_200":3}`, xrootd.ReasonJSON)
}

// Datagrams without a header are of the only server at their address, or of the one
// that an operator says, and each counts once.
func TestBareGStream(t *testing.T) {
	record := []byte(`{"event":"file_close","lfn":"/f","attach_t":1800000000,"detach_t":1800000002,"b_hit":7}`)
	f := func(cfg collect.Config, want string, others ...[]byte) {
		t.Helper()
		r := newRun(t, cfg)
		r.feed(record, record)
		r.feed(others...)
		r.pass(time.Minute)
		if got := sums(r); got[want+" xrd_pfc_hit_bytes"] != 7 {
			t.Errorf("got %v, want 7 bytes at %s", got, want)
		}
		for _, e := range r.events {
			if e.Server != want || e.Path != "/f" {
				t.Errorf("got the event %+v, want one of /f at %s", e, want)
			}
		}
	}
	f(collect.Default(), "192.0.2.1")
	f(collect.Default(), "xcache:1094", ident(stod))
	other := []byte(strings.Replace(string(ident(stod)), strconv.Itoa(madeSID), strconv.Itoa(madeSID+1), 1))
	f(collect.Default(), "192.0.2.1", ident(stod), other)
	named := collect.Default()
	named.Servers = map[string]collect.Name{"192.0.2.1:4711": {Site: "T2", Name: "cache:1"}}
	f(named, "cache:1", ident(stod), other)
}

// The numbers of text packets go on with 0 after 999, and what lacks between them is
// lost.
func TestNumbersOfText(t *testing.T) {
	f := func(want int64, seqs ...int) {
		t.Helper()
		r := newRun(t, collect.Default())
		for i, seq := range seqs {
			r.feed(fmt.Appendf(nil, `{"code":"g","pseq":%3d,"stod":%d,"sid":%d,"gs":{"type":"C","tbeg":%d,"tend":%d}}`+"\n"+`{"event":"other"}`,
				seq, stod, madeSID, stod+i, stod+i))
		}
		r.pass(time.Minute)
		if got := r.lost[transfer.GStreamPackets]; got != want {
			t.Errorf("%v: got %d lost, want %d", seqs, got, want)
		}
	}
	f(0, 1, 2, 3)
	f(0, 997, 998, 999, 0, 1, 2)
	f(1, 997, 998, 0, 1, 2)
	f(0, 999, 2, 1, 0, 998)
	f(3, 999, 3)
	f(2, 1, 4)
}

// A redirection is counted at its target, whose port the record does not tell.
func TestRedirects(t *testing.T) {
	slot := func(kind byte, port uint16, text string) []byte {
		n := (len(text) + 8) / 8
		b := []byte{kind, byte(n)}
		b = binary.BigEndian.AppendUint16(b, port)
		b = binary.BigEndian.AppendUint32(b, theUser)
		return append(append(b, text...), make([]byte, 8*n-len(text))...)
	}
	window := binary.BigEndian.AppendUint64(nil, 60<<32|uint64(stod+1))
	b := binary.BigEndian.AppendUint64(nil, 0xf0<<56|madeSID)
	for _, s := range [][]byte{
		window, slot(0x85, 1094, "Disk1.example:/a"), slot(0x86, 1094, "disk1.example:/b"),
		slot(0x85, 1094, "[::ffff:192.0.2.7]:/a"), slot(0x95, 1094, "localhost:/c"),
	} {
		b = append(b, s...)
	}
	r := newRun(t, collect.Default())
	r.feed(made('r', 3, stod, b), made('r', 3, stod, b), ident(stod))
	r.pass(time.Minute)
	want := map[string]float64{
		"xcache:1094 disk1.example xrd_redirects": 2, "xcache:1094 192.0.2.7 xrd_redirects": 1, "xcache:1094 xrd_redirects_local": 1,
	}
	if d := cmp.Diff(want, sums(r)); d != "" {
		t.Errorf("samples (-want +got):\n%s", d)
	}
	for s := range r.samples {
		if s.Client != "" && (s.At != collect.AtTarget || s.Time != stod+1) {
			t.Errorf("got %+v, want a target at %d", s, stod+1)
		}
	}
}

// Daemons tell of files before or after they say who they are.
func TestDaemons(t *testing.T) {
	const sid = madeSID + 5
	who := mapped('=', 0, stod, 0, fmt.Sprintf("/root.9:%d@tape\n&site=T1&port=0&inst=i&pgm=frm_purged&ver=v5.5.3", sid))
	purge := mapped('p', 1, stod, 0, fmt.Sprintf("//a/b\n&tod=%d&sz=100&at=1&ct=2&mt=3&fn=p", stod+1))
	stage := mapped('x', 2, stod, 0, fmt.Sprintf("/a/c\n&tod=%d&sz=70&qt=3&tm=4&op=0&rc=0", stod+5))
	failed := mapped('x', 3, stod, 0, fmt.Sprintf("/a/d\n&tod=%d&sz=70&qt=3&tm=4&op=0&rc=9", stod+5))
	want := map[string]float64{
		"tape xrd_purge_files": 1, "tape xrd_purge_bytes": 100,
		"tape xrd_stage_files": 1, "tape xrd_stage_bytes": 70, "tape xrd_stage_failures": 1,
	}
	for _, ds := range [][][]byte{{who, purge, stage, failed}, {failed, purge, purge, stage, who}} {
		r := newRun(t, collect.Default())
		r.feed(ds...)
		r.pass(time.Minute)
		if d := cmp.Diff(want, sums(r)); d != "" {
			t.Errorf("samples (-want +got):\n%s", d)
		}
		paths := map[string]transfer.Interval{}
		for _, e := range r.events {
			paths[e.Provider+" "+e.Path+" "+e.Server] = e.At
		}
		events := map[string]transfer.Interval{
			"purge /a/b tape": {stod + 1, stod + 1}, "stage /a/c tape": {stod + 1, stod + 5}, "stage /a/d tape": {stod + 1, stod + 5},
		}
		if d := cmp.Diff(events, paths); d != "" {
			t.Errorf("events (-want +got):\n%s", d)
		}
	}
}

// What a real manager tells of redirections is counted, in any order; of its cmsd's
// summary there is no balance, since that moves no files.
func TestRedirectsOfCapture(t *testing.T) {
	as := arrivals(load(t, "l03_redirects"))
	for _, as := range [][]arrival{as, jumble(double(as, 3), 3)} {
		r := play(t, as)
		got := map[string]float64{}
		for s, v := range r.samples {
			if s.Metric == "xrd_redirects" {
				got[s.Site+" "+s.Server+" "+s.Client] += v
			}
		}
		if d := cmp.Diff(map[string]float64{"SITE_M vm:31193 127.0.0.1": 7}, got); d != "" {
			t.Errorf("redirections (-want +got):\n%s", d)
		}
		if len(r.balances) != 1 || len(r.balances["vm:31193"]) == 0 {
			t.Errorf("got balances of %v, want those of vm:31193", sortedKeys(r.balances))
		}
	}
}
