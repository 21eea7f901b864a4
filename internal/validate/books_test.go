package validate_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/ledger"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

func ledgerOf(t *testing.T, cs claims, ts transfers) *ledger.Ledger {
	t.Helper()
	l := ledger.New(ledger.Config{})
	for _, c := range cs {
		if _, err := l.PutClaim(c); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range ts {
		l.PutTransfer(x)
	}
	return l
}

// hour moves a claim or transfer made for the second 1000 by hours.
func hourClaim(c *transfer.Claim, hours float64) *transfer.Claim {
	c.Opened += 3600 * hours
	c.Closed += 3600 * hours
	return c
}

func hourTransfer(x *transfer.Transfer, hours float64) *transfer.Transfer {
	for _, i := range []*transfer.Interval{&x.Opened, &x.Closed} {
		i[0] += int64(3600 * hours)
		i[1] += int64(3600 * hours)
	}
	return x
}

// Ensure that verdicts do not depend on how much of the ledger is looked at.
func TestBooks(t *testing.T) {
	w := [2]int64{0, 4}
	at := func(file int, hours float64, n int64, change ...func(*transfer.Transfer)) *transfer.Transfer {
		x := hourTransfer(read(file, w, w, n), hours)
		for _, f := range change {
			f(x)
		}
		return x
	}
	lost := func(x *transfer.Transfer) { x.End = transfer.Lost }
	info := func(x *transfer.Transfer) { x.AppInfo = "run.far" }
	file := func(path string) func(*transfer.Transfer) { return func(x *transfer.Transfer) { x.Path = path } }
	other := func(x *transfer.Transfer) { x.Server, x.Address = "other:1", "192.0.2.2:1" }
	own := func(id string, hours float64, n int64, path string) *transfer.Claim {
		return hourClaim(with(readClaim(id, 1, 2, n), func(c *transfer.Claim) { c.Path = path }), hours)
	}
	cs := claims{
		own("a", 10, 100, "/a"),
		with(own("long", 2, 60, "/long"), func(c *transfer.Claim) { c.Closed += 16 * 3600 }), // until 18 h
		own("far", 10, 70, "/far"),
		own("unmonitored", 10, 5, "/a"),
		with(own("later", 30, 8, "/a"), func(c *transfer.Claim) { c.Run = "next" }),
		with(own("now", 10, 9, "/stale"), func(c *transfer.Claim) { c.Run = "next" }),
		own("stuck", 3, 11, "/stuck"), // its session was noticed to be dead only at 10 h
	}
	cs[3].Server = "other:1"
	ts := transfers{
		at(1, 10, 100, file("/a")),
		at(2, 2, 20, file("/long"), lost), at(3, 10, 30, file("/long"), lost), at(4, 18, 10, file("/long")),
		at(5, 25, 70, file("/far"), info),
		at(6, 30, 8, file("/a")),
		at(7, 1, 1, file("/x"), other),
		at(8, 10, 5, file("/a")), // who takes this for the claim on the other server knows too little
		with(at(9, 3, 11, file("/stuck")), func(x *transfer.Transfer) {
			x.End, x.Closed = transfer.Forced, transfer.Interval{37000, 37004}
		}),
	}
	l := ledgerOf(t, cs, ts)
	f := func(o validate.Options, want ...string) {
		t.Helper()
		r := validate.Books(l, o)
		r.Selection.Unknown = nil // which is told of what l has, and not of what is laid together
		if d := cmp.Diff(validate.Run(validate.Input{Claims: cs, Transfers: ts}, o), r); d != "" {
			t.Errorf("%+v: all that there is and what is looked at give others (-all +books):\n%s", o, d)
		}
		if d := cmp.Diff(strings.Join(want, "\n"), strings.TrimSuffix(told(r), "\n")); d != "" {
			t.Errorf("%+v (-want +got):\n%s", o, d)
		}
	}
	at10 := []string{
		"match by fields run.long 1.2 1.3 1.4", "extra 1.8", "missing next.now", "match by fields run.a 1.1",
		"match by id run.far 1.5", "missing run.unmonitored", // and 1.9, which is no extra, with its claim at 3 h
	}
	f(validate.Options{From: 36990, To: 37010}, at10...)
	f(validate.Options{Run: "next"}, "extra 1.8", "missing next.now", "match by fields next.later 1.6")
	f(validate.Options{From: 90990, To: 91010}, "")
	f(validate.Options{From: 108990}, "match by fields next.later 1.6")
	f(validate.Options{Run: "nobody's"}, "")
	f(validate.Options{Run: "run", To: 9000}, "match by fields run.long 1.2 1.3 1.4")
}

// Ensure the same of whatever there is, as far as it is in the ledger at all.
func TestBooksRandom(t *testing.T) {
	for seed := range uint64(20) {
		s := source{rand.New(rand.NewPCG(seed, 4)), 20 * 3600}
		cs, ts := s.both(300, 300)
		for _, c := range cs {
			if s.IntN(20) == 0 {
				c.Closed = c.Opened + float64(s.IntN(30*3600))
			}
		}
		for _, x := range ts {
			if s.IntN(20) == 0 && x.Closed.Known() {
				d := s.Int64N(30 * 3600)
				x.Closed = transfer.Interval{x.Closed[0] + d, x.Closed[1] + d}
			}
		}
		l := ledgerOf(t, cs, ts)
		from := 1000 + s.Int64N(20*3600)
		for _, o := range []validate.Options{{From: from, To: from + 600}, {From: from}, {To: from}, {Run: "r1", From: from, To: from + 3600}} {
			want, got := lines(t, validate.Run(validate.Input{Claims: cs, Transfers: ts}, o)), lines(t, validate.Books(l, o))
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("seed %d, %+v (-all +books):\n%s", seed, o, d)
			}
		}
	}
}

func lines(t *testing.T, r *validate.Report) (out []string) {
	t.Helper()
	for _, v := range r.Verdicts {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	return out
}

// Ensure that an empty report says which of the names that were asked for nothing has, at no time.
func TestBooksUnknown(t *testing.T) {
	w := [2]int64{0, 4}
	c := readClaim("1", 1, 2, 10)
	x := read(1, w, w, 10)
	l := ledgerOf(t, claims{c}, transfers{x})
	l.PutLife(transfer.Life{SID: 9, Stod: 1, Server: "idle:1094", Address: "192.0.2.9:1094"})
	const run, server, client = validate.RunName, validate.ServerName, validate.ClientName
	f := func(o validate.Options, want ...validate.Name) {
		t.Helper()
		if got := validate.Books(l, o).Selection.Unknown; !slices.Equal(got, want) {
			t.Errorf("%+v: got %q, want %q", o, got, want)
		}
	}
	f(validate.Options{})
	f(validate.Options{Run: c.Run, Server: c.Server, Client: c.Client})
	f(validate.Options{Run: c.Run, From: 1 << 32})
	f(validate.Options{Server: x.Address, Client: x.Client, From: 1 << 32})
	f(validate.Options{Server: "idle:1094"})
	f(validate.Options{Run: "x", Server: "y:1", Client: "z"}, run, server, client)
	f(validate.Options{Run: c.Run, Server: "y:1"}, server)
	f(validate.Options{Client: "z"}, client)
	for n, want := range map[validate.Name][]string{run: {c.Run}, server: {c.Server, x.Server}, client: {c.Client, x.Client}} {
		slices.Sort(want)
		if got := validate.Names(l, n); !slices.Equal(got, slices.Compact(want)) {
			t.Errorf("names of %s: got %q, want %q", n, got, want)
		}
	}
}
