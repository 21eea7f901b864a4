package phase

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// Totals are what all tests gave.
type Totals struct {
	Tests     int                    `json:"tests"`
	Match     int                    `json:"match"`
	Mismatch  int                    `json:"mismatch"`
	Unrec     int                    `json:"unrecorded"`
	Requests  int                    `json:"requests"`
	Then      Counts                 `json:"then"`
	Requested int64                  `json:"requested"`
	Recorded  int64                  `json:"recorded"`
	Causes    map[transfer.Cause]int `json:"causes"` // of the requests as they are judged now
}

// Sum adds up results.
func Sum(results []Result) Totals {
	t := Totals{Causes: make(map[transfer.Cause]int)}
	for i := range results {
		r := &results[i]
		t.Tests++
		switch r.Verdict {
		case Match:
			t.Match++
		case Mismatch:
			t.Mismatch++
		case Unrecorded:
			t.Unrec++
		}
		t.Requests += r.Requests
		t.Then.Good, t.Then.Wrong = t.Then.Good+r.Then.Good, t.Then.Wrong+r.Then.Wrong
		t.Then.Missing, t.Then.Extra = t.Then.Missing+r.Then.Missing, t.Then.Extra+r.Then.Extra
		t.Requested, t.Recorded = t.Requested+r.Requested, t.Recorded+r.Recorded
		for _, v := range r.Report.Verdicts {
			if v.Claim != nil {
				t.Causes[v.Cause]++
			}
		}
	}
	return t
}

// WriteJSON writes the results and their totals.
func WriteJSON(w io.Writer, results []Result) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(struct {
		Totals Totals   `json:"totals"`
		Tests  []Result `json:"tests"`
	}{Sum(results), results})
}

// WriteTable writes the results for people: each test as it was judged then, and the
// causes of its requests as they are judged now.
func WriteTable(w io.Writer, results []Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "test\tthen\trequests\tgood\twrong\tmissing\textra\trequested bytes\trecorded bytes\tnow\n")
	for i := range results {
		r := &results[i]
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%d\t%d\t%s\n", r.Test, r.Verdict, r.Requests, r.Then.cells(), r.Requested, r.Recorded, now(Sum(results[i:i+1])))
	}
	s := Sum(results)
	fmt.Fprintf(t, "all %d\t%d match, %d mismatch, %d without recording\t%d\t%s\t%d\t%d\t%s\n",
		s.Tests, s.Match, s.Mismatch, s.Unrec, s.Requests, s.Then.cells(), s.Requested, s.Recorded, now(s))
	return t.Flush()
}

func (c Counts) cells() string {
	return fmt.Sprintf("%d\t%d\t%d\t%d", c.Good, c.Wrong, c.Missing, c.Extra)
}

func now(t Totals) string {
	var words []string
	for _, c := range validate.Causes() {
		if n := t.Causes[c]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, c))
		}
	}
	return strings.Join(words, ", ")
}

// WriteCSV writes each request, one a line, under a line of names.
func WriteCSV(w io.Writer, results []Result) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"test", "then", "id", "path", "verdict", "cause", "detail", "requested", "recorded"}) // it keeps its first error
	for i := range results {
		r := &results[i]
		for _, v := range r.Report.Verdicts {
			id, asked := "", ""
			var file string
			if v.Claim != nil {
				id, file, asked = v.Claim.ID, v.Claim.Path, strconv.FormatInt(v.Claim.Asked.Total(), 10)
			} else {
				file = v.Transfers[0].Path
			}
			_ = out.Write(validate.Cells(
				r.Test, string(r.Verdict), id, file, string(v.Kind), string(v.Cause), v.Detail, asked, strconv.FormatInt(v.Monitored.Total(), 10),
			))
		}
	}
	out.Flush()
	return out.Error()
}
