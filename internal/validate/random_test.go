package validate_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// source makes random values that are alike often enough to be joined.
type source struct {
	*rand.Rand
	span int64 // seconds
}

func (s source) claim(i int) *transfer.Claim {
	c := &transfer.Claim{
		Run: fmt.Sprint("r", s.IntN(2)), ID: strconv.Itoa(i), Client: pick(s, "", "c1", "c2"), User: pick(s, "", "alice", "verylongname"),
		PID: s.IntN(3), Server: pick(s, "s1:1", "S2:1", "10.0.0.1:1", "redirector:1"), Path: pick(s, "/f", "f", "//g"),
		Asked:   transfer.Bytes{Read: 10 * s.Int64N(3)},
		Opened:  1000 + float64(s.Int64N(s.span*8))/8,
		Outcome: pick(s, transfer.OK, transfer.OK, transfer.OK, transfer.Failed, transfer.Killed),
	}
	if s.IntN(5) > 0 {
		c.Closed = c.Opened + float64(s.IntN(100))/8
	}
	if s.IntN(4) > 0 {
		c.Received = &transfer.Bytes{Read: 10 * s.Int64N(3)}
	}
	return c
}

func (s source) transfer(i, claims int) *transfer.Transfer {
	n := 1 + s.IntN(2)
	begin := 1000 + s.Int64N(s.span)
	x := &transfer.Transfer{
		ID: fmt.Sprintf("%d.%d.%d", n, 900+begin/300, i), Server: fmt.Sprintf("s%d:1", n), Address: fmt.Sprintf("10.0.0.%d:1", n),
		Client: pick(s, "", "c1", "c2"), User: pick(s, "", "alice", "verylong"), PID: s.IntN(3), Path: pick(s, "/f", "/f", "/g"),
		Opened: transfer.Interval{begin, begin + s.Int64N(6)}, Bytes: transfer.Bytes{Read: 10 * s.Int64N(3)},
		End:     pick(s, transfer.Closed, transfer.Closed, transfer.Forced, transfer.Lost, transfer.Open, transfer.Unreported),
		Quality: pick(s, transfer.Exact, transfer.Exact, transfer.LowerBound, transfer.Unknown),
	}
	if s.IntN(5) > 0 {
		end := x.Opened[1] + s.Int64N(10)
		x.Closed = transfer.Interval{end, end + s.Int64N(6)}
	}
	if s.IntN(10) == 0 {
		x.Opened = transfer.Interval{}
	}
	switch s.IntN(12) {
	case 0:
		x.AppInfo = fmt.Sprintf("r%d.%d", s.IntN(2), s.IntN(claims))
	case 1:
		x.MonInfo = fmt.Sprintf("%d_a_b_1", s.IntN(claims))
	}
	return x
}

func pick[T any](s source, of ...T) T { return of[s.IntN(len(of))] }

func (s source) both(n, k int) ([]*transfer.Claim, []*transfer.Transfer) {
	cs, ts := make([]*transfer.Claim, n), make([]*transfer.Transfer, k)
	for i := range cs {
		cs[i] = s.claim(i)
	}
	for i := range ts {
		ts[i] = s.transfer(i, n+1)
	}
	return cs, ts
}

