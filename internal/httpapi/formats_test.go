package httpapi_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/google/go-cmp/cmp"

	"tallystick/internal/httpapi"
	"tallystick/internal/query"
	"tallystick/internal/selector"
)

// inJSON returns what encoding/json writes, without escaping HTML.
func inJSON(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Ensure series are written as encoding/json would.
func TestSeriesJSON(t *testing.T) {
	w := httptest.NewRecorder()
	if err := httpapi.WriteSeries(w, someSeries()); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := json.Compact(&got, w.Body.Bytes()); err != nil {
		t.Fatal(err)
	}
	if got, want := got.String()+"\n", inJSON(t, map[string]any{"series": someSeries()}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// someQuery asks for some series in a form.
func (s *server) someQuery(form, more string) told {
	s.Helper()
	return s.do(asked{
		method: http.MethodPost, path: "/api/v1/query", header: map[string]string{"Accept": form},
		body: strings.NewReader(`{"from":1,"to":2,"levels":[{"cluster":"a"}]` + more + `}`),
	})
}

func newFormats(t *testing.T, series []query.Series) *server {
	t.Helper()
	s := newServer(t, httpapi.Config{})
	s.query = func(context.Context, query.Request) ([]query.Series, error) { return series, nil }
	return s
}

func TestSeriesNDJSON(t *testing.T) {
	got := newFormats(t, someSeries()).someQuery("application/x-ndjson", "")
	var want strings.Builder
	for _, x := range someSeries() {
		want.WriteString(inJSON(t, &x))
	}
	if got.body != want.String() || got.header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("got  %d %s\nwant %s", got.status, got.body, want.String())
	}
}

// Ensure a table has a row for each value, with a gap as an empty field, or for
// the statistics of each series, and both not at once.
func TestSeriesCSV(t *testing.T) {
	series := []query.Series{
		{
			Level:  selector.Path{Cluster: `a,"b"`, Node: "n", Component: selector.Part{Type: "client", ID: "c\nd"}},
			Metric: "m", Unit: "B", Step: 60, From: 120, Group: new(int), Counts: []uint32{2, 0, 1},
			Values: query.Values{1.5, query.Value(math.NaN()), 1e300},
		},
		{Level: selector.Path{Cluster: "a"}, Metric: "m", Step: 1, Range: 2, Values: query.Values{query.Value(math.Inf(1))}},
	}
	s := newFormats(t, series)
	f := func(more string, want [][]string) {
		t.Helper()
		got := s.someQuery("text/csv", more)
		rows, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
		if diff := cmp.Diff(want, rows); err != nil || diff != "" {
			t.Errorf("%s: %d %v\n%s", more, got.status, err, diff)
		}
	}
	head := strings.Split("cluster,node,type,type_id,stype,stype_id,group,range,metric,unit,step", ",")
	f("", [][]string{
		append(head[:11:11], "time", "value", "count"),
		{`a,"b"`, "n", "client", "c\nd", "", "", "0", "0", "m", "B", "60", "120", "1.5", "2"},
		{`a,"b"`, "n", "client", "c\nd", "", "", "0", "0", "m", "B", "60", "180", "", "0"},
		{`a,"b"`, "n", "client", "c\nd", "", "", "0", "0", "m", "B", "60", "240", "1e+300", "1"},
		{"a", "", "", "", "", "", "", "2", "m", "", "1", "0", "", ""},
	})
	for i := range series {
		series[i].Values, series[i].Counts = nil, nil
		series[i].Stats = &query.Stats{Count: 3, Sum: 6, Avg: 2, Min: 1, Max: math.Inf(1)}
	}
	f(`,"stats":true,"data":false`, [][]string{
		append(head[:11:11], "count", "sum", "avg", "min", "max"),
		{`a,"b"`, "n", "client", "c\nd", "", "", "0", "0", "m", "B", "60", "3", "6", "2", "1", ""},
		{"a", "", "", "", "", "", "", "2", "m", "", "1", "3", "6", "2", "1", ""},
	})
	s.wantError(s.someQuery("text/csv", `,"stats":true`), http.StatusBadRequest, "bad_request", "stats")
	s.wantError(s.someQuery("text/html", ""), http.StatusNotAcceptable, "not_acceptable", "Accept")
}

// Ensure the stream that Arrow's own reader reads has every number, over more
// than one batch.
func TestSeriesArrow(t *testing.T) {
	series := someSeries()
	for i := range 1500 {
		series = append(series, query.Series{
			Level:  selector.Path{Cluster: "a", Node: "n", Sub: selector.Part{Type: "s", ID: strconv.Itoa(i)}},
			Metric: "m", Step: 10, From: int64(i), Values: make(query.Values, i%300),
		})
	}
	got := newFormats(t, series).someQuery("application/vnd.apache.arrow.stream", "")
	if want := "application/vnd.apache.arrow.stream"; got.header.Get("Content-Type") != want {
		t.Errorf("got Content-Type %q, want %q", got.header.Get("Content-Type"), want)
	}
	var want, have []string
	for i := range series {
		want = append(want, arrowText(&series[i]))
	}
	batches := 0
	eachBatch(t, got.body, func(b arrow.RecordBatch) {
		batches++
		for i := range int(b.NumRows()) {
			have = append(have, arrowRow(b, i))
		}
	})
	if diff := cmp.Diff(want, have); diff != "" || batches < 2 {
		t.Errorf("%d batches: %s", batches, diff)
	}
	none := newFormats(t, nil).someQuery("application/vnd.apache.arrow.stream", "")
	eachBatch(t, none.body, func(arrow.RecordBatch) { t.Error("got a batch of no series") })
}

func eachBatch(t *testing.T, stream string, do func(arrow.RecordBatch)) {
	t.Helper()
	r, err := ipc.NewReader(strings.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	for r.Next() {
		do(r.RecordBatch())
	}
	if r.Err() != nil {
		t.Error(r.Err())
	}
}

// arrowText returns what a row of s should have.
func arrowText(s *query.Series) string {
	p := s.Level
	cells := []any{p.Cluster, p.Node, p.Component.Type, p.Component.ID, p.Sub.Type, p.Sub.ID, nil, int32(s.Range), s.Metric, s.Unit, s.Step, s.From}
	if s.Group != nil {
		cells[6] = int32(*s.Group)
	}
	var values, counts any
	if len(s.Values) > 0 {
		values = string(s.Values.AppendJSON(nil))
	}
	if len(s.Counts) > 0 {
		counts = fmt.Sprint(s.Counts)
	}
	cells = append(cells, values, counts)
	if t := s.Stats; t != nil {
		return fmt.Sprint(append(cells, int64(t.Count), t.Sum, t.Avg, t.Min, t.Max))
	}
	return fmt.Sprint(append(cells, nil, nil, nil, nil, nil))
}

func arrowRow(b arrow.RecordBatch, i int) string {
	var cells []any
	for _, c := range b.Columns() {
		cells = append(cells, arrowCell(c, i))
	}
	return fmt.Sprint(cells)
}

func arrowCell(c arrow.Array, i int) any {
	if c.IsNull(i) {
		return nil
	}
	switch c := c.(type) {
	case *array.String:
		return c.Value(i)
	case *array.Int32:
		return c.Value(i)
	case *array.Int64:
		return c.Value(i)
	case *array.Float64:
		return c.Value(i)
	case *array.List:
		from, to := c.ValueOffsets(i)
		switch items := c.ListValues().(type) {
		case *array.Uint32:
			return fmt.Sprint(items.Uint32Values()[from:to])
		case *array.Float64:
			var vs query.Values
			for n := int(from); n < int(to); n++ {
				if v := items.Value(n); items.IsNull(n) {
					vs = append(vs, query.Value(math.NaN()))
				} else {
					vs = append(vs, query.Value(v))
				}
			}
			return string(vs.AppendJSON(nil))
		}
	}
	return c
}

// Ensure the error of a client that goes away stays what it is, in every form: it
// is no fault of ours.
func TestSeriesToNobody(t *testing.T) {
	gone := errors.New("gone")
	series := []query.Series{{Level: selector.Path{Cluster: "a"}, Metric: "m", Step: 1, Values: make(query.Values, 100_000)}}
	for form, write := range map[string]func(http.ResponseWriter, []query.Series) error{
		"json": httpapi.WriteSeries, "ndjson": httpapi.WriteSeriesLines,
		"csv": httpapi.WriteValuesCSV, "arrow": httpapi.WriteSeriesArrow,
	} {
		if err := write(&nowhere{http.Header{}, gone}, series); !errors.Is(err, gone) {
			t.Errorf("%s: got %v, want %v in it", form, err, gone)
		}
	}
}

// FuzzText holds that a string is written as the standard library does, in JSON,
// and that it reads it back, from CSV.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "a", `"\`, "<&>", "\n\r\t\b\f\x00\x1f\x7f", "\u2028\u2029ä€😀", "\xff\xc3", " a", "a,b", "\r\n", "\ufffd"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := string(httpapi.AppendString(nil, s))+"\n", inJSON(t, s); got != want {
			t.Errorf("%q in JSON: got %s, want %s", s, got, want)
		}
		if strings.Contains(s, "\r") { // the reader takes \r\n for \n; names have neither
			return
		}
		rows, err := csv.NewReader(bytes.NewReader(append(httpapi.AppendCSV([]byte("x,"), s), ",y\n"...))).ReadAll()
		if err != nil || len(rows) != 1 || len(rows[0]) != 3 || rows[0][1] != s {
			t.Errorf("%q in CSV: got %q, %v", s, rows, err)
		}
	})
}

