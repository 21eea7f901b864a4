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
	return validate.Run(validate.Input{Claims: cs, Transfers: transfers{read(1, w, w, 100), read(2, w, w, 250), running}}, validate.Options{})
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

1 differ   no known reason holds
1 differ   not final: more may come
1 missing  no known reason holds
1 failed   the client had an error, and the monitoring agrees

verdict  claim  client           server                claimed  monitored  why                          path
differ   run.2  alice@192.0.2.9  Data.example:1094         200        250  unexplained                  /store/f
missing  run.3  alice@192.0.2.9  data.example:1094         300          -  unexplained                  "/evil\x1b[2J\t,\"x\""
failed   run.4  alice@192.0.2.9  data.example:1094           -          -  client-failed, no such file  /store/f
differ   run.5  alice@192.0.2.9  Data.example:1094  12,345,078      1,000  open, by id, lower-bound     /store/f
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
	if err := validate.WriteTable(&got, validate.Run(validate.Input{Claims: cs, Transfers: nil}, validate.Options{})); err != nil {
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
		"200", "0", "0", "250", "0", "0", "true", "77.1.2", "unexplained", "closed", "exact", "", "run.2 77.1.2", "",
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

// Ensure no spreadsheet runs what a client chose as a name.
func TestCells(t *testing.T) {
	got := validate.Cells("=cmd|' /C calc'!A0", "@SUM(1)", "+1+1", "-2+3", "\t=1", "-17", "+1.5e3", "", "/store/a=b", "alice")
	want := []string{"'=cmd|' /C calc'!A0", "'@SUM(1)", "'+1+1", "'-2+3", "'\t=1", "-17", "+1.5e3", "", "/store/a=b", "alice"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var b strings.Builder
	r := validate.Run(validate.Input{Claims: claims{with(readClaim("1", 1, 2, 100), func(c *transfer.Claim) { c.User = "=1+1" })}}, validate.Options{})
	if err := validate.WriteCSV(&b, r); err != nil || !strings.Contains(b.String(), ",'=1+1,") {
		t.Errorf("got %v and\n%s", err, b.String())
	}
}
