package checkpoint

import (
	"fmt"
	"io"

	"github.com/linkedin/goavro/v2"
)

// A writer writes an Avro object container file. Its blocks are compressed with
// snappy, because that codec alone has a checksum per block: a flipped bit is
// noticed, and costs one block.
type writer struct {
	out   *goavro.OCFWriter
	batch []any // records not written yet
	per   int   // records in a block
	n     int   // records added
}

func newWriter(w io.Writer, schema string, per int) (*writer, error) {
	// The Writer alone: goavro appends to an *os.File, which it must not see.
	out, err := goavro.NewOCFWriter(goavro.OCFConfig{
		W: struct{ io.Writer }{w}, Schema: schema, CompressionName: goavro.CompressionSnappyLabel,
	})
	if err != nil {
		return nil, fmt.Errorf("write header: %w", err)
	}
	return &writer{out: out, per: per, batch: make([]any, 0, per)}, nil
}

// add writes m, at the latest at flush.
func (w *writer) add(m map[string]any) error {
	if err := escape(m); err != nil {
		return err
	}
	w.batch = append(w.batch, m)
	w.n++
	if len(w.batch) < w.per {
		return nil
	}
	return w.flush()
}

func (w *writer) flush() error {
	if len(w.batch) == 0 {
		return nil
	}
	if err := w.out.Append(w.batch); err != nil {
		return fmt.Errorf("write records to %d: %w", w.n, err)
	}
	clear(w.batch)
	w.batch = w.batch[:0]
	return nil
}
