package collect_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/ledger"
	"tallystick/internal/metric"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
	"tallystick/internal/xrootd"
)

// trace makes a t datagram of entries between two windows.
func trace(seq int, from, to int64, entries ...[]byte) []byte {
	window := func(end, begin int64) []byte {
		b := binary.BigEndian.AppendUint64(nil, 0xe0<<56|madeSID)
		return binary.BigEndian.AppendUint64(b, uint64(end)<<32|uint64(begin))
	}
	b := window(from, from)
	for _, e := range entries {
		b = append(b, e...)
	}
	return made('t', seq, stod, append(b, window(to, to)...))
}

// entry makes an entry of theFile.
func entry(first uint64, length int32) []byte {
	b := binary.BigEndian.AppendUint64(nil, first)
	return binary.BigEndian.AppendUint64(b, uint64(uint32(length))<<32|theFile)
}

func topened() []byte                         { return entry(0x80<<56|4096, 0) }
func tread(offset uint64, n int32) []byte     { return entry(offset, n) }
func twrite(offset uint64, n int32) []byte    { return entry(offset, -n) }
func tclosed(read uint64, write int32) []byte { return entry(0xc0<<56|read, write) }
func treadu(segments uint64, n int32) []byte  { return entry(0x91<<56|segments<<32, n) }

// Of captures that traced requests, what was asked for is what was counted, but where
// it is known why.
func TestTraceIsWhatWasCounted(t *testing.T) {
	f := func(name string, same int, more map[string]transfer.Trace) {
		t.Helper()
		n := 0
		for _, tr := range play(t, arrivals(load(t, name))).transfers {
			if tr.Trace == nil || tr.Trace.Ops == (transfer.Ops{}) {
				continue
			}
			if tr.Trace.Totals == nil || !tr.Trace.Complete {
				t.Errorf("%s: %s has %+v, want it complete", name, tr.ID, tr.Trace)
				continue
			}
			if tr.Trace.Bytes == tr.Bytes && tr.Trace.Ops == *tr.Ops && tr.Trace.PastEnd == 0 &&
				*tr.Trace.Totals == (transfer.Totals{Read: tr.Bytes.Read + tr.Bytes.ReadV, Write: tr.Bytes.Write}) {
				n++
				continue
			}
			got := *tr.Trace
			got.Ops, got.Totals = transfer.Ops{}, nil
			if want := more[tr.Path+" "+string(tr.Quality)]; got != want {
				t.Errorf("%s: %s, which was asked for otherwise: got %+v, want %+v", name, tr.Path+" "+string(tr.Quality), got, want)
			}
		}
		if n != same {
			t.Errorf("%s: got %d that are the same, want %d", name, n, same)
		}
	}
	asked := func(read, write, past int64) transfer.Trace {
		return transfer.Trace{Bytes: transfer.Bytes{Read: read, Write: write}, PastEnd: past, Complete: true}
	}
	f("s01_full_reads", 20, nil)
	f("s02_partial_vector", 14, map[string]transfer.Trace{"/v/a.root requested": asked(4005100, 0, 4100)})
	f("s03_concurrent_users", 74, map[string]transfer.Trace{
		"/data/f05.root requested": asked(5000, 0, 4000), "/data/f09.root requested": asked(5000, 0, 4000),
		"/data/f03.root requested": asked(5000, 0, 4000),
	})
	f("s05_failures_names", 11, nil)
	f("s06_killed_longlived", 6, map[string]transfer.Trace{ // XROOTD.md fact 2
		"/k/big unknown": asked(7<<23, 0, 0), "/k/up unknown": asked(0, 3*(1<<23+8192), 0),
	})
	f("s08_restart", 26, nil)
}

