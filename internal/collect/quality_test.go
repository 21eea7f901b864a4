package collect_test

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/collect"
	"tallystick/internal/metric"
	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// closedOps makes a close record with operations and sums of squares.
func closedOps(forced bool, b transfer.Bytes, o xrootd.FileOps) []byte {
	r := record(0, theFile, uint64(b.Read), uint64(b.ReadV), uint64(b.Write))
	r[1] = 0x06
	if forced {
		r[1] |= 0x01
	}
	for _, n := range []int32{o.Read, o.ReadV, o.Write} {
		r = binary.BigEndian.AppendUint32(r, uint32(n))
	}
	r = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(r, uint16(o.SegsMin)), uint16(o.SegsMax))
	r = binary.BigEndian.AppendUint64(r, uint64(o.Segs))
	for _, n := range []int32{o.ReadMin, o.ReadMax, o.ReadVMin, o.ReadVMax, o.WriteMin, o.WriteMax} {
		r = binary.BigEndian.AppendUint32(r, uint32(n))
	}
	for i := range 4 {
		r = binary.BigEndian.AppendUint64(r, math.Float64bits(float64(i)+0.5))
	}
	r[3] = byte(len(r))
	return r
}

// What the counts of a close record are worth, and what they really were.
func TestQuality(t *testing.T) {
	const none = math.MaxInt32
	f := func(how string, forced bool, told transfer.Bytes, o xrootd.FileOps, want transfer.Quality, bytes transfer.Bytes) {
		t.Helper()
		r := begun(t)
		r.feed(records(0, stod, stod+5, opened("/f"))) // of 4096 bytes
		r.feed(records(1, stod+5, stod+10, closedOps(forced, told, o), disc()))
		r.pass(time.Minute)
		got := r.one()
		if got.Quality != want || got.Bytes != bytes {
			t.Errorf("%s: got %v, %s, want %v, %s", how, got.Bytes, got.Quality, bytes, want)
		}
		if raw := got.Raw; told != bytes && (raw == nil || *raw != told) || told == bytes && raw != nil {
			t.Errorf("%s: got %v as what the server told, want %v", how, raw, told)
		}
		for m, n := range map[string]int64{
			metric.XrdReadBytes: bytes.Read, metric.XrdReadVBytes: bytes.ReadV, metric.XrdWriteBytes: bytes.Write,
		} {
			if sum := r.sum(m); sum != float64(n) {
				t.Errorf("%s: samples have %v of %s, want %d", how, sum, m, n)
			}
		}
	}
	read := func(n int64) transfer.Bytes { return transfer.Bytes{Read: n} }
	write := func(n int64) transfer.Bytes { return transfer.Bytes{Write: n} }
	reads := func(n, most int32) xrootd.FileOps { return xrootd.FileOps{Read: n, ReadMin: 1, ReadMax: most} }
	pages := func(n int32) xrootd.FileOps { return xrootd.FileOps{Write: n, WriteMin: none} }
	f("a read", false, read(1000), reads(1, 1000), transfer.Exact, read(1000))
	f("all of it twice", false, read(8192), reads(2, 4096), transfer.Exact, read(8192))
	f("a read past the end", false, read(6000), reads(2, 5000), transfer.Requested, read(6000))
	f("a page read past the end", false, read(5000), xrootd.FileOps{Read: 1, ReadMin: none}, transfer.Requested, read(5000))
	f("reads of what was written", false, transfer.Bytes{Read: 5000, Write: 9000}, xrootd.FileOps{
		Read: 1, ReadMin: 5000, ReadMax: 5000, Write: 1, WriteMin: 9000, WriteMax: 9000,
	}, transfer.Exact, transfer.Bytes{Read: 5000, Write: 9000})
	f("killed", true, read(1000), reads(1, 1000), transfer.LowerBound, read(1000))
	f("killed in page reads", true, read(0), xrootd.FileOps{}, transfer.Unknown, read(0))
	f("page writes", false, write(9_008_793), pages(2), transfer.Corrected, write(9_000_001))
	f("a page write of nothing", false, write(4104), pages(2), transfer.LowerBound, write(4104-4*5))
	f("small page writes", false, write(104_000), pages(1000), transfer.LowerBound, write(104_000-4*2025))
	f("page writes and others", false, write(20_000), xrootd.FileOps{Write: 3, WriteMin: 10, WriteMax: 100},
		transfer.LowerBound, write(20_000-4*(4+6)))
	f("writes", false, write(20_000), xrootd.FileOps{Write: 2, WriteMin: 10_000, WriteMax: 10_000}, transfer.Exact, write(20_000))
}

// What the server tells of the sizes of requests, and of who makes them, is told on.
func TestDetail(t *testing.T) {
	r := newRun(t, collect.Default())
	text := "xroot/alice.17:56308042893772@[2001:db8::9]"
	r.feed(mapped('u', 1, stod, theUser, text+"\n&p=gsi&n=Alice&h=x&o=cms&r=prod&g=g1 g2&m=/DC=ch/CN=alice&R=v5.7.1&x=xrdcp&y=job&I=6"))
	r.feed(records(0, stod, stod+5, opened("/f")))
	r.feed(records(1, stod+5, stod+10, closedOps(false, transfer.Bytes{Read: 7, ReadV: 8}, xrootd.FileOps{
		Read: 1, ReadV: 2, SegsMin: 3, SegsMax: 4, Segs: 7, ReadMin: 5, ReadMax: 6, ReadVMin: 7, ReadVMax: 8, WriteMin: 9, WriteMax: 10,
	})))
	r.Collector = restored(t, r.Collector, r.recorder, r.now)
	r.pass(time.Minute)
	got := r.one()
	want := transfer.OpsDetail{
		Read: transfer.Range{Min: 5, Max: 6}, ReadV: transfer.Range{Min: 7, Max: 8},
		Segments: transfer.Range{Min: 3, Max: 4}, Write: transfer.Range{Min: 9, Max: 10},
		Squares: &transfer.Squares{Read: 0.5, ReadV: 1.5, Segments: 2.5, Write: 3.5},
	}
	if d := cmp.Diff(&want, got.OpsDetail); d != "" {
		t.Errorf("operations (-want +got):\n%s", d)
	}
	who := transfer.Auth{Protocol: "gsi", Name: "Alice", DN: "/DC=ch/CN=alice", VO: "cms", Role: "prod", Groups: "g1 g2"}
	if d := cmp.Diff(&who, got.Auth); d != "" || got.ClientVersion != "v5.7.1" || !got.IPv6 || got.Client != "2001:db8::9" {
		t.Errorf("got version %q, IPv6 %v, client %q; auth (-want +got):\n%s", got.ClientVersion, got.IPv6, got.Client, d)
	}
}
