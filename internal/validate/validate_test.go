package validate_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// readClaim is a claim of a read that went well, from begin to end seconds
// after the second 1000.
func readClaim(id string, begin, end float64, read int64) *transfer.Claim {
	return &transfer.Claim{
		Run: "run", ID: id, Client: "192.0.2.9", User: "alice", Server: "data.example:1094", Path: "/store/f",
		Asked: transfer.Bytes{Read: read}, Received: &transfer.Bytes{Read: read},
		Opened: 1000 + begin, Closed: 1000 + end, Outcome: transfer.OK,
	}
}

// read is a transfer of the life 1 of the server, that was opened and closed in
// the given seconds after the second 1000.
func read(file int, opened, closed [2]int64, bytes int64) *transfer.Transfer {
	at := func(i [2]int64) transfer.Interval { return transfer.Interval{1000 + i[0], 1000 + i[1]} }
	return &transfer.Transfer{
		ID: fmt.Sprintf("77.1.%d", file), Server: "Data.example:1094", Address: "192.0.2.1:1094",
		Client: "192.0.2.9", User: "alice", Path: "/store/f", Opened: at(opened), Closed: at(closed),
		Bytes: transfer.Bytes{Read: bytes}, End: transfer.Closed, Quality: transfer.Exact,
	}
}

// told writes the verdicts of r, one a line: kind, join, claim, transfers.
func told(r *validate.Report) string {
	var b strings.Builder
	for _, v := range r.Verdicts {
		b.WriteString(string(v.Kind))
		if v.Join != "" {
			b.WriteString(" by " + v.Join)
		}
		if v.Claim != nil {
			b.WriteString(" " + v.Claim.Key())
		}
		for _, x := range v.Transfers {
			b.WriteString(" " + strings.TrimPrefix(x.ID, "77."))
		}
		b.WriteString("\n")
	}
	return b.String()
}

type (
	claims    = []*transfer.Claim
	transfers = []*transfer.Transfer
)

