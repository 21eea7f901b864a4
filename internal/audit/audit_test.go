package audit_test

import (
	"bytes"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/audit"
	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/ledger"
	"tallystick/internal/record"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// A book is the ledger that a collector writes.
type book struct{ *ledger.Ledger }

func (b book) Transfer(t *transfer.Transfer) { b.PutTransfer(t) }
func (book) Sample(collect.Sample)           {}
func (book) Server(collect.Server)           {}
func (b book) Loss(l transfer.Loss)          { b.PutLoss(l) }
func (b book) Life(l transfer.Life)          { b.PutLife(l) }
func (b book) Event(e transfer.Event)        { b.PutEvent(e) }
func (b book) Balance(n transfer.Balance)    { b.PutBalance(n) }

// collected returns what the collector makes of a capture, and its claims.
func collected(t *testing.T, name string) validate.Input {
	t.Helper()
	c, err := capture.Load(os.DirFS("../capture/testdata"), name)
	if err != nil {
		t.Fatal(err)
	}
	l := ledger.New(ledger.Config{})
	col := collect.New(collect.Default(), book{l})
	var now time.Time
	for _, p := range c.Packets {
		now = time.Unix(0, int64(p.Time*1e9))
		_ = col.Packet(now, collect.Packet{Remote: p.Remote, Data: p.Data})
	}
	col.Advance(now.Add(time.Hour))
	const from, to = math.MinInt64, math.MaxInt64
	return validate.Input{
		Claims: capture.Claims(name, c.Truth), Transfers: l.Transfers(ledger.Filter{}), Losses: l.Losses("", from, to),
		Lives: l.Lives("", from, to), Events: l.Events("", "", from, to), Balances: l.Balances("", from, to),
	}
}

// read reads the records that a collector really made of a capture.
func read(t *testing.T, name, file string) []audit.Record {
	t.Helper()
	f, err := os.Open("../record/testdata/" + name + "/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, bad, err := audit.Read(f)
	if err != nil || bad != nil {
		t.Fatal(err, bad)
	}
	return records
}

type counts = map[audit.Error]int

// Ensure that what the field's collectors really made of the captures is found to have
// the errors that XROOTD.md section 3 names, and no others.
func TestRecorded(t *testing.T) {
	f := func(name string, goErrors, pythonErrors counts) {
		t.Helper()
		in := collected(t, name)
		for file, want := range map[string]counts{"collector-go.jsonl": goErrors, "collector-py.jsonl": pythonErrors} {
			r := audit.Run(read(t, name, file), nil, in, validate.Options{})
			if d := cmp.Diff(want, r.Errors); d != "" {
				t.Errorf("%s, %s (-want +got):\n%s", name, file, d)
			}
		}
	}
	f("s01_full_reads",
		counts{audit.ServerStart: 24, audit.EndTime: 24, audit.NotDN: 24, audit.Minimum: 10},
		counts{audit.Minimum: 10})
	f("s02_partial_vector",
		counts{audit.ServerStart: 15, audit.EndTime: 15, audit.NotDN: 15},
		counts{audit.Average: 2})
	f("s03_concurrent_users",
		counts{audit.ServerStart: 78, audit.EndTime: 78, audit.NotDN: 78, audit.Minimum: 10},
		counts{audit.StartTime: 27, audit.EndTime: 32, audit.Minimum: 10, audit.Average: 25})
	f("s05_failures_names",
		counts{audit.ServerStart: 12, audit.EndTime: 12, audit.NotDN: 12, audit.Minimum: 1, audit.AppInfo: 1},
		counts{audit.Minimum: 1, audit.AppInfo: 1})
	f("s06_killed_longlived",
		counts{audit.ServerStart: 8, audit.EndTime: 8, audit.NotDN: 8, audit.Minimum: 1, audit.AsZero: 2},
		counts{audit.Minimum: 1, audit.AsZero: 2})
	f("s08_restart",
		counts{audit.ServerStart: 57, audit.EndTime: 57, audit.NotDN: 57},
		counts{audit.StartTime: 28, audit.EndTime: 29})
	f("s12_gstream",
		counts{audit.ServerStart: 60, audit.EndTime: 60, audit.Minimum: 23, audit.NoEvent: 21},
		counts{audit.Minimum: 23, audit.NoPath: 3, audit.NoUser: 3, audit.NoEvent: 28})
	f("s14_configs",
		counts{audit.ServerStart: 25, audit.EndTime: 25, audit.NotDN: 5, audit.Minimum: 3},
		counts{audit.Minimum: 3, audit.NoPath: 3, audit.NoUser: 2, audit.Average: 3})
}

// Ensure that what is wrong with records is found where it is, and counted once.
func TestRun(t *testing.T) {
	in := collected(t, "s03_concurrent_users")
	whole := encode(t, in.Transfers, record.WLCG)
	f := func(how string, change func(lines []string) []string, want counts) {
		t.Helper()
		records, bad, err := audit.Read(strings.NewReader(strings.Join(change(slices.Clone(whole)), "\n")))
		if err != nil {
			t.Fatal(err)
		}
		r := audit.Run(records, bad, in, validate.Options{})
		if d := cmp.Diff(want, r.Errors); d != "" {
			t.Errorf("%s (-want +got):\n%s", how, d)
		}
	}
	records, bad, err := audit.Read(strings.NewReader(whole[0] + "\n\n{"))
	want := []audit.Finding{{Error: audit.Unreadable, Line: 3, Theirs: "unexpected end of JSON input"}}
	if d := cmp.Diff(want, bad); d != "" || len(records) != 1 || err != nil {
		t.Errorf("got %d records, %v (-want +got):\n%s", len(records), err, d)
	}
	f("our own records", func(l []string) []string { return l }, counts{})
	f("one less", func(l []string) []string { return l[1:] }, counts{audit.NotTold: 1})
	f("one twice", func(l []string) []string { return append(l, l[0]) }, counts{audit.Twice: 1})
	f("of nothing", func(l []string) []string {
		return append(l, strings.Replace(l[0], in.Transfers[0].Path, "/nowhere", 1))
	}, counts{audit.NotThere: 1})
	f("no record", func(l []string) []string { return append(l, `{"a": 1}`, "", "{") }, counts{audit.Unreadable: 2})
	f("other bytes", func(l []string) []string {
		l[0] = regexp.MustCompile(`"read_single_bytes":\d+`).ReplaceAllString(l[0], `"read_single_bytes":123456789`)
		return l
	}, counts{audit.WrongBytes: 1})
}

func encode(t *testing.T, transfers []*transfer.Transfer, form record.Form) (lines []string) {
	t.Helper()
	for _, x := range transfers {
		text, err := record.Encode(form, x, record.Producer{})
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(text))
	}
	return lines
}

// Ensure that each form of a report has what was found.
func TestForms(t *testing.T) {
	r := audit.Run(read(t, "s06_killed_longlived", "collector-go.jsonl"), nil, collected(t, "s06_killed_longlived"), validate.Options{})
	for name, write := range map[string]func(io.Writer, *audit.Report) error{
		"table": audit.WriteTable, "json": audit.WriteJSON, "csv": audit.WriteCSV,
	} {
		var b bytes.Buffer
		if err := write(&b, r); err != nil || !strings.Contains(b.String(), string(audit.AsZero)) {
			t.Errorf("%s: %v\n%s", name, err, b.String())
		}
	}
}

// Whatever a file of records has, it is read or told, and checked.
func FuzzRead(f *testing.F) {
	for _, file := range []string{"collector-go.jsonl", "collector-py.jsonl"} {
		data, err := os.ReadFile("../record/testdata/s05_failures_names/" + file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		records, bad, err := audit.Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		r := audit.Run(records, bad, validate.Input{}, validate.Options{})
		if n := len(records) + len(bad); r.Errors[audit.Unreadable] != len(bad) || n > bytes.Count(data, []byte("\n"))+1 {
			t.Errorf("%d records and %d bad lines", len(records), len(bad))
		}
	})
}
