package archive

import (
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"path"
	"slices"
	"strconv"

	"tallystick/internal/checkpoint"
	"tallystick/internal/transfer"
)

// A Format is how an export is written.
type Format string

// The formats.
const (
	CSV     Format = "csv"
	NDJSON  Format = "ndjson"
	Parquet Format = "parquet" // of samples only
)

// Formats returns all of them.
func Formats() []Format { return []Format{CSV, NDJSON, Parquet} }

// A Query says what of an archive is wanted. Patterns are those of path.Match; empty ones
// take everything.
type Query struct {
	Kind     Kind
	Cluster  string // of samples, as Node and Metric
	Node     string
	Metric   string
	From, To int64 // Unix seconds; what is of [From, To)
}

// Check returns why q or the format cannot be used.
func (q Query) Check(format Format) error {
	for _, pattern := range []string{q.Cluster, q.Node, q.Metric} {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("%q: %w", pattern, err)
		}
	}
	switch {
	case !slices.Contains(Kinds(), q.Kind):
		return fmt.Errorf("kind %q is none of %v", q.Kind, Kinds())
	case !slices.Contains(Formats(), format):
		return fmt.Errorf("format %q is none of %v", format, Formats())
	case format == Parquet && q.Kind != checkpoint.Samples:
		return fmt.Errorf("only samples can be %s", Parquet)
	case q.Kind != checkpoint.Samples && q.Cluster+q.Node+q.Metric != "":
		return errors.New("only samples have a cluster, a node and a metric")
	case q.From >= q.To:
		return errors.New("the end is not after the beginning")
	}
	return nil
}

func match(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return pattern == "" || ok && err == nil
}

// Wants reports whether the day can have something of q.
func (q Query) Wants(d Day) bool { return d.From() < q.To && d.To() > q.From }

// Export writes what q asks for of the days, and returns how many records that are: of
// samples, values. After each day done is told.
func (a *Archive) Export(ctx context.Context, days []Listing, q Query, format Format, w io.Writer, done func(Listing)) (int64, error) {
	if err := q.Check(format); err != nil {
		return 0, err
	}
	all := func(yield func(item, error) bool) {
		for _, d := range days {
			if !q.Wants(d.Day) {
				continue
			}
			for it, err := range a.wanted(ctx, d.Day, q) {
				if !yield(it, err) {
					return
				}
			}
			done(d)
		}
	}
	switch format {
	case Parquet:
		return writeParquet(w, mapped(all, func(it item) *Series { s, _ := it.value.(*Series); return s }))
	case CSV:
		return writeCSV(w, q.Kind, all)
	}
	return writeNDJSON(w, all)
}

// wanted yields what q asks for of a day.
func (a *Archive) wanted(ctx context.Context, d Day, q Query) iter.Seq2[item, error] {
	in := func(it item) bool { return it.from < q.To && it.to > q.From }
	switch q.Kind {
	case checkpoint.Samples:
		takes := func(cluster string) bool { return match(q.Cluster, cluster) }
		return filtered(mapped(a.Series(ctx, d, takes), func(s *Series) item {
			s.clip(q.From, q.To)
			return seriesItem(s)
		}), func(it item) bool {
			s, ok := it.value.(*Series)
			return ok && len(s.Values) > 0 && takes(s.Path.Cluster) && match(q.Node, s.Path.Node) && match(q.Metric, s.Metric)
		})
	case checkpoint.Transfers:
		return filtered(mapped(a.Transfers(ctx, d), transferItem), in)
	case checkpoint.Claims:
		return filtered(mapped(a.Claims(ctx, d), claimItem), in)
	}
	return filtered(mapped(a.Packets(ctx, d), packetItem), in)
}

func filtered(seq iter.Seq2[item, error], takes func(item) bool) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		for it, err := range seq {
			if (err != nil || takes(it)) && !yield(it, err) {
				return
			}
		}
	}
}

// clip leaves only the values of steps that begin in [from, to).
func (s *Series) clip(from, to int64) {
	from, to = max(from, s.Start), min(to, s.next()) // so that nothing overflows
	if from >= to {
		s.Values = nil
		return
	}
	first, last := ceil(from-s.Start, s.Step), ceil(to-s.Start, s.Step)
	s.Values = s.Values[first:last]
	s.Start += first * s.Step
}

// writeCSV writes records as lines, below one with the names of the columns: of samples
// one for each value, of the rest what the schemas have, without raw.
func writeCSV(w io.Writer, kind Kind, items iter.Seq2[item, error]) (n int64, err error) {
	out := csv.NewWriter(w)
	columns, err := columnsOf(kind)
	if err == nil {
		err = out.Write(columns)
	}
	for it, itemErr := range items {
		if err = errors.Join(err, itemErr); err != nil {
			break
		}
		if s, ok := it.value.(*Series); ok {
			var more int64
			more, err = writeValues(out, s)
			n += more
			continue
		}
		err = out.Write(line(columns, fieldsOf(it.value)))
		n++
	}
	out.Flush()
	return n, errors.Join(err, out.Error())
}

