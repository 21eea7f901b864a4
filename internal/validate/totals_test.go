package validate_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// Ensure that totals are told by run, site, server, client and path.
func TestGroups(t *testing.T) {
	w := [2]int64{0, 9}
	cs := claims{readClaim("1", 1, 2, 100), with(readClaim("2", 3, 4, 100), func(c *transfer.Claim) {
		c.Run, c.Path, c.Client = "other", "/store/mc/a/b/f", "192.0.2.8"
	})}
	ts := transfers{
		with(read(1, w, w, 60), func(x *transfer.Transfer) { x.Site = "SITE" }),
		with(read(2, w, w, 7), func(x *transfer.Transfer) { x.User = "bob" }),
	}
	r := validate.Run(validate.Input{Claims: cs, Transfers: ts}, validate.Options{})
	f := func(what string, groups []validate.Group, name string, claims int, joined, monitored int64) {
		t.Helper()
		for _, g := range groups {
			if g.Name == name {
				if g.Claims != claims || g.Joined.Read != joined || g.Monitored.Read != monitored {
					t.Errorf("%s %q: %d claims, %d bytes joined of %d, want %d, %d of %d", what, name, g.Claims, g.Joined.Read, g.Monitored.Read, claims, joined, monitored)
				}
				return
			}
		}
		t.Errorf("%s: nothing of %q", what, name)
	}
	f("run", r.Runs, "run", 1, 60, 60)
	f("run", r.Runs, "other", 1, 0, 0)
	f("run", r.Runs, "", 0, 0, 7)
	f("site", r.Sites, "SITE", 1, 60, 60)
	f("server", r.Servers, "Data.example:1094", 2, 60, 67)
	f("client", r.Clients, "192.0.2.8", 1, 0, 0)
	f("path", r.Paths, "/store/", 1, 60, 67)
	f("path", r.Paths, "/store/mc/", 1, 0, 0)
	if r.Totals.Ratio == nil || *r.Totals.Ratio != 0.3 {
		t.Errorf("ratio %v, want 0.3", r.Totals.Ratio)
	}
	deep := validate.Run(validate.Input{Claims: cs, Transfers: ts}, validate.Options{Depth: 4})
	f("path", deep.Paths, "/store/mc/a/b/", 1, 0, 0)
	if r := validate.Run(validate.Input{}, validate.Options{}); r.Totals.Ratio != nil || r.Totals.Lost != nil || len(r.Bins) != 0 {
		t.Errorf("of nothing: %+v", r)
	}
}

// Ensure that losses are told by server, and make an estimate.
func TestLosses(t *testing.T) {
	s := set()
	s.x = nil
	s.lose(transfer.FilePackets, 0, 9)
	s.lose(transfer.FilePackets, 20, 29)
	r := s.run()
	want := []validate.LossTotal{{Server: "data.example:1094", Of: transfer.FilePackets, Count: 2, Sent: transfer.Interval{1000, 1029}}}
	if d := cmp.Diff(want, r.Losses); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if r.Totals.Lost == nil || *r.Totals.Lost != 1 {
		t.Errorf("lost %v, want 1", r.Totals.Lost)
	}
	in := validate.Input{Claims: claims{s.claim}, Losses: s.losses}
	for _, o := range []validate.Options{{Run: "run"}, {Server: "data.example:1094", To: 1010}} {
		if r := validate.Run(in, o); len(r.Losses) > 1 || len(r.Losses) == 1 && r.Losses[0].Count != 1 {
			t.Errorf("%+v: losses %+v, want the first at most", o, r.Losses)
		}
	}
}

// Ensure that a long access is told evenly over its time, and at its end as closes.
func TestBins(t *testing.T) {
	c, x := readClaim("1", 0, 40, 1000), read(1, [2]int64{0, 0}, [2]int64{39, 39}, 1000)
	r := validate.Run(validate.Input{Claims: claims{c}, Transfers: transfers{x}}, validate.Options{Step: 10 * time.Second})
	want := []validate.Bin{
		{At: 1000, Claimed: 250, Monitored: 243},
		{At: 1010, Claimed: 250, Monitored: 257},
		{At: 1020, Claimed: 250, Monitored: 256},
		{At: 1030, Claimed: 250, Monitored: 244, Closes: 1000},
		{At: 1040},
	}
	if d := cmp.Diff(want, r.Bins); d != "" || r.Step != 10 {
		t.Errorf("step %d (-want +got):\n%s", r.Step, d)
	}
	x.Closed = transfer.Interval{1e9, 1e9}
	if r := validate.Run(validate.Input{Transfers: transfers{x}}, validate.Options{Step: time.Second}); len(r.Bins) > 240 {
		t.Errorf("%d bins", len(r.Bins))
	}
}

