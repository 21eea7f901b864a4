package collect_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/collect"
	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// lostOf is what r was told of as lost, without the kinds of which nothing was.
func lostOf(r *recorder) map[transfer.LossOf]int64 {
	lost := map[transfer.LossOf]int64{}
	for of, n := range r.lost {
		if n != 0 {
			lost[of] = n
		}
	}
	return lost
}

// Where nothing was lost nothing is told as lost, in whatever order the packets
// come, and however often.
func TestNothingLost(t *testing.T) {
	for _, name := range captures() {
		as := arrivals(load(t, name))
		f := func(how string, as []arrival) {
			t.Helper()
			if lost := lostOf(playToTheEnd(t, as)); len(lost) > 0 {
				t.Errorf("%s %s: got %v lost, want nothing", name, how, lost)
			}
		}
		f("in order", as)
		f("at once", atOnce(as))
		f("again", again(as))
		for seed := range uint64(20) {
			f(fmt.Sprint("jumbled ", seed), jumble(as, seed))
			f(fmt.Sprint("doubled and jumbled ", seed), jumble(double(as, seed), seed))
			f(fmt.Sprint("jumbled, at once ", seed), atOnce(jumble(as, seed)))
		}
	}
}

// A numbered is what a sequence is kept for: a life, and a socket or none.
type numbered struct {
	of     transfer.LossOf
	stod   int64
	sid    uint64
	remote string
}

// numberOf returns the sequence that a is of, none for those without numbers.
func numberOf(tb testing.TB, a arrival) (numbered, bool) {
	tb.Helper()
	var d xrootd.Datagram
	if err := d.Decode(a.Data); err != nil {
		tb.Fatal(err)
	}
	n := numbered{stod: d.Header.Stod}
	switch {
	case d.Header.Text:
		return n, false
	case d.Kind == xrootd.KindFile:
		n.of, n.sid = transfer.FilePackets, d.File.SID
	case d.Kind == xrootd.KindGStream:
		n.of, n.sid = transfer.GStreamPackets, d.GStream.SID<<8|uint64(d.GStream.Provider)
	default:
		n.of, n.remote = transfer.MapPackets, a.Remote
	}
	return n, true
}

// lostIn returns how many of the packets of all are not in left, with some after them
// in their sequence, and some before them if its life was not heard of from its start.
func lostIn(tb testing.TB, all, left []arrival) map[transfer.LossOf]int64 {
	tb.Helper()
	between := map[transfer.LossOf]int64{}
	came := map[*byte]bool{}
	fromStart := map[int64]bool{}
	for _, a := range left {
		came[&a.Data[0]] = true
		if n, _ := numberOf(tb, a); a.at.Unix()-n.stod <= 50 {
			fromStart[n.stod] = true
		}
	}
	pending := map[numbered]int64{}
	begun := map[numbered]bool{}
	for _, a := range all {
		n, ok := numberOf(tb, a)
		switch {
		case !ok:
		case came[&a.Data[0]]:
			begun[n] = true
			if pending[n] > 0 {
				between[n.of] += pending[n]
				pending[n] = 0
			}
		case begun[n] || fromStart[n.stod]:
			pending[n]++
		}
	}
	return between
}

// What is told as lost is what was lost, whatever came of the rest in whatever
// order; only what was lost after the last packet that came leaves no trace, and what
// was lost before the first in a life that was not heard of from its start. Where the numbers wrap within the time that packets may be late,
// it is at most what was lost, and not nothing.
func TestLostIsTold(t *testing.T) {
	for _, name := range captures() {
		all := arrivals(load(t, name))
		for seed := range uint64(30) {
			left := lose(all, 0.02+0.02*float64(seed), seed)
			if len(left) == 0 {
				continue
			}
			want := lostIn(t, all, left)
			f := func(how string, as []arrival) {
				t.Helper()
				got := lostOf(playToTheEnd(t, as))
				for _, of := range []transfer.LossOf{transfer.IDs, transfer.Records} {
					delete(got, of)
				}
				wraps := name == "l02_infos_wrap"
				if n := want[transfer.MapPackets]; wraps && n > 0 && got[transfer.MapPackets] > 0 {
					got[transfer.MapPackets] = max(got[transfer.MapPackets], n)
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("%s, seed %d, %s (-want +got):\n%s", name, seed, how, d)
				}
			}
			f("in order", left)
			f("jumbled", jumble(left, seed))
			f("doubled and jumbled", jumble(double(left, seed), seed))
		}
	}
}

// A collector that is stopped after any packet tells the same losses.
func TestStateCarriesLosses(t *testing.T) {
	for _, name := range captures() {
		as := jumble(lose(arrivals(load(t, name)), 0.2, 1), 1)
		want := playToTheEnd(t, as)
		for cut := 1; cut < len(as); cut += 1 + len(as)/20 {
			r := newRecorder()
			c := collect.New(collect.Default(), r)
			feed(t, c, as[:cut])
			c = restored(t, c, r, as[cut].at)
			feed(t, c, as[cut:])
			now := as[len(as)-1].at
			for range 100 {
				now = now.Add(time.Hour)
				c.Advance(now)
			}
			if d := cmp.Diff(lostOf(want), lostOf(r)); d != "" {
				t.Fatalf("%s, cut after %d packets (-want +got):\n%s", name, cut, d)
			}
		}
	}
}