// f checks the verdicts on cs and ts, in any order of the input.
func f(t *testing.T, cs claims, ts transfers, want ...string) {
	t.Helper()
	r := validate.Run(validate.Input{Claims: cs, Transfers: ts}, validate.Options{})
	check(t, r, cs, ts)
	if d := cmp.Diff(strings.Join(want, "\n")+"\n", told(r)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func with[T any](x *T, change func(*T)) *T {
	change(x)
	return x
}

func TestJoinByFields(t *testing.T) {
	one := func(changeClaim func(*transfer.Claim), changeTransfer func(*transfer.Transfer), want ...string) {
		t.Helper()
		c, x := readClaim("1", 1.5, 2.5, 100), read(1, [2]int64{0, 4}, [2]int64{0, 4}, 100)
		changeClaim(c)
		changeTransfer(x)
		f(t, claims{c}, transfers{x}, want...)
	}
	same := func(*transfer.Claim) {}
	joined, apart := "match by fields run.1 1.1", []string{"extra 1.1", "missing run.1"}

	one(same, func(*transfer.Transfer) {}, joined)
	one(same, func(x *transfer.Transfer) { x.Bytes.Read = 99 }, "differ by fields run.1 1.1")
	one(same, func(x *transfer.Transfer) { x.Bytes = transfer.Bytes{ReadV: 100} }, "differ by fields run.1 1.1")
	one(same, func(x *transfer.Transfer) { x.Quality = transfer.Unknown }, "missing by fields run.1 1.1")
	one(same, func(x *transfer.Transfer) { x.End = transfer.Unreported }, "missing by fields run.1 1.1")
	one(func(c *transfer.Claim) { c.Received = nil }, func(*transfer.Transfer) {}, joined)
	one(func(c *transfer.Claim) { c.Outcome = transfer.Failed }, func(*transfer.Transfer) {}, "failed by fields run.1 1.1")
	one(func(c *transfer.Claim) { c.Outcome = transfer.Killed }, func(*transfer.Transfer) {}, "failed by fields run.1 1.1")

	one(func(c *transfer.Claim) { c.Server = "192.0.2.1:1094" }, func(*transfer.Transfer) {}, joined)
	one(func(c *transfer.Claim) { c.Server = "redirector.example:1094" }, func(*transfer.Transfer) {}, joined)
	one(func(c *transfer.Claim) { c.Server = "data.example" }, func(*transfer.Transfer) {}, joined)
	one(func(c *transfer.Claim) { c.Path = "store/f" }, func(*transfer.Transfer) {}, joined)
	one(func(c *transfer.Claim) { c.Path = "/store/F" }, func(*transfer.Transfer) {}, apart...)
	one(func(c *transfer.Claim) { c.User = "bob" }, func(*transfer.Transfer) {}, apart...)
	one(func(c *transfer.Claim) { c.User = "" }, func(*transfer.Transfer) {}, joined)
	one(func(c *transfer.Claim) { c.User = "verylongname" }, func(x *transfer.Transfer) { x.User = "verylong" }, joined)
	one(func(c *transfer.Claim) { c.User = "verylo" }, func(x *transfer.Transfer) { x.User = "verylong" }, apart...)
	one(func(c *transfer.Claim) { c.Client = "[::ffff:192.0.2.9]" }, func(*transfer.Transfer) {}, joined)
	one(func(c *transfer.Claim) { c.Client = "192.0.2.8" }, func(*transfer.Transfer) {}, apart...)
	one(same, func(x *transfer.Transfer) { x.Client = "" }, joined)
	one(func(c *transfer.Claim) { c.PID = 7 }, func(x *transfer.Transfer) { x.PID = 8 }, joined)
}

// Ensure that the interval [b, e] of a server's whole seconds lasts until e+1,
// and the clocks may be apart by the slack and no more.
func TestJoinByTime(t *testing.T) {
	f := func(begin, end float64, opened, closed [2]int64, slack time.Duration, want transfer.Kind) {
		t.Helper()
		r := validate.Run(validate.Input{Claims: claims{readClaim("1", begin, end, 1)}, Transfers: transfers{read(1, opened, closed, 1)}}, validate.Options{Slack: slack})
		for _, v := range r.Verdicts {
			if v.Claim != nil && v.Kind != want {
				t.Errorf("claim %g to %g, transfer %v to %v, slack %v: %s, want %s", begin, end, opened, closed, slack, v.Kind, want)
			}
		}
	}
	in := [2]int64{10, 14}
	f(14.999, 14.9999, in, in, -1, transfer.Match)
	f(15.5, 15.6, in, in, -1, transfer.Missing)
	f(16.9, 16.95, in, in, 0, transfer.Match) // 2 s by default
	f(17.1, 17.2, in, in, 0, transfer.Missing)
	f(8.1, 8.2, in, in, 0, transfer.Match)
	f(7.8, 7.9, in, in, 0, transfer.Missing)
	f(7.8, 7.9, in, in, 3*time.Second, transfer.Match)
	f(11, 20, in, [2]int64{20, 24}, 0, transfer.Match)
	f(11, 12, in, [2]int64{20, 24}, 0, transfer.Missing) // the server closed long after the client had the answer
	f(2, 12, in, in, 0, transfer.Match)                  // opened again in a later life
	f(2, 30, in, in, 0, transfer.Missing)                // neither end fits
}

func TestJoinByID(t *testing.T) {
	var (
		w  = [2]int64{0, 4}
		id = func(file int, path, text string) *transfer.Transfer {
			return with(read(file, w, w, 100), func(x *transfer.Transfer) { x.Path, x.AppInfo = path, text })
		}
		mon = func(x *transfer.Transfer) { x.MonInfo, x.AppInfo = x.AppInfo, "prog" }
	)
	c := readClaim("007", 1, 2, 100)
	f(t, claims{c}, transfers{id(1, "/store/f", "run.007")}, "match by id run.007 1.1")
	f(t, claims{c}, transfers{with(id(1, "/store/f", "run.007"), mon)}, "match by id run.007 1.1")
	f(t, claims{c}, transfers{id(1, "store/f", "007_https://glidein.example/1-519/0:0_x_y_1")}, "match by id run.007 1.1")
	f(t, claims{c}, transfers{id(1, "/store/f", "007_url")}, "match by fields run.007 1.1") // two parts are no id
	f(t, claims{c}, transfers{id(1, "/other", "run.007")}, "extra 1.1", "missing run.007")
	// What the fields do not say, the id does.
	far := with(id(1, "/store/f", "run.007"), func(x *transfer.Transfer) {
		x.User, x.Client = "nobody", "gateway"
		x.Opened, x.Closed = transfer.Interval{5000, 5000}, transfer.Interval{5001, 5001}
	})
	f(t, claims{c}, transfers{far}, "match by id run.007 1.1")
	// The old form has no run: the time must tell it.
	f(t, claims{c}, transfers{with(far, func(x *transfer.Transfer) { x.AppInfo = "007_url_1" })}, "missing run.007", "extra 1.1")
	// A redirector's name tells nothing, another server's does.
	other := with(id(9, "/x", ""), func(x *transfer.Transfer) { x.Server = "two.example:1094"; x.Address = "192.0.2.2:1094" })
	f(t, claims{with(readClaim("007", 1, 2, 100), func(c *transfer.Claim) { c.Server = "redirector:1094" })},
		transfers{id(1, "/store/f", "run.007")}, "match by id run.007 1.1")
	f(t, claims{with(readClaim("007", 1, 2, 100), func(c *transfer.Claim) { c.Server = "two.example:1094" })},
		transfers{id(1, "/store/f", "run.007"), other}, "extra 1.1", "extra 1.9", "missing run.007")
}

// Ensure that all sessions of one id and path are one access, that the other
// files of the session are not, and that no one else's bytes take their place.
func TestJoinByIDSums(t *testing.T) {
	part := func(file int, b, e int64, path string, n int64) *transfer.Transfer {
		return with(read(file, [2]int64{b, b}, [2]int64{e, e}, n), func(x *transfer.Transfer) { x.AppInfo, x.Path = "run.1", path })
	}
	g := with(readClaim("2", 3, 4, 5), func(c *transfer.Claim) { c.Path = "/store/g" })
	f(t, claims{readClaim("1", 1, 2000, 100), g},
		transfers{part(1, 1, 300, "/store/f", 60), part(9, 900, 2000, "/store/f", 40), part(2, 3, 4, "/store/g", 5)},
		"match by id run.1 1.1 1.9", "match by fields run.2 1.2")
}

// Ensure that the same old id in several runs is told apart by time, and if it
// cannot be, is left to the fields.
func TestJoinByOldIDOfRuns(t *testing.T) {
	in := func(run string, begin, end float64, n int64) *transfer.Claim {
		return with(readClaim("000", begin, end, n), func(c *transfer.Claim) { c.Run = run })
	}
	at := func(file int, b, e, n int64) *transfer.Transfer {
		return with(read(file, [2]int64{b, b}, [2]int64{e, e}, n), func(x *transfer.Transfer) { x.AppInfo = "000_u_1" })
	}
	f(t, claims{in("a", 1, 9, 10), in("b", 101, 109, 20)}, transfers{at(1, 1, 9, 10), at(2, 101, 109, 20)},
		"match by id a.000 1.1", "match by id b.000 1.2")
	f(t, claims{in("a", 1, 9, 10), in("b", 8, 20, 20)}, transfers{at(1, 1, 9, 10), at(2, 8, 20, 20)},
		"match by id a.000 1.1", "match by id b.000 1.2")
	f(t, claims{in("a", 1, 3, 10), in("b", 2, 4, 20)}, transfers{at(1, 1, 3, 10), at(2, 2, 4, 20)},
		"match by id a.000 1.1", "match by id b.000 1.2")
	// What has the id is neither free for another, nor does its claim take what has none.
	f(t, claims{in("a", 1, 3, 10), in("b", 2, 4, 20), with(readClaim("001", 2, 4, 20), func(c *transfer.Claim) { c.Run = "b" })},
		transfers{at(1, 1, 3, 10), at(2, 2, 4, 20), read(3, [2]int64{2, 2}, [2]int64{4, 4}, 10)},
		"match by id a.000 1.1", "match by id b.000 1.2", "differ by fields b.001 1.3")
}

// Ensure that an id that a process gave all that it does, does not take from its
// other claims what is theirs.
func TestJoinByIDOfProcess(t *testing.T) {
	w := [2]int64{0, 9}
	claim := func(id string, begin, end float64, n int64) *transfer.Claim {
		return with(readClaim(id, begin, end, n), func(c *transfer.Claim) { c.PID = 5 })
	}
	info := func(x *transfer.Transfer) *transfer.Transfer { x.MonInfo = "run.1"; return x }
	cs := claims{claim("1", 1, 2, 10), claim("2", 3, 4, 20), claim("3", 3, 4, 30)}
	f(t, cs, transfers{info(read(1, w, w, 10)), info(read(2, w, w, 30)), info(read(3, w, w, 20))},
		"match by id run.1 1.1", "match by fields run.2 1.3", "match by fields run.3 1.2")
	// The first has no transfer; the second does not match.
	f(t, cs, transfers{info(read(2, w, w, 21)), info(read(3, w, w, 30))},
		"missing run.1", "differ by fields run.2 1.2", "match by fields run.3 1.3")
	// Without processes, only what is equal is another's; the rest is the sum.
	for _, c := range cs {
		c.PID = 0
	}
	f(t, cs, transfers{info(read(1, w, w, 4)), info(read(2, w, w, 30)), info(read(3, w, w, 6))},
		"match by id run.1 1.1 1.3", "missing run.2", "match by fields run.3 1.2")
	// Later than the claim, and another has its time.
	late := [2]int64{300, 309}
	f(t, claims{claim("1", 1, 2, 10), claim("2", 303, 304, 20)}, transfers{info(read(2, late, late, 20))},
		"missing run.1", "match by fields run.2 1.2")
}

// Ensure that a name of a run that was used before does not bring its transfers
// in again.
func TestJoinByIDUsedBefore(t *testing.T) {
	at := func(file int, b, n int64) *transfer.Transfer {
		return with(read(file, [2]int64{b, b + 4}, [2]int64{b, b + 4}, n), func(x *transfer.Transfer) { x.AppInfo = "run.1" })
	}
	f(t, claims{readClaim("1", 90001, 90002, 10)}, transfers{at(1, 0, 10), at(2, 90000, 10)},
		"extra 1.1", "match by id run.1 1.2")
	f(t, claims{readClaim("1", 90001, 90002, 10)}, transfers{at(1, 0, 10)}, "match by id run.1 1.1") // clocks go wrong
}

// Ensure that a claim which does not know what its server is called finds its
// transfer on any, after those that do.
func TestJoinAnywhere(t *testing.T) {
	w := [2]int64{0, 9}
	at := func(server string, file int, n int64) *transfer.Transfer {
		return with(read(file, w, w, n), func(x *transfer.Transfer) {
			x.ID, x.Server, x.Address = fmt.Sprintf("%s.1.%d", server, file), server, server
		})
	}
	to := func(server, id string, n int64) *transfer.Claim {
		return with(readClaim(id, 1, 2, n), func(c *transfer.Claim) { c.Server = server })
	}
	f(t, claims{to("r:1", "1", 10), to("r:1", "2", 20), to("b:1", "3", 30), to("r:1", "4", 40)},
		transfers{at("a:1", 7, 20), at("b:1", 7, 10), at("b:1", 8, 30)},
		"match by fields run.1 b:1.1.7", "match by fields run.2 a:1.1.7", "match by fields run.3 b:1.1.8", "missing run.4")
	// Who knows the name comes first.
	f(t, claims{to("r:1", "1", 10), to("b:1", "2", 10)}, transfers{at("b:1", 7, 11)}, "missing run.1", "differ by fields run.2 b:1.1.7")
	// The port tells more than nothing.
	f(t, claims{to("localhost:2", "1", 10), to("localhost:1", "2", 10)}, transfers{at("b:1", 7, 11), at("b:2", 7, 12)},
		"differ by fields run.1 b:2.1.7", "differ by fields run.2 b:1.1.7")
	f(t, claims{to("localhost:3", "1", 10)}, transfers{at("b:1", 7, 11), at("b:2", 7, 9)}, "ambiguous by fields run.1 b:1.1.7 b:2.1.7")
	// A server that is known, and told nothing, is not the same.
	f(t, claims{to("c:1", "1", 10)}, transfers{at("b:1", 7, 10), with(at("c:1", 7, 10), func(x *transfer.Transfer) { x.Path = "/g" })},
		"extra b:1.1.7", "extra c:1.1.7", "missing run.1")
}

// Ensure that a thousand opens within a second or two, in an order and at times
// that are not quite known, all find their transfers.
func TestJoinDense(t *testing.T) {
	for _, pids := range []bool{true, false} {
		r := rand.New(rand.NewPCG(9, 9))
		var cs claims
		var ts transfers
		for i := range 900 {
			at := r.Float64() * 0.9
			n := int64(4096)
			if i%3 == 0 {
				n = int64(i)
			}
			c := readClaim(strconv.Itoa(i), at, at+0.01, n)
			// A buffer began with the first open in it, and went out with the last.
			w := [2]int64{int64(at), int64(at + 0.05)}
			x := read(int(at*1e6), w, w, n)
			if pids {
				c.PID = 100 + i%7
				x.PID = c.PID
			}
			cs, ts = append(cs, c), append(ts, x)
		}
		rep := validate.Run(validate.Input{Claims: cs, Transfers: ts}, validate.Options{})
		check(t, rep, cs, ts)
		if d := cmp.Diff(counts(900, 0, 0, 0, 0), rep.Totals.Verdicts); d != "" {
			t.Errorf("pids %v (-want +got):\n%s", pids, d)
		}
	}
}

// Ensure that what happened at once, and is told in another order by the
// server, is still found by what was read; with a client's process id on both
// sides, also if the bytes say nothing.
func TestJoinConcurrent(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, pids := range []bool{true, false} {
		var cs claims
		var ts transfers
		want := make(map[string]string)
		for i := range 160 {
			at := float64(i/8)*0.2 + r.Float64()*0.1
			n := int64(i%8) * 1000
			c := with(readClaim(fmt.Sprintf("%03d", i), at, at+0.05, 5000+n), func(c *transfer.Claim) { c.PID = 100 + i%8 })
			sec := int64(at)
			x := read((i/8)*8+(i*5)%8, [2]int64{sec / 5 * 5, sec/5*5 + 4}, [2]int64{sec / 5 * 5, sec/5*5 + 4}, 5000+n)
			x.PID = i%8 + 1 // a session number
			if pids {
				x.PID = c.PID
				x.Bytes.Read = 0 // read through async I/O
			}
			cs, ts = append(cs, c), append(ts, x)
			want[c.ID] = x.ID
		}
		rep := validate.Run(validate.Input{Claims: cs, Transfers: ts}, validate.Options{})
		check(t, rep, cs, ts)
		for _, v := range rep.Verdicts {
			if v.Claim == nil || len(v.Transfers) != 1 || pids && v.Transfers[0].PID != v.Claim.PID || !pids && v.Kind != transfer.Match {
				t.Fatalf("pids %v: %s %+v with %d transfers", pids, v.Kind, v.Claim, len(v.Transfers))
			}
			if id := v.Transfers[0].ID; pids && id != want[v.Claim.ID] {
				t.Errorf("pids %v: claim %s has %s, want %s", pids, v.Claim.ID, id, want[v.Claim.ID])
			}
		}
	}
}

// Ensure that order decides where nothing else does.
func TestJoinOrder(t *testing.T) {
	w := [2]int64{0, 9}
	cs := claims{readClaim("1", 1, 1.1, 700), readClaim("2", 2, 2.1, 700), readClaim("3", 3, 3.1, 700), readClaim("4", 4, 4.1, 700)}
	f(t, cs, transfers{read(4, w, w, 0), read(7, w, w, 5), read(9, w, w, 0), read(12, w, w, 6)},
		"differ by fields run.1 1.4", "differ by fields run.2 1.7", "differ by fields run.3 1.9", "differ by fields run.4 1.12")
	// Equal reads of which one has no transfer: that is not ambiguous.
	f(t, cs, transfers{read(4, w, w, 700), read(7, w, w, 700), read(9, w, w, 700)},
		"match by fields run.1 1.4", "match by fields run.2 1.7", "missing run.3", "match by fields run.4 1.9")
}

func TestAmbiguous(t *testing.T) {
	w := [2]int64{0, 9}
	// Two transfers fit as well.
	f(t, claims{readClaim("1", 1, 2, 50)}, transfers{read(1, w, w, 40), read(2, w, w, 60)}, "ambiguous by fields run.1 1.1 1.2")
	// They do, but it is the same whichever it was.
	f(t, claims{readClaim("1", 1, 2, 50)}, transfers{read(1, w, w, 40), read(2, w, w, 40)}, "extra 1.2", "differ by fields run.1 1.1")
	// Two claims have one transfer.
	f(t, claims{readClaim("1", 1, 2, 50), readClaim("2", 2, 3, 70)}, transfers{read(1, w, w, 60)},
		"ambiguous by fields run.1 1.1", "ambiguous run.2 1.1")
	// The bytes tell whose it is.
	f(t, claims{readClaim("1", 1, 2, 50), readClaim("2", 2, 3, 70)}, transfers{read(1, w, w, 70)},
		"missing run.1", "match by fields run.2 1.1")
	// And the process, and the time.
	f(t, claims{
		with(readClaim("1", 1, 2, 50), func(c *transfer.Claim) { c.PID = 5 }),
		with(readClaim("2", 2, 3, 70), func(c *transfer.Claim) { c.PID = 6 }),
	}, transfers{with(read(1, w, w, 60), func(x *transfer.Transfer) { x.PID = 6 })},
		"missing run.1", "differ by fields run.2 1.1")
	f(t, claims{readClaim("1", 1, 2, 50), readClaim("2", 10.5, 11.5, 70)}, transfers{read(1, w, w, 60)},
		"differ by fields run.1 1.1", "missing run.2")
	// A failed access does not make the others ambiguous, nor take what is theirs.
	f(t, claims{
		with(readClaim("1", 1, 2, 50), func(c *transfer.Claim) { c.Outcome, c.Received = transfer.Failed, nil }),
		readClaim("2", 2, 3, 70),
	}, transfers{read(1, w, w, 60)}, "failed run.1", "differ by fields run.2 1.1")
}

func TestFailedOpen(t *testing.T) {
	w := [2]int64{0, 9}
	failed := with(readClaim("1", 1, 0, 0), func(c *transfer.Claim) { c.Closed, c.Received, c.Outcome = 0, nil, transfer.Failed })
	f(t, claims{failed}, transfers{read(1, w, w, 0)}, "extra 1.1", "failed run.1")
	f(t, claims{failed}, transfers{read(1, w, w, 9)}, "failed by fields run.1 1.1") // it did not fail at the open
}

// Ensure that an access that waited for its server is found by its close, also where only the t stream
// has that.
func TestJoinByTracedClose(t *testing.T) {
	late := func(totals *transfer.Totals) *transfer.Transfer {
		return with(read(1, [2]int64{5, 6}, [2]int64{5, 6}, 100), func(x *transfer.Transfer) {
			x.End, x.Quality, x.Trace = transfer.Lost, transfer.LowerBound, &transfer.Trace{Totals: totals}
		})
	}
	f(t, claims{readClaim("1", 0, 5.5, 100)}, transfers{late(&transfer.Totals{Read: 100})}, "match by fields run.1 1.1")
	f(t, claims{readClaim("1", 0, 5.5, 100)}, transfers{late(nil)}, "missing run.1", "extra 1.1")
}

func TestContinuations(t *testing.T) {
	part := func(life, file int, b, e, n int64, end transfer.End) *transfer.Transfer {
		return with(read(file, [2]int64{b, b + 4}, [2]int64{e, e + 4}, n), func(x *transfer.Transfer) {
			x.ID, x.End = fmt.Sprintf("77.%d.%d", life, file), end
		})
	}
	long := readClaim("1", 1, 100, 100)
	// A restart in between, and a session that was dropped.
	f(t, claims{long}, transfers{part(1, 8, 0, 10, 50, transfer.Lost), part(2, 3, 30, 50, 20, transfer.Lost), part(3, 1, 80, 97, 30, transfer.Closed)},
		"match by fields run.1 1.8 2.3 3.1")
	f(t, claims{long}, transfers{part(1, 8, 0, 10, 50, transfer.Forced), part(1, 9, 30, 97, 50, transfer.Closed)},
		"match by fields run.1 1.8 1.9")
	// The client closed the first itself: the second is another access.
	f(t, claims{long}, transfers{part(1, 8, 0, 10, 50, transfer.Closed), part(1, 9, 30, 50, 50, transfer.Closed)},
		"differ by fields run.1 1.8", "extra 1.9")
	// Both at once.
	f(t, claims{long}, transfers{part(1, 8, 0, 40, 50, transfer.Forced), part(1, 9, 30, 50, 50, transfer.Forced)},
		"differ by fields run.1 1.8", "extra 1.9")
	// It lies in two claims, and is what one of them lacks, or both, or none.
	two := func(lacks int64) (claims, transfers) {
		return claims{long, readClaim("2", 2, 100, lacks)},
			transfers{part(1, 8, 0, 10, 50, transfer.Forced), part(1, 9, 0, 10, 55, transfer.Forced), part(1, 10, 40, 60, 50, transfer.Forced)}
	}
	cs, ts := two(70)
	f(t, cs, ts, "match by fields run.1 1.8 1.10", "differ by fields run.2 1.9")
	cs, ts = two(105)
	f(t, cs, ts, "differ by fields run.1 1.8", "differ by fields run.2 1.9", "extra 1.10")
	cs, ts = two(70)
	ts[2].Bytes.Read = 10
	f(t, cs, ts, "differ by fields run.1 1.8", "differ by fields run.2 1.9", "extra 1.10")
	// The process tells whose it is, also where the bytes do not.
	for i := range cs {
		cs[i].PID, ts[i].PID = 7+i, 7+i
	}
	ts[2].PID = 8
	f(t, cs, ts, "differ by fields run.1 1.8", "differ by fields run.2 1.9 1.10")
	ts[2].PID = 9
	f(t, cs, ts, "differ by fields run.1 1.8", "differ by fields run.2 1.9", "extra 1.10")
	// Nothing is missing in it.
	f(t, claims{long}, transfers{part(1, 8, 0, 97, 100, transfer.Forced), part(2, 9, 97, 98, 50, transfer.Closed)},
		"match by fields run.1 1.8", "extra 2.9")
	// Another user's.
	f(t, claims{long}, transfers{
		part(1, 8, 0, 10, 50, transfer.Lost),
		with(part(2, 9, 30, 50, 50, transfer.Closed), func(x *transfer.Transfer) { x.User = "bob" }),
	}, "differ by fields run.1 1.8", "extra 2.9")
}

func TestSelection(t *testing.T) {
	w := func(b int64) [2]int64 { return [2]int64{b, b + 4} }
	at := func(x *transfer.Transfer, server, path string) *transfer.Transfer {
		x.Server, x.Address, x.Path = server, server, path
		return x
	}
	b := with(readClaim("1", 51, 52, 5), func(c *transfer.Claim) { c.Run, c.Client = "b", "192.0.2.8" })
	cs := claims{readClaim("1", 1, 2, 10), readClaim("2", 11, 12, 20), b}
	ts := transfers{
		read(1, w(0), w(0), 10), read(2, w(10), w(10), 20),
		with(read(3, w(50), w(50), 5), func(x *transfer.Transfer) { x.Client = "192.0.2.8" }),
		at(read(4, w(4), w(4), 1), "data.example:1094", "/extra"),
		at(read(5, w(40), w(40), 1), "data.example:1094", "/extra"),
		at(read(6, w(4), w(4), 1), "other.example:1094", "/extra"),
	}
	f := func(o validate.Options, want ...string) {
		t.Helper()
		r := validate.Run(validate.Input{Claims: cs, Transfers: ts}, o)
		if d := cmp.Diff(want, strings.Split(strings.TrimSuffix(told(r), "\n"), "\n")); d != "" {
			t.Errorf("%+v (-want +got):\n%s", o, d)
		}
		checkGroups(t, r, r.Servers)
		checkGroups(t, r, r.Clients)
	}
	f(validate.Options{Run: "run"}, "match by fields run.1 1.1", "extra 1.4", "match by fields run.2 1.2")
	f(validate.Options{Run: "b"}, "match by fields b.1 1.3")
	f(validate.Options{Run: "none"}, "")
	f(validate.Options{Server: "OTHER.example:1094"}, "extra 1.6")
	f(validate.Options{Server: "192.0.2.1:1094", To: 1010}, "match by fields run.1 1.1")
	f(validate.Options{Client: "192.0.2.8"}, "match by fields b.1 1.3")
	f(validate.Options{From: 1050}, "match by fields b.1 1.3")
	f(validate.Options{From: 1040, To: 1050}, "extra 1.5")
}

// Ensure that all ways to say nothing give a report that says so.
func TestEmpty(t *testing.T) {
	r := validate.Run(validate.Input{}, validate.Options{})
	check(t, r, nil, nil)
	if r.Verdicts == nil || r.Servers == nil || r.Clients == nil {
		t.Error("a list is null in JSON")
	}
}
