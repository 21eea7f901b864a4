package validate

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"tallystick/internal/transfer"
)

// rowsMax is how many verdicts WriteTable lists that are no match: what fits on
// a screen. WriteCSV has all.
const rowsMax = 20

// WriteTable writes r for people: the totals per server, what is not final, and
// the first verdicts that are no match, with the reason where it is known.
func WriteTable(w io.Writer, r *Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "server\tclaims\t")
	for _, k := range Kinds() {
		fmt.Fprintf(t, "%s\t", k)
	}
	fmt.Fprint(t, "claimed bytes\tmonitored bytes\tdifference\t\n")
	for _, g := range r.Servers {
		writeTotals(t, g.Name, g.Totals)
	}
	writeTotals(t, "all", r.Totals)
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write totals: %w", err)
	}
	if err := writeCauses(w, r); err != nil {
		return fmt.Errorf("write causes: %w", err)
	}
	if err := writeRows(w, r); err != nil {
		return fmt.Errorf("write verdicts: %w", err)
	}
	if err := writeNotes(w, r); err != nil {
		return fmt.Errorf("write notes: %w", err)
	}
	return nil
}

// writeNotes says why numbers may be less than somebody expects.
func writeNotes(w io.Writer, r *Report) error {
	var notes []string
	for _, n := range r.Selection.Unknown {
		notes = append(notes, fmt.Sprintf("nothing is of a %s %s\n", n, printable(n.Of(r.Selection))))
	}
	if r.Unread > 0 {
		notes = append(notes, fmt.Sprintf("%d lines or pieces could not be read: they are in none of this\n", r.Unread))
	}
	if notes == nil {
		return nil
	}
	_, err := io.WriteString(w, "\n"+strings.Join(notes, ""))
	return err
}

func writeTotals(w io.Writer, name string, t Totals) {
	fmt.Fprintf(w, "%s\t%d\t", printable(name), t.Claims)
	for _, k := range Kinds() {
		fmt.Fprintf(w, "%d\t", t.Verdicts[k])
	}
	claimed, monitored := t.Claimed.Total(), t.Monitored.Total()
	fmt.Fprintf(w, "%s\t%s\t%s\t\n", grouped(claimed), grouped(monitored), signed(monitored-claimed))
}

// causes are what WriteTable says of each cause, in order.
func causes() []struct {
	transfer.Cause
	text string
} {
	return []struct {
		transfer.Cause
		text string
	}{
		{transfer.PastEnd, "the server counts what was asked for, past the end of the file"},
		{transfer.Checksums, "the server counts the checksums of page writes"},
		{transfer.KilledClient, "the client or its connection ended before the access did"},
		{transfer.AsyncCacheRead, "the cache does not count the reads that it makes asynchronously"},
		{transfer.HTTPPut, "the server does not count what is written by HTTP"},
		{transfer.ServerStopped, "the server was stopped with its records unsent"},
		{transfer.PacketsLost, "packets with the records never came"},
		{transfer.NoCloseByConfig, "the server is configured to tell of no close"},
		{transfer.ClientFailed, "the client had an error, and the monitoring agrees"},
		{transfer.Partial, "only some of the reads are there"},
		{transfer.NotMonitored, "nothing came from the server then, or no stream that names its files"},
		{transfer.CauseUnexplained, "no known reason holds"},
		{transfer.StillOpen, "not final: more may come"},
	}
}

// writeCauses says how many verdicts of each kind have which cause.
func writeCauses(w io.Writer, r *Report) error {
	type pair struct {
		transfer.Kind
		transfer.Cause
	}
	n := make(map[pair]int)
	for _, v := range r.Verdicts {
		if v.Cause != "" {
			n[pair{v.Kind, v.Cause}]++
		}
	}
	if len(n) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "\n")
	for _, k := range Kinds() {
		for _, c := range causes() {
			if count := n[pair{k, c.Cause}]; count > 0 {
				fmt.Fprintf(t, "%d %s\t%s\n", count, k, c.text)
			}
		}
	}
	return t.Flush()
}

func writeRows(w io.Writer, r *Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var rows [][]string
	left := 0
	for _, v := range r.Verdicts {
		switch {
		case v.Kind == transfer.Match && v.Cause != transfer.StillOpen:
		case len(rows) == rowsMax:
			left++
		default:
			rows = append(rows, cells(v))
		}
	}
	if len(rows) > 0 {
		names := []string{"verdict", "claim", "client", "server", "claimed", "monitored", "why", "path"}
		alignRight(append([][]string{names}, rows...), 4, 5)
		fmt.Fprint(t, "\n", strings.Join(names, "\t"), "\n")
		for _, row := range rows {
			fmt.Fprint(t, strings.Join(row, "\t"), "\n")
		}
	}
	if left > 0 {
		fmt.Fprintf(t, "and %d more\n", left)
	}
	return t.Flush()
}

// alignRight fills the given columns of rows up with spaces on their left.
func alignRight(rows [][]string, columns ...int) {
	for _, c := range columns {
		width := 0
		for _, r := range rows {
			width = max(width, len(r[c]))
		}
		for _, r := range rows {
			r[c] = strings.Repeat(" ", width-len(r[c])) + r[c]
		}
	}
}

