package audit

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// texts say what each error means.
func texts() map[Error]string {
	return map[Error]string{
		ServerStart: "start_time is when the server was started",
		StartTime:   "start_time is not when the file was opened",
		EndTime:     "end_time is not when the file was closed",
		NoPath:      "the name of the file is lost",
		NoUser:      "who it was is lost",
		NotDN:       "user_dn is the login's name (&n) and not its distinguished name (&m)",
		NoSite:      "the site is lost",
		AppInfo:     "the app info is lost, or another one of the session",
		WrongBytes:  "bytes are others than the server told",
		Checksums:   "checksums of page writes are counted as bytes of the file",
		AsZero:      "0 bytes are told where the server did not count",
		Minimum:     "2147483647 is told as the smallest of no operations",
		Average:     "segments of vector reads are divided by bytes",
		Twice:       "an access is told twice",
		NotTold:     "an access that the server told has no record",
		NotThere:    "a record is of no access",
		NoEvent:     "a record of a cache or a copy is lost",
		Unreadable:  "a line is no record",
	}
}

// examples is how many findings of each error WriteTable shows.
const examples = 3

// WriteTable writes r for people.
func WriteTable(w io.Writer, r *Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "records\t%s\n", recordCounts(r))
	fmt.Fprintf(t, "our transfers\t%d, of which %d have a record, %d a right one\n", r.Transfers, r.Matched, r.Right)
	fmt.Fprintf(t, "bytes\t%d in their records, %d in our transfers\n", r.Bytes.Total(), r.OurBytes.Total())
	if r.Verdicts.Ours != nil {
		fmt.Fprintf(t, "claims with their records\t%s\nclaims with our transfers\t%s\n", kinds(r.Verdicts.Theirs), kinds(r.Verdicts.Ours))
	}
	fmt.Fprint(t, "\n")
	for _, e := range Errors() {
		if n := r.Errors[e]; n > 0 {
			fmt.Fprintf(t, "%d\t%s\t%s\n", n, e, texts()[e])
		}
	}
	fmt.Fprint(t, "\n")
	shown := make(map[Error]int)
	for _, f := range r.Findings {
		if shown[f.Error]++; shown[f.Error] <= examples {
			fmt.Fprintf(t, "line %d\t%s\ttheirs %s\tours %s\t%s %s\n", f.Line, f.Error, dash(f.Theirs), dash(f.Ours), f.Transfer, printable(f.Path))
		}
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	return nil
}

func recordCounts(r *Report) string {
	var parts []string
	for _, f := range slices.Sorted(maps.Keys(r.Records)) {
		parts = append(parts, fmt.Sprintf("%d %s", r.Records[f], f))
	}
	return dash(strings.Join(parts, ", "))
}

func kinds(n map[transfer.Kind]int) string {
	var parts []string
	for _, k := range validate.Kinds() {
		parts = append(parts, fmt.Sprintf("%d %s", n[k], k))
	}
	return strings.Join(parts, ", ")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return printable(s)
}

// printable returns s in a form that does nothing to a terminal.
func printable(s string) string {
	if q := strconv.QuoteToGraphic(s); len(q) != len(s)+2 {
		return q
	}
	return s
}

// WriteJSON writes r as JSON.
func WriteJSON(w io.Writer, r *Report) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	return nil
}

// WriteCSV writes the findings, one a line, under a line of names.
func WriteCSV(w io.Writer, r *Report) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"error", "line", "transfer", "path", "theirs", "ours"}) // it keeps its first error
	for _, f := range r.Findings {
		_ = out.Write(validate.Cells(string(f.Error), strconv.Itoa(f.Line), f.Transfer, f.Path, f.Theirs, f.Ours))
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	return nil
}
