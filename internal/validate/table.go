package validate

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"tallystick/internal/transfer"
)

// rowsMax is how many verdicts WriteTable lists that are no match: what fits on
// a screen. WriteCSV has all.
const rowsMax = 20

// WriteTable writes r for people: the totals per server, and the first verdicts
// that are no match.
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
	if err := writeRows(w, r); err != nil {
		return fmt.Errorf("write verdicts: %w", err)
	}
	return nil
}

func writeTotals(w io.Writer, name string, t Totals) {
	fmt.Fprintf(w, "%s\t%d\t", printable(name), t.Claims)
	for _, k := range Kinds() {
		fmt.Fprintf(w, "%d\t", t.Verdicts[k])
	}
	claimed, monitored := t.Claimed.Total(), t.Monitored.Total()
	fmt.Fprintf(w, "%d\t%d\t%+d\t\n", claimed, monitored, monitored-claimed)
}

func writeRows(w io.Writer, r *Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	shown, left := 0, 0
	for _, v := range r.Verdicts {
		switch {
		case v.Kind == transfer.Match:
			continue
		case shown == rowsMax:
			left++
			continue
		case shown == 0:
			fmt.Fprint(t, "\nverdict\tclaim\tclient\tserver\tclaimed\tmonitored\tpath\n")
		}
		shown++
		writeRow(t, v)
	}
	if left > 0 {
		fmt.Fprintf(t, "and %d more\n", left)
	}
	return t.Flush()
}

func writeRow(w io.Writer, v transfer.Verdict) {
	claim, client, server, path, claimed, monitored := "-", "-", "-", "", "-", "-"
	if len(v.Transfers) > 0 {
		x := v.Transfers[0]
		client, server, path = x.User+"@"+x.Client, x.Server, x.Path
		monitored = strconv.FormatInt(v.Monitored.Total(), 10)
	}
	if c := v.Claim; c != nil {
		claim, path = c.Key(), c.Path
		client = c.User + "@" + c.Client
		if server == "-" {
			server = c.Server
		}
	}
	if v.Claimed != nil {
		claimed = strconv.FormatInt(v.Claimed.Total(), 10)
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
		v.Kind, printable(claim), printable(client), printable(server), claimed, monitored, printable(path))
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

// WriteCSV writes all verdicts of r, one a line, under a line of names.
func WriteCSV(w io.Writer, r *Report) error {
	out := csv.NewWriter(w)
	names := []string{
		"verdict", "join", "run", "id", "outcome", "error", "server", "client", "user", "path", "opened", "closed",
		"claimed_read", "claimed_readv", "claimed_write", "monitored_read", "monitored_readv", "monitored_write",
		"exact", "transfers",
	}
	_ = out.Write(names) // the writer keeps its first error for the end
	for _, v := range r.Verdicts {
		_ = out.Write(record(v))
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
	ids := make([]string, 0, len(v.Transfers))
	for _, x := range v.Transfers {
		ids = append(ids, x.ID)
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
	return append(out, strconv.FormatBool(v.Exact), strings.Join(ids, " "))
}

func seconds(t float64) string { return strconv.FormatFloat(t, 'f', -1, 64) }

func counts(b transfer.Bytes) []string {
	return []string{strconv.FormatInt(b.Read, 10), strconv.FormatInt(b.ReadV, 10), strconv.FormatInt(b.Write, 10)}
}