// columnsOf returns the fields of a kind's schema.
func columnsOf(kind Kind) ([]string, error) {
	if kind == checkpoint.Samples {
		names := textNames()
		return append(names[:], "step", "time", "value"), nil
	}
	var schema struct{ Fields []struct{ Name string } }
	if err := json.Unmarshal([]byte(schemaOf(kind)), &schema); err != nil {
		return nil, err
	}
	var names []string
	for _, f := range schema.Fields {
		if f.Name != "raw" {
			names = append(names, f.Name)
		}
	}
	return names, nil
}

// writeValues writes each value of a series with its time.
func writeValues(out *csv.Writer, s *Series) (n int64, err error) {
	var columns []string
	for _, text := range s.texts() {
		columns = append(columns, *text)
	}
	columns = append(columns, strconv.FormatInt(s.Step, 10), "", "")
	for i, v := range s.Values {
		if math.IsNaN(v) {
			continue
		}
		columns[len(columns)-2] = strconv.FormatInt(s.Start+int64(i)*s.Step, 10)
		columns[len(columns)-1] = strconv.FormatFloat(v, 'g', -1, 64) // all bits come back
		if err := out.Write(columns); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// fieldsOf returns a record by the names of its fields.
func fieldsOf(v any) map[string]any {
	switch v := v.(type) {
	case *transfer.Transfer:
		return v.Native()
	case *transfer.Claim:
		return v.Native()
	case Packet:
		return map[string]any{"at_ns": v.At.UnixNano(), "remote": v.Remote, "data": base64.StdEncoding.EncodeToString(v.Data), "arrival_ns": v.Arrival}
	}
	return nil
}

func line(columns []string, fields map[string]any) []string {
	out := make([]string, len(columns))
	for i, name := range columns {
		v := fields[name]
		if union, ok := v.(map[string]any); ok {
			for _, only := range union {
				v = only
			}
		}
		switch v := v.(type) {
		case nil:
		case float64:
			out[i] = strconv.FormatFloat(v, 'f', -1, 64)
		default:
			out[i] = fmt.Sprint(v)
		}
	}
	return out
}

// A jsonSeries is a series as a line of JSON.
type jsonSeries struct {
	Cluster  string   `json:"cluster"`
	Node     string   `json:"node"`
	Type     string   `json:"type,omitempty"`
	TypeID   string   `json:"type_id,omitempty"`
	SType    string   `json:"stype,omitempty"`
	STypeID  string   `json:"stype_id,omitempty"`
	Metric   string   `json:"metric"`
	Unit     string   `json:"unit,omitempty"`
	Step     int64    `json:"step"`
	Start    int64    `json:"start"`
	Values   []number `json:"values"`
	measured int64    // values that are none of the gaps
}

// A number is null if there is none; JSON knows no infinity, so that is a string.
type number float64

// MarshalJSON writes it so that all bits come back.
func (x number) MarshalJSON() ([]byte, error) {
	switch v := float64(x); {
	case math.IsNaN(v):
		return []byte("null"), nil
	case math.IsInf(v, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(v, -1):
		return []byte(`"-Infinity"`), nil
	default:
		return json.Marshal(v)
	}
}

// A jsonPacket is a packet as a line of JSON.
type jsonPacket struct {
	AtNS      int64  `json:"at_ns"`
	Remote    string `json:"remote"`
	Data      []byte `json:"data"` // base64
	ArrivalNS int64  `json:"arrival_ns,omitempty"`
}

// writeNDJSON writes each record as a line: a series, or a transfer and a claim as the
// HTTP API has them.
func writeNDJSON(w io.Writer, items iter.Seq2[item, error]) (n int64, err error) {
	out := json.NewEncoder(w)
	for it, err := range items {
		if err != nil {
			return n, err
		}
		v, more := it.value, int64(1)
		switch value := v.(type) {
		case *Series:
			s := jsonOf(value)
			v, more = s, s.measured
		case Packet:
			v = jsonPacket{value.At.UnixNano(), value.Remote, value.Data, value.Arrival}
		}
		if err := out.Encode(v); err != nil {
			return n, err
		}
		n += more
	}
	return n, nil
}

func jsonOf(s *Series) *jsonSeries {
	c, u := s.Path.Component, s.Path.Sub
	out := &jsonSeries{
		s.Path.Cluster, s.Path.Node, c.Type, c.ID, u.Type, u.ID, s.Metric, s.Unit,
		s.Step, s.Start, make([]number, len(s.Values)), 0,
	}
	for i, v := range s.Values {
		out.Values[i] = number(v)
		if !math.IsNaN(v) {
			out.measured++
		}
	}
	return out
}