// What the clients of captures did when is within when it was according to the
// monitoring.
func TestTimesHoldTheTruth(t *testing.T) {
	for _, name := range []string{"s01_full_reads", "s02_partial_vector", "s03_concurrent_users", "s05_failures_names"} {
		c := load(t, name)
		l := ledger.New(ledger.Config{})
		for _, tr := range play(t, arrivals(c)).transfers {
			l.PutTransfer(tr)
		}
		n, tight := 0, 0
		for _, v := range validate.Run(validate.Input{
			Claims: capture.Claims(name, c.Truth), Transfers: l.Transfers(ledger.Filter{}),
		}, validate.Options{}).Verdicts {
			if v.Claim == nil || len(v.Transfers) != 1 || v.Claim.Closed == 0 {
				continue
			}
			n++
			tr := v.Transfers[0]
			if at := int64(v.Claim.Opened); at > tr.Opened[1] || int64(v.Claim.Closed) < tr.Opened[0] {
				t.Errorf("%s: %s was opened after %.3f, the monitoring has %v", name, tr.ID, v.Claim.Opened, tr.Opened)
			}
			if at := v.Claim.Closed; at < float64(tr.Closed[0]) || int64(v.Claim.Opened) > tr.Closed[1] {
				t.Errorf("%s: %s was closed at %.3f, the monitoring has %v", name, tr.ID, at, tr.Closed)
			}
			if tr.Closed[1]-tr.Closed[0] <= 3 { // a window has 2 s
				tight++
			}
		}
		if n == 0 || tight < n/2 {
			t.Errorf("%s: of %d, %d are known to 3 s, want at least half", name, n, tight)
		}
	}
}

// Whatever of these comes in whatever order, in however many pieces and however often,
// the trace is the same.
func TestTraceInAnyOrder(t *testing.T) {
	shared := trace(1, stod, stod+6, topened(), tclosed(7096, 10))
	own := [][]byte{
		trace(2, stod, stod+2, topened(), tread(0, 1000), tread(4000, 1000)),      // 904 past the end
		trace(3, stod+2, stod+4, treadu(3, 3000), tread(0, 1000)),                 // its pieces are
		trace(4, stod+4, stod+6, tread(50, 1500), tread(9, 500), tread(4090, 96)), // in two packets
		trace(5, stod+4, stod+6, twrite(0, 10), tread(10_000, 2000), tclosed(7096, 10)),
	}
	end := records(1, stod, stod+10, closedOps(false, transfer.Bytes{Read: 4096, ReadV: 3000, Write: 10}, xrootd.FileOps{
		Read: 4, ReadV: 1, Segs: 3, Write: 1, ReadMin: 96, ReadMax: 2000, ReadVMin: 3000, ReadVMax: 3000, WriteMin: 10, WriteMax: 10,
	}))
	all := append([][]byte{records(0, stod, stod+10, opened("/f")), end, shared, shared}, append(own, own...)...)
	want := &transfer.Trace{
		Bytes: transfer.Bytes{Read: 4096, ReadV: 3000, Write: 10}, Ops: transfer.Ops{Read: 4, ReadV: 1, ReadVSegments: 3, Write: 1},
		PastEnd: 904 + 90 + 2000, Complete: true, Totals: &transfer.Totals{Read: 7096, Write: 10},
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		r := begun(t)
		r.feed(opens(200, 90)) // a server that traces
		for i, d := range all {
			if i%4 == 0 && rng.IntN(2) == 0 { // longer than anything waits
				r.pass(10 * time.Minute)
				r.Collector = restored(t, r.Collector, r.recorder, r.now)
			}
			r.feed(d, opens(int(d[1]), 90)) // the second has its number: what comes again is not known by that
			r.Advance(r.now)
		}
		r.pass(time.Minute)
		got := r.transfers["56308042893772.1800000000.2"]
		if d := cmp.Diff(want, got.Trace); d != "" || got.Bytes != want.Bytes || got.End != transfer.Closed {
			t.Fatalf("got %s, %v; trace (-want +got):\n%s", got.End, got.Bytes, d)
		}
		if got.Opened != (transfer.Interval{stod, stod + 3}) || got.Closed != (transfer.Interval{stod + 4, stod + 7}) {
			t.Fatalf("got opened %v, closed %v", got.Opened, got.Closed)
		}
	}
}

