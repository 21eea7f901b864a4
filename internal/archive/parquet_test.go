package archive_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"tallystick/internal/archive"
	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
)

// The Parquet files have the columns that cc-metric-store writes, and every value, as
// another implementation reads them: Apache's.
func TestParquet(t *testing.T) {
	m := random(rand.New(rand.NewPCG(11, 0)), 2)
	dir := t.TempDir()
	w := worker(m, dir, durable.OS{})
	w.Config.Parquet = true
	step(t, w, after(day0+2))
	got := make(map[string]int)
	for _, path := range files(t, dir) {
		if strings.HasSuffix(path, ".parquet") {
			r, err := file.OpenParquetFile(path, false)
			fatal(t, err)
			rows(t, r, got)
			fatal(t, r.Close())
		}
	}
	want := make(map[string]int)
	for _, b := range m.blocks {
		for i, v := range b.Values {
			at := begin(b) + int64(i)*b.Step
			if !math.IsNaN(v) && at < (day0+2).From() {
				scope, id := "node", ""
				if b.Path.Sub.Type != "" {
					scope, id = b.Path.Sub.Type, b.Path.Sub.ID
				} else if b.Path.Component.Type != "" {
					scope, id = b.Path.Component.Type, b.Path.Component.ID
				}
				want[rowKey(b.Path.Cluster, b.Path.Node, b.Metric, scope, id, at, b.Step, v)]++
			}
		}
	}
	if len(want) == 0 {
		t.Fatal("the model has no values")
	}
	for key, n := range want {
		if got[key] != n {
			t.Fatalf("%s: got %d times, want %d", key, got[key], n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d rows, want %d", len(got), len(want))
	}
}

func rowKey(cluster, host, metric, scope, id string, at, step int64, v float64) string {
	return strings.ToValidUTF8(fmt.Sprint(cluster, "|", host, "|", metric, "|", scope, "|", id, "|", at, "|", step, "|", bits(v)), "\uFFFD")
}

// rows adds the rows of a file to got, and looks at its columns.
func rows(tb testing.TB, r *file.Reader, got map[string]int) {
	tb.Helper()
	in, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	fatal(tb, err)
	table, err := in.ReadTable(tb.Context())
	fatal(tb, err)
	defer table.Release()
	var columns []string
	for _, f := range table.Schema().Fields() {
		columns = append(columns, f.Name+" "+f.Type.String())
	}
	want := "cluster utf8, hostname utf8, metric utf8, scope utf8, scope_id utf8, timestamp int64, frequency int64, value float64"
	if text := strings.Join(columns, ", "); text != want {
		tb.Fatalf("got columns %s, want %s", text, want)
	}
	batches := array.NewTableReader(table, 0)
	defer batches.Release()
	for batches.Next() {
		b := batches.RecordBatch()
		s := func(column, i int) string { return text(b.Column(column), i) }
		n := func(column, i int) int64 { return b.Column(column).(*array.Int64).Value(i) }
		for i := range int(b.NumRows()) {
			got[rowKey(s(0, i), s(1, i), s(2, i), s(3, i), s(4, i), n(5, i), n(6, i), b.Column(7).(*array.Float64).Value(i))]++
		}
	}
}

func text(column arrow.Array, i int) string { return column.(*array.String).Value(i) }

// What export writes as Parquet is what the archive of the days has.
func TestExportParquet(t *testing.T) {
	m := little()
	var out bytes.Buffer
	a := archive.Open(folder(archived(t, m, "null")), nil)
	days, err := a.Days(t.Context())
	fatal(t, err)
	q := archive.Query{Kind: checkpoint.Samples, From: day0.From(), To: (day0 + 1).From()}
	n, err := a.Export(t.Context(), days, q, archive.Parquet, &out, func(archive.Listing) {})
	fatal(t, err)
	r, err := file.NewParquetReader(bytes.NewReader(out.Bytes()))
	fatal(t, err)
	if r.NumRows() != n {
		t.Errorf("got %d rows, want %d", r.NumRows(), n)
	}
	got := make(map[string]int)
	rows(t, r, got)
	if len(got) != int(n) {
		t.Errorf("got %d rows that differ, want %d", len(got), n)
	}
}
