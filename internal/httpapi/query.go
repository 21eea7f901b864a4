package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"tallystick/internal/ingest"
	"tallystick/internal/query"
	"tallystick/internal/selector"
)

func (a *API) query(w http.ResponseWriter, r *http.Request) error {
	var req query.Request
	d := json.NewDecoder(r.Body) // the contract has been held against it
	d.DisallowUnknownFields()
	if err := d.Decode(&req); err != nil {
		return refuse("", ingest.Unfit(err).Text)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return refuse("", "something comes after it")
	}
	series, err := a.parts.Query.Query(r.Context(), req)
	if err != nil {
		return queryError(err)
	}
	return writeSeries(newEncoder(w, typeJSON), series)
}

func queryError(err error) error {
	var wrong *query.RequestError
	switch {
	case errors.As(err, &wrong):
		return refuse(wrong.Field, wrong.Text)
	case errors.Is(err, query.ErrTooMuch):
		return refuse("", err.Error())
	}
	return fmt.Errorf("query: %w", err)
}

// writeSeries writes the answer value by value: encoding/json would first put
// each series together, twice.
func writeSeries(e *encoder, series []query.Series) error {
	e.text(`{"series":[`)
	for i := range series {
		if i > 0 {
			e.text(",")
		}
		if err := e.series(&series[i]); err != nil {
			return err
		}
	}
	e.text("]}\n")
	return e.Flush()
}

// A seriesHead is a query.Series without its values.
type seriesHead struct {
	Level  selector.Path `json:"level"`
	Group  *int          `json:"group,omitempty"`
	Range  int           `json:"range,omitempty"`
	Metric string        `json:"metric"`
	Unit   string        `json:"unit,omitempty"`
	Step   int64         `json:"step"`
	From   int64         `json:"from"`
}

func (e *encoder) series(s *query.Series) error {
	head, err := json.Marshal(seriesHead{s.Level, s.Group, s.Range, s.Metric, s.Unit, s.Step, s.From})
	if err != nil {
		return fmt.Errorf("write series: %w", err)
	}
	e.text("\n")
	e.text(string(head[:len(head)-1]))
	if len(s.Values) > 0 {
		e.text(`,"values":`)
		if err := appendAll(e, s.Values, query.Value.AppendJSON); err != nil {
			return err
		}
	}
	if s.Stats != nil {
		e.text(`,"stats":`)
		_, _ = e.Write(s.Stats.AppendJSON(e.AvailableBuffer()))
	}
	if len(s.Counts) > 0 {
		e.text(`,"counts":`)
		if err := appendAll(e, s.Counts, appendCount); err != nil {
			return err
		}
	}
	e.text("}")
	return nil
}

func appendCount(n uint32, b []byte) []byte { return strconv.AppendUint(b, uint64(n), 10) }

// appendAll writes an array, item by item through the buffer.
func appendAll[T any](e *encoder, items []T, add func(T, []byte) []byte) error {
	e.text("[")
	for i, v := range items {
		if i > 0 {
			e.text(",")
		}
		if _, err := e.Write(add(v, e.AvailableBuffer())); err != nil {
			return err // the first error stays: looking once per item is enough
		}
	}
	e.text("]")
	return nil
}
