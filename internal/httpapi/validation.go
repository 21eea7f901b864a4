package httpapi

import (
		"fmt"
	"net/http"

	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

func (a *API) validation(w http.ResponseWriter, r *http.Request) error {
	kind, err := accept(r, typeJSON, typeNDJSON, typeCSV, typeText)
	if err != nil {
		return err
	}
	f, err := filter(r.URL.Query())
	if err != nil {
		return err
	}
	report, err := a.parts.Validate(r.Context(), validate.Options{
		Run: f.Run, Server: f.Server, Client: f.Client, From: f.From, To: f.To,
	})
	if err != nil {
		return fmt.Errorf("validate: %w", err)
	}
	switch kind {
	case typeNDJSON:
		return writeVerdicts(newEncoder(w, kind), report)
	case typeCSV:
		return writeCSV(newEncoder(w, "text/csv; charset=utf-8"), report)
	case typeText:
		return writeTable(newEncoder(w, "text/plain; charset=utf-8"), report)
	}
	return writeReport(newEncoder(w, kind), report)
}

func writeVerdicts(e *encoder, r *validate.Report) error {
	for i := range r.Verdicts {
		if err := e.verdict(&r.Verdicts[i]); err != nil {
			return err
		}
	}
	return e.Flush()
}

// writeReport writes what encoding/json would, but verdict by verdict.
func writeReport(e *encoder, r *validate.Report) error {
	head := []struct {
		name string
		v    any
	}{{`{"totals":`, r.Totals}, {`,"servers":`, list(r.Servers)}, {`,"clients":`, list(r.Clients)}}
	for _, h := range head {
		e.WriteString(h.name)
		if err := e.line(h.v); err != nil {
			return err
		}
	}
	e.WriteString(`,"verdicts":[`)
	for i := range r.Verdicts {
		if i > 0 {
			e.WriteByte(',')
		}
		if err := e.verdict(&r.Verdicts[i]); err != nil {
			return err
		}
	}
	e.WriteString("]}\n")
	return e.Flush()
}

// list returns v, which in JSON is a list also if there is nothing in it.
func list[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}

// verdict writes v; a list of no transfers is a list too.
func (e *encoder) verdict(v *transfer.Verdict) error {
	c := *v
	c.Transfers = list(v.Transfers)
	return e.line(&c)
}