// Ensure that whatever is laid together, every claim has one verdict, every
// transfer has its place, sums are sums, and order does not matter.
func TestRandom(t *testing.T) {
	seen := make(map[transfer.Kind]int)
	for seed := range uint64(300) {
		s := source{rand.New(rand.NewPCG(seed, 1)), 1 + int64(seed%60)}
		cs, ts := s.both(s.IntN(60), s.IntN(60))
		r := validate.Run(validate.Input{Claims: cs, Transfers: ts}, validate.Options{})
		check(t, r, cs, ts)
		for k, n := range r.Totals.Verdicts {
			seen[k] += n
		}
		want := encode(t, cs, ts)
		s.Shuffle(len(cs), func(i, j int) { cs[i], cs[j] = cs[j], cs[i] })
		s.Shuffle(len(ts), func(i, j int) { ts[i], ts[j] = ts[j], ts[i] })
		if encode(t, cs, ts) != want {
			t.Errorf("seed %d: another order of the input gives another report", seed)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	for _, k := range validate.Kinds() {
		if seen[k] == 0 {
			t.Errorf("no verdict is %s: the test does not show much", k)
		}
	}
}

// Ensure that a selection only leaves out verdicts, and changes none.
func TestRandomSelection(t *testing.T) {
	for seed := range uint64(50) {
		s := source{rand.New(rand.NewPCG(seed, 2)), 40}
		cs, ts := s.both(40, 40)
		all := make(map[string]bool)
		for _, v := range validate.Run(validate.Input{Claims: cs, Transfers: ts}, validate.Options{}).Verdicts {
			all[fmt.Sprint(v.Kind, v.Join, v.Claim, v.Transfers)] = true
		}
		for _, o := range []validate.Options{{Run: "r0"}, {Server: "s1:1"}, {Client: "c1"}, {From: 1010, To: 1020}, {Run: "r1", Client: "c2", To: 1020}} {
			r := validate.Run(validate.Input{Claims: cs, Transfers: ts}, o)
			for _, v := range r.Verdicts {
				if !all[fmt.Sprint(v.Kind, v.Join, v.Claim, v.Transfers)] {
					t.Fatalf("seed %d: %+v gives a verdict that is not there without it: %s %v", seed, o, v.Kind, v.Claim)
				}
				if o.Run != "" && v.Claim != nil && v.Claim.Run != o.Run {
					t.Fatalf("seed %d: %+v gives a claim of run %s", seed, o, v.Claim.Run)
				}
			}
		}
	}
}

// Ensure that what nobody would send, but somebody could, harms nothing.
func FuzzRun(f *testing.F) {
	f.Add(uint64(1), 1000.0, 1001.0, int64(5), int64(1000), int64(1004), int64(5), "r0.1", "1.2.3")
	f.Add(uint64(2), math.NaN(), math.Inf(1), int64(math.MinInt64), int64(math.MaxInt64), int64(math.MinInt64), int64(math.MaxInt64), "__", "..")
	f.Add(uint64(3), -1.0, 1e300, int64(-1), int64(0), int64(0), int64(math.MinInt64), "0_\x00_", "")
	f.Fuzz(func(t *testing.T, seed uint64, opened, closed float64, got, begin, end, read int64, info, id string) {
		s := source{rand.New(rand.NewPCG(seed, 3)), 10}
		cs, ts := s.both(6, 6)
		for _, c := range cs[:3] {
			c.Opened, c.Closed, c.Received = opened, closed, &transfer.Bytes{Read: got, Write: got}
		}
		for _, x := range ts[:3] {
			x.Opened, x.Closed = transfer.Interval{begin, end}, transfer.Interval{end, begin}
			x.Bytes.Read, x.AppInfo, x.ID = read, info, id
		}
		check(t, validate.Run(validate.Input{Claims: cs, Transfers: ts}, validate.Options{}), cs, ts)
		check(t, validate.Run(validate.Input{Claims: cs, Transfers: ts}, validate.Options{Slack: -1}), cs, ts)
	})
}

// BenchmarkRun lays together what one client did that opens one file over and
// over: the largest groups there are.
func BenchmarkRun(b *testing.B) {
	f := func(name string, n int, perSecond float64, bytes func(i int) int64) {
		b.Run(name, func(b *testing.B) {
			var cs []*transfer.Claim
			var ts []*transfer.Transfer
			for i := range n {
				at := float64(i) / perSecond
				cs = append(cs, readClaim(strconv.Itoa(i), at, at+0.01, bytes(i)))
				if w := int64(at) / 5 * 5; i%50 != 0 {
					ts = append(ts, read(i+1, [2]int64{w, w + 4}, [2]int64{w, w + 4}, bytes(i)))
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				r := validate.Run(validate.Input{Claims: cs, Transfers: ts}, validate.Options{})
				if r.Totals.Verdicts[transfer.Match] < n*9/10 {
					b.Fatalf("%v", r.Totals.Verdicts)
				}
			}
		})
	}
	same := func(int) int64 { return 1000 }
	each := func(i int) int64 { return int64(1000 + i) }
	f("same/10000at2", 10_000, 2, same)
	f("each/10000at2", 10_000, 2, each)
	f("same/5000at50", 5000, 50, same)
	f("each/5000at50", 5000, 50, each)
	f("same/3000at1000", 3000, 1000, same)
	f("each/3000at1000", 3000, 1000, each)
}

// hour returns what 200 clients do in an hour on 20 servers that tell of it once
// a minute: n reads of the given number of files. Every fiftieth has no transfer.
func hour(n, files, clients int) (cs []*transfer.Claim, ts []*transfer.Transfer) {
	r := rand.New(rand.NewPCG(1, 2))
	minute := func(at float64) [2]int64 { return [2]int64{int64(at) / 60 * 60, int64(at)/60*60 + 59} }
	for i := range n {
		begin := float64(i) * 3600 / float64(n)
		end := begin + r.ExpFloat64()*20
		server, bytes := r.IntN(20), r.Int64N(1<<30)
		c, x := readClaim(strconv.Itoa(i), begin, end, bytes), read(i+1, minute(begin), minute(end), bytes)
		c.Server, c.Path, c.Client = fmt.Sprintf("s%d:1094", server), fmt.Sprintf("/store/f%d", r.IntN(files)), fmt.Sprintf("c%d", r.IntN(clients))
		c.PID = 1000 + i%20000
		x.ID = fmt.Sprintf("%d.1.%d", server, i+1)
		x.Server, x.Address, x.Path, x.Client, x.PID = c.Server, c.Server, c.Path, c.Client, c.PID
		if cs = append(cs, c); i%50 != 0 {
			ts = append(ts, x)
		}
	}
	return cs, ts
}

// BenchmarkRunHour lays a busy hour together: from nearly every read being of a
// file of its own to one client reading one file all the time.
func BenchmarkRunHour(b *testing.B) {
	f := func(name string, n, files, clients int) {
		b.Run(name, func(b *testing.B) {
			cs, ts := hour(n, files, clients)
			b.ReportAllocs()
			for b.Loop() {
				if r := validate.Run(validate.Input{Claims: cs, Transfers: ts}, validate.Options{}); r.Totals.Verdicts[transfer.Match] != n-n/50 {
					b.Fatalf("%v", r.Totals.Verdicts)
				}
			}
		})
	}
	f("distinct", 100_000, 1_000_000, 200)
	f("1000files", 100_000, 1000, 200)
	f("5files", 100_000, 5, 200)
	f("5files1client", 100_000, 5, 1)
	f("1file1client", 100_000, 1, 1)
}
