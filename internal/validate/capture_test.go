package validate_test

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/capture"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// load returns the claims of a capture, and its transfers as the reference
// decoder has them.
func load(t *testing.T, name string) ([]*transfer.Claim, []*transfer.Transfer) {
	t.Helper()
	c, err := capture.Load(os.DirFS("../capture/testdata"), name)
	if err != nil {
		t.Fatal(err)
	}
	transfers := make([]*transfer.Transfer, 0, len(c.Sessions))
	for _, s := range c.Sessions {
		transfers = append(transfers, fromSession(s))
	}
	return capture.Claims(name, c.Truth), transfers
}

func fromSession(s capture.Session) *transfer.Transfer {
	pid, _ := strconv.Atoi(s.PID)
	host, _, _ := net.SplitHostPort(s.Remote)
	x := &transfer.Transfer{
		ID:   fmt.Sprintf("%d.%d.%d", s.Port, s.Stod, s.FileID), // the port stands for the server's fingerprint
		Site: s.Site, Server: fmt.Sprintf("node.example:%d", s.Port), Address: net.JoinHostPort(host, strconv.Itoa(s.Port)),
		Client: transfer.CleanHost(s.Host), User: s.User, PID: pid, Protocol: s.Proto, Path: s.LFN, Size: s.Size,
		Opened: s.Opened, Closed: s.Ended,
		Bytes: transfer.Bytes{Read: s.Read, ReadV: s.ReadV, Write: s.Write},
		End:   transfer.Closed, Quality: transfer.Exact,
	}
	switch n := len(s.Xfr); {
	case !s.Closed && n > 0:
		last := s.Xfr[n-1]
		x.Bytes = transfer.Bytes{Read: last[1], ReadV: last[2], Write: last[3]}
		x.End, x.Quality = transfer.Lost, transfer.LowerBound
		x.Closed = transfer.Interval{last[0], last[0] + 5}
	case !s.Closed:
		x.End, x.Quality = transfer.Unreported, transfer.Unknown
	case s.Forced && s.Ops != nil && s.Ops.Read == 0 && s.Ops.Write == 0 && s.Ops.ReadV == 0 && n == 0:
		x.End, x.Quality = transfer.Forced, transfer.Unknown
	case s.Forced:
		x.End = transfer.Forced
	}
	return x
}

func run(t *testing.T, name string) *validate.Report {
	t.Helper()
	claims, transfers := load(t, name)
	r := validate.Run(claims, transfers, validate.Options{})
	check(t, r, claims, transfers)
	return r
}

// check checks what is true of every report on everything.
func check(t *testing.T, r *validate.Report, claims []*transfer.Claim, transfers []*transfer.Transfer) {
	t.Helper()
	seen := make(map[any]int)
	ambiguous := make(map[any]bool)
	kinds := make(map[transfer.Kind]int)
	for _, v := range r.Verdicts {
		kinds[v.Kind]++
		if v.Claim != nil {
			seen[v.Claim]++
		}
		if (v.Kind == transfer.Extra) != (v.Claim == nil) || (v.Join != "") != (v.Claim != nil && len(v.Transfers) > 0) && v.Kind != transfer.Ambiguous {
			t.Errorf("%s: claim %v, join %q, %d transfers", v.Kind, v.Claim != nil, v.Join, len(v.Transfers))
		}
		var sum transfer.Bytes
		for _, x := range v.Transfers {
			sum = sum.Plus(x.Bytes)
			if v.Kind == transfer.Ambiguous {
				ambiguous[x] = true
			} else {
				seen[x]++
			}
		}
		if sum != v.Monitored {
			t.Errorf("%s: monitored %+v, the sum is %+v", v.Kind, v.Monitored, sum)
		}
		if v.Kind == transfer.Match && *v.Claimed != sum {
			t.Errorf("match of %+v and %+v", *v.Claimed, sum)
		}
	}
	var claimed, monitored transfer.Bytes
	for _, c := range claims {
		if seen[c] != 1 {
			t.Errorf("claim %s has %d verdicts", c.Key(), seen[c])
		}
		if c.Received != nil {
			claimed = claimed.Plus(*c.Received)
		} else if c.Outcome == transfer.OK {
			claimed = claimed.Plus(c.Asked)
		}
	}
	for _, x := range transfers {
		if n := seen[x]; n > 1 || n == 0 && !ambiguous[x] {
			t.Errorf("transfer %s is in %d verdicts", x.ID, n)
		}
		monitored = monitored.Plus(x.Bytes)
	}
	if r.Totals.Claims != len(claims) || r.Totals.Transfers != len(transfers) || r.Totals.Claimed != claimed || r.Totals.Monitored != monitored {
		t.Errorf("totals %+v, want %d claims of %+v and %d transfers of %+v", r.Totals, len(claims), claimed, len(transfers), monitored)
	}
	for _, k := range validate.Kinds() {
		if n, ok := r.Totals.Verdicts[k]; !ok || n != kinds[k] {
			t.Errorf("totals say %d (%v) %s, want %d", n, ok, k, kinds[k])
		}
	}
	for _, groups := range [][]validate.Group{r.Servers, r.Clients} {
		checkGroups(t, r, groups)
	}
}

func checkGroups(t *testing.T, r *validate.Report, groups []validate.Group) {
	t.Helper()
	sum := validate.Totals{Verdicts: map[transfer.Kind]int{}}
	for i, g := range groups {
		if i > 0 && groups[i-1].Name >= g.Name {
			t.Errorf("group %q follows %q", g.Name, groups[i-1].Name)
		}
		sum.Claims += g.Claims
		sum.Transfers += g.Transfers
		sum.Claimed, sum.Monitored = sum.Claimed.Plus(g.Claimed), sum.Monitored.Plus(g.Monitored)
		for k, n := range g.Verdicts {
			sum.Verdicts[k] += n
		}
	}
	if len(groups) > 0 {
		if d := cmp.Diff(r.Totals, sum); d != "" {
			t.Errorf("totals and the sum of groups (-totals +sum):\n%s", d)
		}
	}
}

func counts(match, differ, missing, extra, failed, ambiguous int) map[transfer.Kind]int {
	return map[transfer.Kind]int{
		transfer.Match: match, transfer.Differ: differ, transfer.Missing: missing,
		transfer.Extra: extra, transfer.Fail: failed, transfer.Ambiguous: ambiguous,
	}
}

func TestCaptures(t *testing.T) {
	f := func(name string, want map[transfer.Kind]int) {
		t.Helper()
		r := run(t, name)
		if d := cmp.Diff(want, r.Totals.Verdicts); d != "" {
			var table strings.Builder
			_ = validate.WriteTable(&table, r)
			t.Errorf("%s (-want +got):\n%s%s", name, d, table.String())
		}
	}
	f("s01_full_reads", counts(24, 0, 0, 0, 0, 0))
	f("s02_partial_vector", counts(14, 1, 0, 0, 0, 0))
	f("s03_concurrent_users", counts(74, 4, 0, 0, 2, 0))
	f("s05_failures_names", counts(12, 0, 0, 0, 3, 0))
	f("s06_killed_longlived", counts(3, 0, 0, 0, 5, 0))
	f("s08_restart", counts(56, 1, 4, 0, 0, 0))
	f("s12_gstream", counts(7, 27, 0, 26, 2, 0)) // extra: 20 reads of the caches, 6 control sessions of the copies
}
