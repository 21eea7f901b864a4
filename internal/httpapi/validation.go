package httpapi

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	html "tallystick/internal/report"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

func (a *API) validation(w http.ResponseWriter, r *http.Request) error {
	kind, err := accept(r, typeJSON, typeNDJSON, typeCSV, typeText, typeHTML)
	if err != nil {
		return err
	}
	o, err := reportOptions(r.URL.Query())
	if err != nil {
		return err
	}
	report, err := a.parts.Validate(r.Context(), o)
	if err != nil {
		return fmt.Errorf("validate: %w", err)
	}
	switch kind {
	case typeNDJSON:
		return writeVerdicts(newEncoder(w, kind), report)
	case typeCSV:
		write := validate.WriteCSV
		if r.URL.Query().Get("csv") == "slots" {
			write = validate.WriteSlotsCSV
		}
		return writeTo(newEncoder(w, typeCSV+"; charset=utf-8"), report, write)
	case typeText:
		return writeTo(newEncoder(w, typeText+"; charset=utf-8"), report, validate.WriteTable)
	case typeHTML:
		w.Header().Set(headerCSP, pageCSP)
		return writeTo(newEncoder(w, typeHTML+"; charset=utf-8"), report, html.WriteHTML)
	}
	return writeReport(newEncoder(w, kind), report)
}

// reportOptions returns what the parameters say. The contract has been held against them.
func reportOptions(q url.Values) (o validate.Options, err error) {
	f, err := filter(q)
	if err != nil {
		return o, err
	}
	o = validate.Options{Run: f.Run, Server: f.Server, Client: f.Client, From: f.From, To: f.To}
	if o, err = withDuration(q, o, "slack", validate.Options.WithSlack); err != nil {
		return o, err
	}
	if o, err = withDuration(q, o, "late", validate.Options.WithLate); err != nil {
		return o, err
	}
	step := int64(0)
	if err := number(q, "step", &step); err != nil {
		return o, err
	}
	o.Step = time.Duration(step) * time.Second
	return withTolerance(q, o)
}

// withDuration returns o with what a parameter of seconds says.
func withDuration(q url.Values, o validate.Options, name string, with func(validate.Options, time.Duration) (validate.Options, error)) (validate.Options, error) {
	if !q.Has(name) {
		return o, nil
	}
	s, err := strconv.ParseFloat(q.Get(name), 64)
	if err != nil || !(s >= 0 && s <= validate.MaxSlack.Seconds()) {
		return o, refuse(name, "is not a number of seconds up to a day")
	}
	return with(o, time.Duration(s*float64(time.Second)))
}

// withTolerance returns o with the tolerance that parameters say, if they do.
func withTolerance(q url.Values, o validate.Options) (validate.Options, error) {
	const inBytes, inShare = "tolerance_bytes", "tolerance_share"
	if !q.Has(inBytes) && !q.Has(inShare) {
		return o, nil
	}
	var t validate.Tolerance
	if err := number(q, inBytes, &t.Bytes); err != nil {
		return o, err
	}
	if q.Has(inShare) {
		var err error
		if t.Share, err = strconv.ParseFloat(q.Get(inShare), 64); err != nil {
			return o, refuse(inShare, "is not a number")
		}
	}
	o, err := o.WithTolerance(t)
	if err != nil {
		return o, refuse(inShare, err.Error())
	}
	return o, nil
}

// ReportForms returns the forms that WriteReport knows.
func ReportForms() []string { return []string{"json", "ndjson", "csv", "slots", "text", "html"} }

// WriteReport writes a report in a form as GET /api/v1/validation answers with it.
func WriteReport(w io.Writer, form string, r *validate.Report) error {
	e := encoderTo(w)
	switch form {
	case "json":
		return writeReport(e, r)
	case "ndjson":
		return writeVerdicts(e, r)
	case "csv":
		return writeTo(e, r, validate.WriteCSV)
	case "slots":
		return writeTo(e, r, validate.WriteSlotsCSV)
	case "text":
		return writeTo(e, r, validate.WriteTable)
	case "html":
		return writeTo(e, r, html.WriteHTML)
	}
	return fmt.Errorf("form %q is none of %v", form, ReportForms())
}

func writeVerdicts(e *encoder, r *validate.Report) error {
	for i := range r.Verdicts {
		if err := e.verdict(&r.Verdicts[i]); err != nil {
			return err
		}
	}
	return e.Flush()
}

// writeTo writes a report in one of the forms that validate has, through the
// buffer.
func writeTo(e *encoder, r *validate.Report, write func(io.Writer, *validate.Report) error) error {
	if err := write(e, r); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return e.Flush()
}

// writeReport writes what encoding/json would, but verdict by verdict: the
// verdicts are the last field and all that is large.
func writeReport(e *encoder, r *validate.Report) error {
	head := *r
	head.Runs, head.Sites, head.Servers, head.Clients = list(r.Runs), list(r.Sites), list(r.Servers), list(r.Clients)
	head.Paths, head.Losses, head.Bins, head.Verdicts = list(r.Paths), list(r.Losses), list(r.Bins), []transfer.Verdict{}
	head.Monitoring, head.Slots = list(r.Monitoring), list(r.Slots)
	text, err := json.Marshal(&head)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	e.text(strings.TrimSuffix(string(text), "]}"))
	for i := range r.Verdicts {
		if i > 0 {
			e.text(",")
		}
		if err := e.verdict(&r.Verdicts[i]); err != nil {
			return err
		}
	}
	e.text("]}\n")
	return e.Flush()
}

// list returns v, which in JSON is a list also if there is nothing in it.
func list[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}

// verdict writes v; a list of nothing is a list too.
func (e *encoder) verdict(v *transfer.Verdict) error {
	c := *v
	c.Transfers, c.Evidence = list(v.Transfers), list(v.Evidence)
	return e.line(&c)
}
