package archive

import (
	"io"
	"iter"
	"math"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"tallystick/internal/selector"
)

// A row is one value in Parquet. The columns are those of cc-metric-store's archive, but
// that its value is a float there: ours has all bits, and whoever reads a column of
// floats reads one of doubles.
type row struct {
	Cluster   string  `parquet:"cluster,dict"`
	Hostname  string  `parquet:"hostname,dict"`
	Metric    string  `parquet:"metric,dict"`
	Scope     string  `parquet:"scope,dict"`
	ScopeID   string  `parquet:"scope_id,dict"`
	Timestamp int64   `parquet:"timestamp,delta"` // Unix seconds: the beginning of the step
	Frequency int64   `parquet:"frequency,dict"`  // the step in seconds
	Value     float64 `parquet:"value"`
}

const (
	// groupRows is how many rows are in a group at the most, which the writer holds; a
	// host of 200 metrics has that many in a day of minutes.
	groupRows = 288_000
	// portion is how many rows are handed over at once.
	portion = 1024
)

// scope returns how cc-metric-store names a level: a subcomponent in place of its
// component.
func scope(p selector.Path) (kind, id string) {
	switch {
	case p.Sub.Type != "":
		return p.Sub.Type, p.Sub.ID
	case p.Component.Type != "":
		return p.Component.Type, p.Component.ID
	}
	return "node", ""
}

// writeParquet writes the values of the series as rows, and returns how many they are.
func writeParquet(w io.Writer, series iter.Seq2[*Series, error]) (rows int64, err error) {
	out := parquet.NewGenericWriter[row](w, parquet.Compression(&zstd.Codec{}), parquet.MaxRowsPerRowGroup(groupRows))
	batch := make([]row, 0, portion)
	flush := func() error {
		_, err := out.Write(batch)
		rows += int64(len(batch))
		batch = batch[:0]
		return err
	}
	for s, err := range series {
		if err != nil {
			return rows, err
		}
		kind, id := scope(s.Path)
		r := row{
			Cluster: text(s.Path.Cluster), Hostname: text(s.Path.Node), Metric: text(s.Metric),
			Scope: text(kind), ScopeID: text(id), Frequency: s.Step,
		}
		for i, v := range s.Values {
			if math.IsNaN(v) {
				continue
			}
			r.Timestamp, r.Value = s.Start+int64(i)*s.Step, v
			if batch = append(batch, r); len(batch) == portion {
				if err := flush(); err != nil {
					return rows, err
				}
			}
		}
	}
	if err := flush(); err != nil {
		return rows, err
	}
	return rows, out.Close()
}

// text makes s what a column of text takes.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
