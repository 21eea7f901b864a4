package validate_test

import (
	"slices"
	"testing"

	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// readers are claims of reads of one process, one after the other begun, all done by the
// second 1009, of so many bytes each.
func readers(bytes ...int64) (out claims) {
	for i, n := range bytes {
		out = append(out, with(readClaim(string(rune('1'+i)), 1.5+float64(i), 8.5, n), func(c *transfer.Claim) { c.PID = 7 }))
	}
	return out
}

// Ensure that what several claims have together with one transfer is compared in sum,
// but only where there is one way to choose them.
func TestSeveralClaims(t *testing.T) {
	one := func(bytes int64) transfers {
		return transfers{with(read(1, [2]int64{0, 4}, [2]int64{8, 9}, bytes), func(x *transfer.Transfer) { x.PID = 7 })}
	}
	const joined = "match by fields run.1 1.1"
	f(t, readers(100, 50), one(150), joined, "match by fields run.2 1.1")
	f(t, readers(50, 100), one(150), joined, "match by fields run.2 1.1")
	f(t, readers(100, 50, 25), one(175), joined, "match by fields run.2 1.1", "match by fields run.3 1.1")
	f(t, readers(100, 50, 25), one(125), joined, "missing run.2", "match by fields run.3 1.1")
	f(t, readers(75, 75), one(150), joined, "match by fields run.2 1.1")

	f(t, readers(100, 50), one(100), joined, "missing run.2")                       // it is another's
	f(t, readers(100, 50), one(149), "differ by fields run.1 1.1", "missing run.2") // nobody knows whose
	f(t, readers(100, 50, 50), one(150), "differ by fields run.1 1.1", "missing run.2", "missing run.3")

	other := func(change func(c *transfer.Claim)) {
		t.Helper()
		cs := readers(100, 50)
		change(cs[1])
		r := validate.Run(validate.Input{Claims: cs, Transfers: one(150)}, validate.Options{})
		if got := r.Totals.Verdicts[transfer.Match]; got != 0 {
			t.Errorf("%+v: got %s", cs[1], told(r))
		}
	}
	other(func(c *transfer.Claim) { c.PID = 8 })
	other(func(c *transfer.Claim) { c.Run = "another" })
	other(func(c *transfer.Claim) { c.User = "bob" })
	other(func(c *transfer.Claim) { c.Path = "/store/g" })
	other(func(c *transfer.Claim) { c.Closed = 1030 })
	other(func(c *transfer.Claim) { c.Outcome = transfer.Failed })
}

// Ensure that the verdict on each of several claims tells of the others, and that what
// they have in common counts once.
func TestSeveralClaimsAreTold(t *testing.T) {
	cs, x := readers(100, 50), read(1, [2]int64{0, 4}, [2]int64{8, 9}, 150)
	r := validate.Run(validate.Input{Claims: cs, Transfers: transfers{x}}, validate.Options{})
	check(t, r, cs, transfers{x})
	for i, v := range r.Verdicts {
		if want := []string{cs[1-i].Key()}; !slices.Equal(v.Shared, want) || v.Cause != transfer.CauseExact || *v.Claimed != *cs[i].Received {
			t.Errorf("%s: got shared with %v, %s, claimed %v", v.Claim.Key(), v.Shared, v.Cause, *v.Claimed)
		}
		for _, id := range []string{"run.1", "run.2", x.ID} {
			if !slices.Contains(v.Evidence, id) {
				t.Errorf("%s: %s is not in the evidence %v", v.Claim.Key(), id, v.Evidence)
			}
		}
	}
	if r.Totals.Joined.Read != 150 || *r.Totals.Ratio != 1 {
		t.Errorf("got %+v, ratio %v", r.Totals.Joined, *r.Totals.Ratio)
	}
}

// Ensure that each of two opens of one file by one process has its own transfer, as
// servers tell it, also while both are open.
func TestOpenedTwice(t *testing.T) {
	in, out := [2]int64{0, 4}, [2]int64{8, 9}
	f(t, readers(100, 50), transfers{read(1, in, out, 100), read(2, in, out, 50)}, "match by fields run.1 1.1", "match by fields run.2 1.2")
	f(t, readers(50, 100), transfers{read(1, in, out, 100), read(2, in, out, 50)}, "match by fields run.1 1.2", "match by fields run.2 1.1")
}

// Ensure that the requests of one access by HTTP, each of which is a transfer, are one
// claim's, if they are just what it has.
func TestHTTPRequests(t *testing.T) {
	request := func(file int, from, to, bytes int64) *transfer.Transfer {
		return with(read(file, [2]int64{from, to}, [2]int64{from, to}, bytes), func(x *transfer.Transfer) { x.Protocol = "https" })
	}
	c := readClaim("1", 1.5, 8.5, 300)
	f(t, claims{c}, transfers{request(1, 0, 4, 100), request(2, 0, 4, 150), request(3, 5, 9, 50)}, "match by fields run.1 1.1 1.2 1.3")
	f(t, claims{c}, transfers{request(1, 0, 4, 100), request(2, 0, 4, 150)}, "extra 1.1", "differ by fields run.1 1.2")
	f(t, claims{c}, transfers{read(1, [2]int64{0, 4}, [2]int64{5, 9}, 100), read(2, [2]int64{0, 4}, [2]int64{5, 9}, 200)}, "extra 1.1", "differ by fields run.1 1.2")
}