// cells returns the row of v.
func cells(v transfer.Verdict) []string {
	claim, client, server, path, claimed, monitored := "-", "-", "-", "", "-", "-"
	if len(v.Transfers) > 0 {
		x := v.Transfers[0]
		client, server, path = x.User+"@"+x.Client, x.Server, x.Path
		monitored = grouped(v.Monitored.Total())
	}
	if c := v.Claim; c != nil {
		claim, path = c.Key(), c.Path
		client = c.User + "@" + c.Client
		if server == "-" {
			server = c.Server
		}
	}
	if v.Claimed != nil {
		claimed = grouped(v.Claimed.Total())
	}
	return []string{
		string(v.Kind), printable(claim), printable(client), printable(server), claimed, monitored, why(v), printable(path),
	}
}

// why returns in a few words what v rests on: its cause, how its transfers were
// found, how many they are, and what is not as usual with them.
func why(v transfer.Verdict) string {
	var words []string
	add := func(s string) {
		if s != "" && !slices.Contains(words, s) {
			words = append(words, s)
		}
	}
	if v.Cause != transfer.CauseExact {
		add(string(v.Cause))
	}
	if v.Detail != "" {
		add(printable(v.Detail))
	}
	if v.Join == "id" {
		add("by id")
	}
	for _, s := range several(v) {
		add(s)
	}
	for _, x := range v.Transfers {
		if x.End != transfer.Closed {
			add(string(x.End))
		}
		if x.Quality != transfer.Exact {
			add(string(x.Quality))
		}
	}
	if v.Claim != nil && v.Claim.Outcome != transfer.OK && v.Cause != transfer.ClientFailed && v.Cause != transfer.KilledClient {
		add("client " + string(v.Claim.Outcome))
	}
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, ", ")
}

// several says how many transfers and claims v is of, if not of one each.
func several(v transfer.Verdict) (words []string) {
	if n := len(v.Transfers); n > 1 {
		words = append(words, strconv.Itoa(n)+" transfers")
	}
	if n := len(v.Shared); n > 0 {
		words = append(words, "in sum with "+strconv.Itoa(n)+" more")
	}
	return words
}

// grouped returns n with a comma between each three digits.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func signed(n int64) string {
	if n < 0 {
		return grouped(n)
	}
	return "+" + grouped(n)
}

// printable returns s in a form that does nothing to a terminal or a table, and
// is not too long for either.
func printable(s string) string {
	const most = 120
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	if q := strconv.QuoteToGraphic(s); strings.Trim(q, `"`) != s || s == "" {
		return q
	}
	return s
}

// Cells returns a line of CSV in which a spreadsheet sees no formula: clients and servers choose names
// and texts, and spreadsheets run what begins with =, +, - or @. Such a cell gets a ' before it, as
// spreadsheets write text; a number stays one.
func Cells(line ...string) []string {
	for i, s := range line {
		if s == "" || !strings.Contains("=+-@\t\r", s[:1]) {
			continue
		}
		if _, err := strconv.ParseFloat(s, 64); err != nil {
			line[i] = "'" + s
		}
	}
	return line
}

// WriteCSV writes all verdicts of r, one a line, under a line of names.
func WriteCSV(w io.Writer, r *Report) error {
	out := csv.NewWriter(w)
	names := []string{
		"verdict", "join", "run", "id", "outcome", "error", "server", "client", "user", "path", "opened", "closed",
		"claimed_read", "claimed_readv", "claimed_write", "monitored_read", "monitored_readv", "monitored_write",
		"exact", "transfers", "cause", "end", "quality", "detail", "evidence", "shared",
	}
	_ = out.Write(names) // the writer keeps its first error for the end
	for _, v := range r.Verdicts {
		_ = out.Write(Cells(record(v)...))
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}

// record returns the fields of v. What the claim does not tell is the
// transfer's.
func record(v transfer.Verdict) []string {
	var c transfer.Claim
	opened, closed := "", ""
	var ids, ends, qualities []string
	for _, x := range v.Transfers {
		ids, ends, qualities = append(ids, x.ID), append(ends, string(x.End)), append(qualities, string(x.Quality))
	}
	if len(v.Transfers) > 0 {
		x := v.Transfers[0]
		c.Server, c.Client, c.User, c.Path = x.Server, x.Client, x.User, x.Path
		opened, closed = strconv.FormatInt(x.Opened[0], 10), strconv.FormatInt(x.Closed[1], 10)
	}
	if v.Claim != nil {
		c = *v.Claim
		opened, closed = seconds(c.Opened), seconds(c.Closed)
	}
	claimed := []string{"", "", ""}
	if b := v.Claimed; b != nil {
		claimed = counts(*b)
	}
	out := []string{
		string(v.Kind), v.Join, c.Run, c.ID, string(c.Outcome), c.Error, c.Server, c.Client, c.User, c.Path, opened, closed,
	}
	out = append(append(out, claimed...), counts(v.Monitored)...)
	return append(out, strconv.FormatBool(v.Exact), strings.Join(ids, " "), string(v.Cause), strings.Join(ends, " "), strings.Join(qualities, " "),
		v.Detail, strings.Join(v.Evidence, " "), strings.Join(v.Shared, " "))
}

func seconds(t float64) string { return strconv.FormatFloat(t, 'f', -1, 64) }

func counts(b transfer.Bytes) []string {
	return []string{strconv.FormatInt(b.Read, 10), strconv.FormatInt(b.ReadV, 10), strconv.FormatInt(b.Write, 10)}
}
