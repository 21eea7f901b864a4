package httpapi

import (
	"bufio"
	"fmt"
	"math"
	"net/http"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"tallystick/internal/query"
)

// typeArrow is a stream in the IPC format of Apache Arrow.
const typeArrow = "application/vnd.apache.arrow.stream"

// A batch of an Arrow stream ends with the series that fills it: large enough
// for few batches, small enough not to have the answer in memory twice.
const (
	batchSeries = 1024
	batchValues = 1 << 16
)

// arrowSchema has a row for each series; its values are one list.
func arrowSchema() *arrow.Schema {
	text := func(name string) arrow.Field { return arrow.Field{Name: name, Type: arrow.BinaryTypes.String} }
	number := func(name string) arrow.Field {
		return arrow.Field{Name: name, Type: arrow.PrimitiveTypes.Float64, Nullable: true}
	}
	return arrow.NewSchema([]arrow.Field{
		text("cluster"), text("node"), text("type"), text("type_id"), text("stype"), text("stype_id"),
		{Name: "group", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		{Name: "range", Type: arrow.PrimitiveTypes.Int32},
		text("metric"), text("unit"),
		{Name: "step", Type: arrow.PrimitiveTypes.Int64},
		{Name: "from", Type: arrow.PrimitiveTypes.Int64},
		{Name: "values", Type: arrow.ListOf(arrow.PrimitiveTypes.Float64), Nullable: true},
		{Name: "counts", Type: arrow.ListOf(arrow.PrimitiveTypes.Uint32), Nullable: true},
		{Name: "count", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		number("sum"), number("avg"), number("min"), number("max"),
	}, nil)
}

func writeSeriesArrow(w http.ResponseWriter, series []query.Series) error {
	w.Header().Set("Content-Type", typeArrow)
	buf := bufio.NewWriterSize(w, writeBuffer)
	schema := arrowSchema()
	out := ipc.NewWriter(buf, ipc.WithSchema(schema), ipc.WithAllocator(memory.DefaultAllocator))
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	rows, values := 0, 0
	for i := range series {
		appendArrow(b, &series[i])
		rows, values = rows+1, values+len(series[i].Values)
		if rows < batchSeries && values < batchValues && i < len(series)-1 {
			continue
		}
		rows, values = 0, 0
		batch := b.NewRecordBatch()
		err := out.Write(batch)
		batch.Release()
		if err != nil {
			return fmt.Errorf("write arrow batch: %w", err)
		}
	}
	if err := out.Close(); err != nil { // the schema, if there was no batch, and the end
		return fmt.Errorf("end arrow stream: %w", err)
	}
	return buf.Flush()
}

func appendArrow(b *array.RecordBuilder, s *query.Series) {
	r := &row{RecordBuilder: b}
	p := s.Level
	for _, name := range [...]string{p.Cluster, p.Node, p.Component.Type, p.Component.ID, p.Sub.Type, p.Sub.ID} {
		r.text(name)
	}
	if s.Group == nil {
		r.column().AppendNull()
	} else {
		r.small(*s.Group)
	}
	r.small(s.Range)
	r.text(s.Metric)
	r.text(s.Unit)
	r.number(s.Step)
	r.number(s.From)
	appendValues(r.list(), s.Values)
	appendCounts(r.list(), s.Counts)
	if s.Stats == nil {
		for range 5 {
			r.column().AppendNull()
		}
		return
	}
	r.number(int64(s.Stats.Count))
	for _, v := range [...]float64{s.Stats.Sum, s.Stats.Avg, s.Stats.Min, s.Stats.Max} {
		r.float(v)
	}
}

// A row appends to the columns of arrowSchema, one after the other. Their types
// are those of the schema: asking for another is a fault that no input makes.
type row struct {
	*array.RecordBuilder

	next int
}

// column returns the builder of the next column.
func (r *row) column() array.Builder { //nolint:ireturn // it is what Arrow has
	r.next++
	return r.Field(r.next - 1)
}

func (r *row) text(s string) {
	if b, ok := r.column().(*array.StringBuilder); ok {
		b.Append(s)
	}
}

// small adds a place in a request, of which the contract lets no list be long.
func (r *row) small(n int) {
	if b, ok := r.column().(*array.Int32Builder); ok {
		b.Append(int32(n)) //nolint:gosec // see above
	}
}

func (r *row) number(n int64) {
	if b, ok := r.column().(*array.Int64Builder); ok {
		b.Append(n)
	}
}

func (r *row) float(v float64) {
	if b, ok := r.column().(*array.Float64Builder); ok {
		b.Append(v)
	}
}

func (r *row) list() *array.ListBuilder {
	b, _ := r.column().(*array.ListBuilder)
	return b
}

// appendValues adds a list in which gaps are null, none if there are no values.
func appendValues(l *array.ListBuilder, values query.Values) {
	if l.Append(len(values) > 0); len(values) == 0 {
		return
	}
	b, _ := l.ValueBuilder().(*array.Float64Builder)
	b.Reserve(len(values))
	for _, v := range values {
		if math.IsNaN(float64(v)) {
			b.UnsafeAppendBoolToBitmap(false)
		} else {
			b.UnsafeAppend(float64(v))
		}
	}
}

func appendCounts(l *array.ListBuilder, counts []uint32) {
	if l.Append(len(counts) > 0); len(counts) > 0 {
		b, _ := l.ValueBuilder().(*array.Uint32Builder)
		b.AppendValues(counts, nil)
	}
}
