package validate_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"slices"
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
	case !s.Closed:
		x.End, x.Quality = transfer.Unreported, transfer.Unknown
	case s.Forced && s.Ops != nil && s.Ops.Read == 0 && s.Ops.Write == 0 && s.Ops.ReadV == 0 && n == 0:
		x.End, x.Quality = transfer.Forced, transfer.Unknown
	case s.Forced:
		x.End, x.Quality = transfer.Forced, transfer.LowerBound
	}
	return x
}

func run(t *testing.T, name string) *validate.Report {
	t.Helper()
	claims, transfers := load(t, name)
	r := validate.Run(validate.Input{Claims: claims, Transfers: transfers}, validate.Options{})
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
			switch {
			case v.Kind == transfer.Ambiguous:
				ambiguous[x] = true
			case len(v.Shared) == 0 || v.Claim.Key() < slices.Min(v.Shared): // of several claims it is once
				seen[x]++
			}
		}
		if sum != v.Monitored {
			t.Errorf("%s: monitored %+v, the sum is %+v", v.Kind, v.Monitored, sum)
		}
		if v.Kind == transfer.Match && len(v.Shared) == 0 && *v.Claimed != sum && !strings.HasPrefix(v.Transfers[0].Protocol, "http") {
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
	for _, groups := range [][]validate.Group{r.Runs, r.Sites, r.Servers, r.Clients, r.Paths} {
		checkGroups(t, r, groups)
	}
	checkBins(t, r)
	checkSlots(t, r)
}

// checkSlots checks that slots by server and client have together what bins have.
func checkSlots(t *testing.T, r *validate.Report) {
	t.Helper()
	sum := make([]validate.Bin, len(r.Bins))
	for i := range r.Bins {
		sum[i].At = r.Bins[i].At
	}
	for i, s := range r.Slots {
		if i > 0 && s.Others == 0 && s.Server+"\x00"+s.Client <= r.Slots[i-1].Server+"\x00"+r.Slots[i-1].Client {
			t.Errorf("%s %s is out of order", s.Server, s.Client)
		}
		for _, b := range s.Bins {
			in := &sum[(b.At-r.Bins[0].At)/r.Step]
			in.Claimed, in.Monitored, in.Closes = in.Claimed+b.Claimed, in.Monitored+b.Monitored, in.Closes+b.Closes
		}
	}
	if !slices.Equal(sum, r.Bins) || len(r.Slots) > 101 {
		t.Errorf("%d slots have together\n%v\nwant\n%v", len(r.Slots), sum, r.Bins)
	}
}

// checkBins checks that the bins have no more and no less than what is known to be of
// some time.
func checkBins(t *testing.T, r *validate.Report) {
	t.Helper()
	var claimed, monitored int64
	for i, b := range r.Bins {
		if i > 0 && b.At != r.Bins[i-1].At+r.Step || b.At%r.Step != 0 {
			t.Errorf("bin %d at %d, step %d", i, b.At, r.Step)
		}
		claimed, monitored = claimed+b.Claimed, monitored+b.Monitored
	}
	var wantClaimed, wantMonitored int64
	seen := make(map[*transfer.Transfer]bool)
	for _, v := range r.Verdicts {
		if c := v.Claim; v.Claimed != nil && c.Opened > 0 && c.Opened < transfer.MaxTime && !(c.Closed >= transfer.MaxTime) && !math.IsNaN(c.Closed) {
			wantClaimed += max(0, v.Claimed.Total())
		}
		for _, x := range v.Transfers {
			if at := max(x.Opened.Middle(), x.Closed.Middle()); !seen[x] && at > 0 && at < transfer.MaxTime && (!x.Opened.Known() || x.Opened.Middle() > 0) {
				seen[x] = true
				wantMonitored += max(0, x.Bytes.Total())
			}
		}
	}
	if len(r.Bins) > 240 || claimed != wantClaimed || monitored != wantMonitored {
		t.Errorf("%d bins of %d claimed and %d monitored bytes, want %d and %d", len(r.Bins), claimed, monitored, wantClaimed, wantMonitored)
	}
}