// What a second witness changes.
func TestWitness(t *testing.T) {
	f := func(how string, want transfer.Quality, end transfer.End, bytes transfer.Bytes, datagrams ...[]byte) {
		t.Helper()
		for range 2 {
			r := begun(t)
			r.feed(datagrams...)
			r.pass(2 * time.Hour)
			got := r.one()
			if got.Quality != want || got.End != end || got.Bytes != bytes {
				t.Errorf("%s: got %s, %v, %s, want %s, %v, %s", how, got.End, got.Bytes, got.Quality, end, bytes, want)
			}
			if sum := r.sum(metric.XrdReadBytes) + r.sum(metric.XrdReadVBytes) + r.sum(metric.XrdWriteBytes); sum != float64(bytes.Total()) {
				t.Errorf("%s: samples have %v bytes, want %d", how, sum, bytes.Total())
			}
			slices.Reverse(datagrams)
		}
	}
	open := records(0, stod, stod+5, opened("/f"))
	left := records(2, stod+5, stod+10, disc())
	closing := func(b transfer.Bytes, o xrootd.FileOps) []byte {
		return records(1, stod+5, stod+10, closedOps(false, b, o))
	}
	reads := func(n int64) transfer.Bytes { return transfer.Bytes{Read: n} }
	f("past the end, which only the trace tells", transfer.Requested, transfer.Closed, reads(200),
		open, closing(reads(200), xrootd.FileOps{Read: 2, ReadMin: 100, ReadMax: 100}),
		trace(1, stod, stod+2, topened(), tread(0, 100), tread(4050, 100), tclosed(200, 0)))
	f("in the background, which is not counted", transfer.LowerBound, transfer.Closed, reads(1),
		open, closing(reads(1), xrootd.FileOps{Read: 1, ReadMin: 1, ReadMax: 1}),
		trace(1, stod, stod+2, topened(), tread(0, 4000), tread(4000, 1), tclosed(1, 0)))
	written := transfer.Bytes{Write: 1000}
	f("page writes anywhere", transfer.Corrected, transfer.Closed, written,
		open, closing(transfer.Bytes{Write: 1000 + 3*4}, xrootd.FileOps{Write: 2, WriteMin: math.MaxInt32}),
		trace(1, stod, stod+2, topened(), twrite(4000, 508), twrite(10, 504), tclosed(0, 1012)))
	f("no close record, requests that add up", transfer.LowerBound, transfer.Lost, transfer.Bytes{Read: 50, ReadV: 60, Write: 3}, // 7 with a checksum, if it is a page write
		open, left, trace(1, stod, stod+2, topened(), tread(0, 50), treadu(1, 60), tread(0, 60), twrite(0, 7), tclosed(110, 7)))
	f("no close record, requests that do not", transfer.LostBytes, transfer.Lost, transfer.Bytes{},
		open, left, trace(1, stod, stod+2, topened(), tread(0, 50), tclosed(110, 0)))
	f("no requests at all, and only writes", transfer.LowerBound, transfer.Lost, transfer.Bytes{Write: 7},
		trace(1, stod, stod+2, topened(), tclosed(0, 7)))
	f("killed", transfer.Unknown, transfer.Forced, transfer.Bytes{},
		open, records(1, stod+5, stod+10, closedOps(true, transfer.Bytes{}, xrootd.FileOps{}), disc()),
		trace(1, stod, stod+2, topened(), tread(0, 50), tclosed(0, 0)))
}

// What is traced of a file is bounded, and what is left out is not taken for all.
func TestTraceIsBounded(t *testing.T) {
	r := begun(t)
	r.feed(records(0, stod, stod+5, opened("/f")), trace(1, stod, stod+2, topened()))
	for i := range 5000 {
		if err := r.Packet(r.now, collect.Packet{Remote: "192.0.2.1:4711", Data: trace(i, stod, stod+2, tread(uint64(i), 1))}); err != nil {
			t.Fatal(err)
		}
	}
	if s := r.Stats(); s.Held > 100 {
		t.Errorf("a file with 5000 packets holds %d", s.Held)
	}
	r.feed(records(1, stod+5, stod+10, closedRec(theFile, 5000)), trace(2, stod, stod+2, tclosed(5000, 0)))
	r.pass(time.Minute)
	if got := r.one(); got.Trace.Complete || got.Trace.Bytes.Read == 0 || got.Quality != transfer.Exact {
		t.Errorf("got %s with %+v, want exact, and a trace that is not complete", got.Quality, got.Trace)
	}
	r.pass(3 * time.Hour)
	if s := r.Stats(); s.Files != 0 {
		t.Errorf("%d files are held in the end", s.Files)
	}
}
