package httpapi

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// writeCSV writes a row per verdict, under a header.
func writeCSV(e *encoder, r *validate.Report) error {
	c := csv.NewWriter(e)
	if err := c.Write(columns()); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	for i := range r.Verdicts {
		if err := c.Write(row(&r.Verdicts[i])); err != nil {
			return fmt.Errorf("write csv: %w", err)
		}
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return e.Flush()
}

func columns() []string {
	return []string{
		"verdict", "join", "run", "id", "server", "client", "user", "path",
		"opened", "closed", "outcome", "error",
		"claimed_read", "claimed_readv", "claimed_write",
		"monitored_read", "monitored_readv", "monitored_write", "exact", "transfers",
	}
}

// row returns the cells of a verdict: of an extra one, those that a claim would
// fill are those of the transfer, and the rest is empty. Transfers are by id,
// with spaces between.
func row(v *transfer.Verdict) []string {
	cells := append([]string{string(v.Kind), v.Join}, about(v)...)
	cells = append(cells, bytesCells(v.Claimed)...)
	cells = append(cells, bytesCells(&v.Monitored)...)
	ids := make([]string, len(v.Transfers))
	for i, t := range v.Transfers {
		ids[i] = t.ID
	}
	return append(cells, strconv.FormatBool(v.Exact), strings.Join(ids, " "))
}

func about(v *transfer.Verdict) []string {
	if c := v.Claim; c != nil {
		return []string{
			c.Run, c.ID, c.Server, c.Client, c.User, c.Path,
			seconds(c.Opened), seconds(c.Closed), string(c.Outcome), c.Error,
		}
	}
	if len(v.Transfers) == 0 {
		return make([]string, 10)
	}
	t := v.Transfers[0]
	return []string{
		"", "", t.Server, t.Client, t.User, t.Path,
		seconds(float64(t.Opened[0])), seconds(float64(t.Closed[1])), "", "",
	}
}

// seconds writes a time; that which never was is empty.
func seconds(t float64) string {
	if t == 0 {
		return ""
	}
	return strconv.FormatFloat(t, 'f', -1, 64)
}

func bytesCells(b *transfer.Bytes) []string {
	if b == nil {
		return []string{"", "", ""}
	}
	return []string{
		strconv.FormatInt(b.Read, 10), strconv.FormatInt(b.ReadV, 10), strconv.FormatInt(b.Write, 10),
	}
}