// numbers feeds f packets with these numbers, a second apart, and lets them be
// placed. Every packet is another one.
func (r *run) numbers(seqs ...int) {
	r.t.Helper()
	for _, seq := range seqs {
		at := r.now.Unix()
		r.feed(records(seq, at, at+1, disc()))
		r.Advance(r.now)
	}
}

// from returns n numbers from first on, as the wire has them.
func from(first, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = (first + i) % 256
	}
	return out
}

// What the numbers tell, one sequence at a time.
func TestNumbers(t *testing.T) {
	f := func(how string, want int64, seqs ...int) {
		t.Helper()
		r := newRun(t, collect.Default())
		r.numbers(seqs...)
		r.pass(time.Minute)
		if got := r.lost[transfer.FilePackets]; got != want {
			t.Errorf("%s: got %d lost, want %d", how, got, want)
		}
		if s := r.Stats(); int64(s.Lost[transfer.FilePackets])-int64(s.Found) != want {
			t.Errorf("%s: got %d counted as lost and %d as found, want %d", how, s.Lost[transfer.FilePackets], s.Found, want)
		}
	}
	f("in order", 0, from(0, 600)...)
	f("not from the beginning", 0, from(200, 300)...)
	f("one", 1, 0, 1, 3)
	f("two", 2, 0, 2, 4)
	f("at the wrap", 3, 253, 254, 2)
	f("a burst", 127, 0, 128)
	f("a burst of 128 up, or 126 down", 126, 0, 129)
	f("a long burst, which may as well be a late packet", 0, append(from(0, 20), 148)...)
	f("a burst that is just not too long", 127, append(from(0, 20), 147)...)
	f("in another order", 0, 1, 0, 3, 2, 5, 4)
	f("in another order at the wrap", 0, 254, 0, 255, 2, 1)
	f("the first come last", 0, 5, 4, 3, 2, 1, 0)
	f("lost in another order", 1, 0, 3, 1, 4)
	f("later than it may be", 0, append(append(from(0, 3), from(4, 20)...), 3)...)
	f("later than it may be at the wrap", 0, append(append(from(250, 5), from(0, 20)...), 255)...)
	f("later than it may be, of two", 1, append(append(from(0, 3), from(5, 20)...), 3)...)
	f("a stranger", 0, append(from(100, 20), 50, 120, 121)...)
}

// A life's numbers are its own.
func TestNumbersAfterRestart(t *testing.T) {
	r := newRun(t, collect.Default())
	r.numbers(0, 1, 2)
	at := r.now.Unix()
	for _, seq := range []int{0, 2} {
		d := records(seq, at, at+1, disc())
		d[7] += 10 // the server's start
		r.feed(d)
	}
	r.pass(time.Minute)
	if got := r.lost[transfer.FilePackets]; got != 1 {
		t.Errorf("got %d lost, want 1", got)
	}
}

// When something was lost is known from what came before and after it.
func TestLossTimes(t *testing.T) {
	r := newRun(t, collect.Default())
	r.feed(ident(stod))
	r.numbers(0, 1, 2, 5, 6, 8)
	r.pass(time.Minute)
	want := []transfer.Loss{
		{SID: madeSID, Stod: stod, Server: "xcache:1094", Of: transfer.FilePackets, Count: 2, Sent: transfer.Interval{stod + 4, stod + 5}},
		{SID: madeSID, Stod: stod, Server: "xcache:1094", Of: transfer.FilePackets, Count: 1, Sent: transfer.Interval{stod + 6, stod + 7}},
	}
	if d := cmp.Diff(want, r.losses); d != "" {
		t.Errorf("losses (-want +got):\n%s", d)
	}
}

// A sender that makes up sockets, or comes faster than its packets can wait, does
// not take more memory than it may.
func TestStreamsAreBounded(t *testing.T) {
	r := newRun(t, collect.Default())
	for i := range 1000 {
		d := mapped('=', i, stod, 0, string(ident(stod)[12:]))
		if err := r.Packet(r.now, collect.Packet{Remote: fmt.Sprint("192.0.2.1:", i), Data: d}); err != nil {
			t.Fatal(err)
		}
	}
	if s := r.Stats(); s.Held > 100 {
		t.Errorf("1000 sockets hold %d", s.Held)
	}
	fast := newRun(t, collect.Default())
	for i := range 100_000 {
		if err := fast.Packet(fast.now, collect.Packet{Remote: "192.0.2.1:1", Data: records(i, stod, stod+int64(i), disc())}); err != nil {
			t.Fatal(err)
		}
	}
	state, err := fast.State()
	if err != nil {
		t.Fatal(err)
	}
	if n := slices.MaxFunc(state, func(a, b []byte) int { return len(a) - len(b) }); len(n) > 200_000 {
		t.Errorf("a stream of 100,000 packets has a state of %d bytes", len(n))
	}
	fast.pass(time.Minute)
	if lost := lostOf(fast.recorder); len(lost) > 0 {
		t.Errorf("got %v lost of a fast stream, want nothing", lost)
	}
}
