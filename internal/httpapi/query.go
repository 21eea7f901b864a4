package httpapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"tallystick/internal/ingest"
	"tallystick/internal/query"
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
	write, err := seriesWriter(r, &req)
	if err != nil {
		return err
	}
	if err := a.since(earliest(&req)); err != nil {
		return err
	}
	series, err := a.parts.Query.Query(r.Context(), req)
	if err != nil {
		return queryError(err)
	}
	defer a.parts.Query.Reuse(series)
	return write(w, series)
}

// earliest returns where the earliest range of q begins.
func earliest(q *query.Request) int64 {
	if len(q.Ranges) == 0 {
		return q.From
	}
	first := slices.MinFunc(q.Ranges, func(a, b query.Range) int { return cmp.Compare(a.From, b.From) })
	return first.From
}

// seriesWriter returns what writes the answer in the form that is wanted.
func seriesWriter(r *http.Request, q *query.Request) (func(http.ResponseWriter, []query.Series) error, error) {
	kind, err := accept(r, typeJSON, typeNDJSON, typeCSV, typeArrow)
	if err != nil {
		return nil, err
	}
	switch kind {
	case typeNDJSON:
		return writeSeriesLines, nil
	case typeArrow:
		return writeSeriesArrow, nil
	case typeCSV:
		values := q.Data == nil || *q.Data
		if values && q.Stats {
			return nil, refuse("stats", "a table in CSV has either values or statistics: data must be false")
		}
		if values {
			return writeValuesCSV, nil
		}
		return writeStatsCSV, nil
	}
	return writeSeries, nil
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