// Ensure that bytes are told where progress records have them, where there are any.
func TestBinsOfProgress(t *testing.T) {
	x := read(1, [2]int64{0, 0}, [2]int64{39, 39}, 1000)
	f := func(want []int64, points ...transfer.Point) {
		t.Helper()
		x.Progress = points
		r := validate.Run(validate.Input{Transfers: transfers{x}}, validate.Options{Step: 10 * time.Second})
		var got []int64
		for _, b := range r.Bins {
			got = append(got, b.Monitored)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: got %v, want %v", points, got, want)
		}
		check(t, r, nil, transfers{x})
	}
	f([]int64{243, 257, 256, 244})
	f([]int64{900, 20, 20, 60}, transfer.Point{At: 1009, Bytes: 900}, transfer.Point{At: 1029, Bytes: 940})
	f([]int64{1000, 0, 0, 0}, transfer.Point{At: 1005, Bytes: 2000})                     // counted with checksums
	f([]int64{243, 257, 256, 244}, transfer.Point{At: 1050, Bytes: 900})                 // after its end
	f([]int64{900, 100}, transfer.Point{At: 1019}, transfer.Point{At: 1029, Bytes: 900}) // idle
}

// Ensure that the slots of many clients are bounded, and those with the most bytes are
// by themselves.
func TestSlotsAreBounded(t *testing.T) {
	var ts transfers
	for i := range 250 {
		ts = append(ts, with(read(i, [2]int64{0, 0}, [2]int64{39, 39}, int64(i)), func(x *transfer.Transfer) { x.Client = fmt.Sprint("c", i) }))
	}
	r := validate.Run(validate.Input{Transfers: ts}, validate.Options{})
	check(t, r, nil, ts)
	last := r.Slots[len(r.Slots)-1]
	if len(r.Slots) != 101 || last.Others != 149 || slices.ContainsFunc(r.Slots[:100], func(s validate.Slots) bool { return s.Client < "c150" && len(s.Client) == 4 }) {
		t.Errorf("got %d, the last of %d others", len(r.Slots), last.Others)
	}
	var b strings.Builder
	if err := validate.WriteSlotsCSV(&b, r); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if lines[0] != "server,client,others,at,step,claimed,monitored,closes" || !strings.HasPrefix(lines[1], "Data.example:1094,c150,0,1000,1,0,") {
		t.Errorf("got %q", lines[:2])
	}
	if err := validate.WriteSlotsCSV(fullDisk{}, r); !errors.Is(err, errFull) {
		t.Errorf("got error %v, want %v", err, errFull)
	}
}

// Ensure that bytes may differ by the tolerance and no more, and the reason is still told.
func TestTolerance(t *testing.T) {
	f := func(o validate.Tolerance, counted int64, want transfer.Kind, cause transfer.Cause) {
		t.Helper()
		s := set()
		s.x.Bytes.Read = counted
		r := validate.Run(validate.Input{Claims: claims{s.claim}, Transfers: transfers{s.x}}, validate.Options{Tolerance: o})
		if v := r.Verdicts[0]; v.Kind != want || v.Cause != cause {
			t.Errorf("%+v, %d of 100: %s, %s, want %s, %s", o, counted, v.Kind, v.Cause, want, cause)
		}
	}
	f(validate.Tolerance{}, 99, transfer.Differ, transfer.CauseUnexplained)
	f(validate.Tolerance{Bytes: 1}, 99, transfer.Match, transfer.CauseExact)
	f(validate.Tolerance{Bytes: 1}, 102, transfer.Differ, transfer.CauseUnexplained)
	f(validate.Tolerance{Share: 0.05}, 105, transfer.Match, transfer.CauseExact)
	f(validate.Tolerance{Share: 0.05}, 106, transfer.Differ, transfer.CauseUnexplained)
}
