package validate_test

import (
	"encoding/csv"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

func report() *validate.Report {
	w := [2]int64{0, 9}
	cs := claims{
		readClaim("1", 1, 2, 100),
		readClaim("2", 3, 4, 200),
		with(readClaim("3", 5, 6, 300), func(c *transfer.Claim) { c.Path = "/evil\x1b[2J\t,\"x\"" }),
		with(readClaim("4", 7, 8, 0), func(c *transfer.Claim) {
			c.Outcome, c.Error, c.Received, c.Closed = transfer.Failed, "no such file", nil, 0
		}),
	}
	running := read(9, [2]int64{20, 29}, [2]int64{}, 1000)
	running.Closed, running.End, running.Quality, running.AppInfo = transfer.Interval{}, transfer.Open, transfer.LowerBound, "run.5"
	cs = append(cs, readClaim("5", 21, 25, 12345078))
	return validate.Run(cs, transfers{read(1, w, w, 100), read(2, w, w, 250), running}, validate.Options{})
}

func TestWriteTable(t *testing.T) {
	var got strings.Builder
	if err := validate.WriteTable(&got, report()); err != nil {
		t.Fatal(err)
	}
	want := `
             server  claims  match  differ  missing  extra  failed  ambiguous  claimed bytes  monitored bytes   difference
  Data.example:1094       5      1       2        1      0       1          0     12,345,678            1,350  -12,344,328
                all       5      1       2        1      0       1          0     12,345,678            1,350  -12,344,328

1 differ   not final: the transfer has not ended
1 missing  the monitoring has no record

verdict  claim  client           server                claimed  monitored  why                       path
differ   run.2  alice@192.0.2.9  Data.example:1094         200        250  -                         /store/f
missing  run.3  alice@192.0.2.9  data.example:1094         300          -  no-record                 "/evil\x1b[2J\t,\"x\""
failed   run.4  alice@192.0.2.9  data.example:1094           -          -  client failed             /store/f
differ   run.5  alice@192.0.2.9  Data.example:1094  12,345,078      1,000  open, by id, lower-bound  /store/f
`
	if d := cmp.Diff(strings.TrimPrefix(want, "\n"), got.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Ensure that a long list is cut and says so.
func TestWriteTableMany(t *testing.T) {
	var cs claims
	for i := range 30 {
		cs = append(cs, readClaim(string(rune('a'+i)), float64(i), float64(i)+1, 1))
	}
	var got strings.Builder
	if err := validate.WriteTable(&got, validate.Run(cs, nil, validate.Options{})); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(got.String(), "\nand 10 more\n") || strings.Count(got.String(), "\nmissing ") != 20 {
		t.Errorf("table of 30 missing:\n%s", got.String())
	}
}

func TestWriteCSV(t *testing.T) {
	r := report()
	var b strings.Builder
	if err := validate.WriteCSV(&b, r); err != nil {
		t.Fatal(err)
	}
	got, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1+len(r.Verdicts) {
		t.Fatalf("%d lines, want %d", len(got), 1+len(r.Verdicts))
	}
	want := []string{
		"differ", "fields", "run", "2", "ok", "", "data.example:1094", "192.0.2.9", "alice", "/store/f", "1003", "1004",
		"200", "0", "0", "250", "0", "0", "true", "77.1.2", "", "closed", "exact",
	}
	if d := cmp.Diff(want, got[2]); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got[3][9] != "/evil\x1b[2J\t,\"x\"" || got[4][5] != "no such file" || got[4][12] != "" {
		t.Errorf("lines %q", got[3:])
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

var errFull = errors.New("full")

// Ensure that what could not be written is told.
func TestWriteErrors(t *testing.T) {
	if err := validate.WriteTable(fullDisk{}, report()); !errors.Is(err, errFull) {
		t.Errorf("table: %v", err)
	}
	if err := validate.WriteCSV(fullDisk{}, report()); !errors.Is(err, errFull) {
		t.Errorf("csv: %v", err)
	}
}

// Ensure that a verdict says why it is what it is.
func TestCause(t *testing.T) {
	w := [2]int64{0, 9}
	f := func(changeClaim func(*transfer.Claim), changeTransfer func(*transfer.Transfer), kind transfer.Kind, want transfer.Cause) {
		t.Helper()
		c, x := readClaim("1", 1, 2, 100), read(1, w, w, 100)
		changeClaim(c)
		changeTransfer(x)
		for _, v := range validate.Run(claims{c}, transfers{x}, validate.Options{}).Verdicts {
			if v.Kind == kind && v.Cause == want {
				return
			}
			t.Logf("%s, cause %q", v.Kind, v.Cause)
		}
		t.Errorf("no verdict is %s for the cause %q", kind, want)
	}
	claim, same := func(*transfer.Claim) {}, func(*transfer.Transfer) {}
	less := func(x *transfer.Transfer) { x.Bytes.Read = 60 }
	quality := func(q transfer.Quality) func(*transfer.Transfer) {
		return func(x *transfer.Transfer) { less(x); x.Quality = q }
	}
	open := func(x *transfer.Transfer) { x.End, x.Closed = transfer.Open, transfer.Interval{} }
	f(claim, same, transfer.Match, "")
	f(claim, open, transfer.Match, transfer.StillOpen)
	f(claim, func(x *transfer.Transfer) { open(x); less(x) }, transfer.Differ, transfer.StillOpen)
	f(func(c *transfer.Claim) { c.User = "bob" }, open, transfer.Extra, transfer.StillOpen)
	f(func(c *transfer.Claim) { c.User = "bob" }, same, transfer.Extra, "")
	f(func(c *transfer.Claim) { c.User = "bob" }, same, transfer.Missing, transfer.NoRecord)
	f(func(c *transfer.Claim) { c.Asked.Read = 60; c.Received.Read = 50 }, less, transfer.Differ, transfer.Asked)
	f(claim, less, transfer.Differ, "")
	f(claim, quality(transfer.LowerBound), transfer.Differ, transfer.Cut)
	f(claim, quality(transfer.Unknown), transfer.Missing, transfer.NoCount)
	f(func(c *transfer.Claim) { c.Received.Read = 50 }, quality(transfer.LowerBound), transfer.Differ, "")
	f(func(c *transfer.Claim) { c.Outcome = transfer.Failed }, less, transfer.Fail, "")
	written := func(n int64) func(x *transfer.Transfer) {
		return func(x *transfer.Transfer) { x.Bytes, x.Quality = transfer.Bytes{Write: n}, transfer.Corrected }
	}
	put := func(c *transfer.Claim) {
		c.Asked = transfer.Bytes{Write: 9000001}
		c.Received = &c.Asked
	}
	f(put, written(9008793), transfer.Differ, transfer.Checksums) // as measured: XROOTD.md fact 5
	f(put, written(9100001), transfer.Differ, "")
	f(put, written(8008793), transfer.Differ, "")
}