// Ensure writing costs no allocation for a series, in no form but Arrow's.
func TestSeriesAllocates(t *testing.T) {
	f := func(form string, write func(http.ResponseWriter, []query.Series) error) {
		t.Helper()
		cost := func(n int) float64 {
			series := make([]query.Series, n)
			for i := range series {
				series[i] = someSeries()[0]
			}
			w := &nowhere{header: http.Header{}}
			return testing.AllocsPerRun(5, func() {
				if err := write(w, series); err != nil {
					t.Fatal(err)
				}
			})
		}
		if one, many := cost(1), cost(1000); many > one+50 { // some where the buffer ends
			t.Errorf("%s: a series allocates: %v times for 1, %v for 1000", form, one, many)
		}
	}
	f("JSON", httpapi.WriteSeries)
	f("NDJSON", httpapi.WriteSeriesLines)
	f("values in CSV", httpapi.WriteValuesCSV)
	f("statistics in CSV", httpapi.WriteStatsCSV)
}

// nowhere is an answer that nobody takes.
type nowhere struct {
	header http.Header
	err    error
}

func (w *nowhere) Header() http.Header { return w.header }
func (w *nowhere) Write(b []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	return len(b), nil
}
func (*nowhere) WriteHeader(int) {}

func BenchmarkSeries(b *testing.B) {
	series := make([]query.Series, 1000)
	for i := range series {
		series[i] = query.Series{Level: selector.Path{Cluster: "a", Node: "n" + strconv.Itoa(i)}, Metric: "m", Step: 60, Values: make(query.Values, 60)}
		for n := range series[i].Values {
			series[i].Values[n] = query.Value(float64(i*n) / 7)
		}
	}
	for form, write := range map[string]func(http.ResponseWriter, []query.Series) error{
		"json": httpapi.WriteSeries, "csv": httpapi.WriteValuesCSV, "arrow": httpapi.WriteSeriesArrow,
	} {
		b.Run(form, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := write(&nowhere{header: http.Header{}}, series); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/60_000, "ns/value")
		})
	}
}