func checkGroups(t *testing.T, r *validate.Report, groups []validate.Group) {
	t.Helper()
	sum := validate.Totals{Verdicts: map[transfer.Kind]int{}, Causes: map[transfer.Cause]int{}, Ratio: r.Totals.Ratio, Lost: r.Totals.Lost}
	for i, g := range groups {
		if i > 0 && groups[i-1].Name >= g.Name {
			t.Errorf("group %q follows %q", g.Name, groups[i-1].Name)
		}
		sum.Claims += g.Claims
		sum.Transfers += g.Transfers
		sum.Claimed, sum.Monitored, sum.Joined = sum.Claimed.Plus(g.Claimed), sum.Monitored.Plus(g.Monitored), sum.Joined.Plus(g.Joined)
		for c, n := range g.Causes {
			sum.Causes[c] += n
		}
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

// counts returns the counts of verdicts of a report without ambiguous ones.
func counts(match, differ, missing, extra, failed int) map[transfer.Kind]int {
	return map[transfer.Kind]int{
		transfer.Match: match, transfer.Differ: differ, transfer.Missing: missing,
		transfer.Extra: extra, transfer.Fail: failed, transfer.Ambiguous: 0,
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
	f("s01_full_reads", counts(24, 0, 0, 0, 0))
	f("s02_partial_vector", counts(14, 1, 0, 0, 0))
	f("s03_concurrent_users", counts(74, 4, 0, 0, 2))
	f("s05_failures_names", counts(12, 0, 0, 0, 3))
	f("s06_killed_longlived", counts(3, 0, 0, 0, 5))
	f("s08_restart", counts(56, 1, 4, 0, 0))
	f("s12_gstream", counts(7, 27, 0, 26, 2)) // extra: 20 reads of the caches, 6 control sessions of the copies
}

// Ensure that exactly those differ of which the captures' check.json says so:
// reads past the end of a file, which servers count by the length asked for.
func TestCapturesDiffer(t *testing.T) {
	f := func(name string, want ...string) {
		t.Helper()
		var got []string
		for _, v := range run(t, name).Verdicts {
			if v.Kind == transfer.Differ {
				got = append(got, fmt.Sprintf("%s %s %d %d", v.Claim.User, v.Claim.Path, v.Claimed.Total(), v.Monitored.Total()))
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	f("s02_partial_vector", "bob /v/a.root 4001000 4005100")
	f("s03_concurrent_users",
		"alice /data/f03.root 1000 5000", "alice /data/f09.root 1000 5000",
		"grace /data/f03.root 1000 5000", "frank /data/f05.root 1000 5000")
	f("s08_restart", "alice /r/f 120000 112000") // 35000, 30000 and 47000 in three lives
}

// Ensure that the process that made the access is the one whose transfer it
// gets, wherever the server names it.
func TestCapturesPID(t *testing.T) {
	for _, name := range []string{"s01_full_reads", "s02_partial_vector", "s03_concurrent_users", "s05_failures_names", "s06_killed_longlived", "s08_restart"} {
		for _, v := range run(t, name).Verdicts {
			for _, x := range v.Transfers {
				if v.Claim == nil || x.PID != v.Claim.PID {
					t.Errorf("%s: %s of %+v has transfer %s of pid %d", name, v.Kind, v.Claim, x.ID, x.PID)
				}
			}
		}
	}
}

// Ensure that killed clients' transfers stand beside their claims, marked.
func TestCaptureKilled(t *testing.T) {
	inexact := 0
	for _, v := range run(t, "s06_killed_longlived").Verdicts {
		if v.Kind == transfer.Fail && len(v.Transfers) != 1 {
			t.Errorf("%s has %d transfers, want 1", v.Claim.Key(), len(v.Transfers))
		}
		if !v.Exact {
			inexact++
		}
	}
	if inexact != 6 {
		t.Errorf("%d inexact, want the 5 of killed clients and the 1 of a leaked handle", inexact)
	}
}

// Ensure that of bob's sixty reads the four are missing that came before the
// SIGKILL, and that alice's one read is all three lives of its server.
func TestCaptureRestart(t *testing.T) {
	c, err := capture.Load(os.DirFS("../capture/testdata"), "s08_restart")
	if err != nil {
		t.Fatal(err)
	}
	var killed float64
	for _, s := range c.Truth.Servers {
		if s.How == "SIGKILL" {
			killed = s.Stopped
		}
	}
	for _, v := range run(t, "s08_restart").Verdicts {
		if before := killed - v.Claim.Opened; v.Kind == transfer.Missing && (before < 0 || before > 5) {
			t.Errorf("missing: opened %.1f s before the kill, want one that the flush before it did not bring", before)
		}
		if v.Claim.User == "alice" && len(v.Transfers) != 3 {
			t.Errorf("alice has %d transfers, want 3", len(v.Transfers))
		}
	}
}

// Ensure that a third-party copy's source is the read of the destination, not
// one of the client's control sessions, which are extra.
func TestCaptureThirdParty(t *testing.T) {
	for _, v := range run(t, "s12_gstream").Verdicts {
		switch {
		case v.Claim != nil && v.Claim.Agent == "c_tpc" && v.Kind == transfer.Match && v.Transfers[0].User != "xrootd":
			t.Errorf("%s is joined to user %s", v.Claim.Path, v.Transfers[0].User)
		case v.Kind == transfer.Extra && v.Monitored.Total() != 0 && v.Monitored.Total() != 700416:
			t.Errorf("extra: %s of %d bytes", v.Transfers[0].Path, v.Monitored.Total())
		}
	}
}

// Ensure that the order of the input does not show in the report.
func TestCapturesShuffled(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"s03_concurrent_users", "s06_killed_longlived", "s08_restart", "s12_gstream"} {
		claims, transfers := load(t, name)
		want := encode(t, claims, transfers)
		for range 5 {
			r.Shuffle(len(claims), func(i, j int) { claims[i], claims[j] = claims[j], claims[i] })
			r.Shuffle(len(transfers), func(i, j int) { transfers[i], transfers[j] = transfers[j], transfers[i] })
			if got := encode(t, claims, transfers); got != want {
				t.Fatalf("%s (-want +got):\n%s", name, cmp.Diff(want, got))
			}
		}
	}
}

// encode returns everything that is written of a report.
func encode(t *testing.T, claims []*transfer.Claim, transfers []*transfer.Transfer) string {
	t.Helper()
	r := validate.Run(validate.Input{Claims: claims, Transfers: transfers}, validate.Options{})
	var b strings.Builder
	if err := json.NewEncoder(&b).Encode(r); err != nil {
		t.Fatal(err)
	}
	if err := validate.WriteTable(&b, r); err != nil {
		t.Fatal(err)
	}
	if err := validate.WriteCSV(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
