// Package ocf reads and writes Avro object container files, which any Avro library
// reads:
//
//	┌──────────┬─────────────┬──────┬──────────────────────────────────────┬──────┬───
//	│ "Obj\x01" │ schema,     │ sync │ n records │ size │ packed(records)   │ sync │ …
//	│          │ codec       │ mark │                                      │ mark │
//	└──────────┴─────────────┴──────┴──────────────────────────────────────┴──────┴───
//	   header                         block: what damage costs
//
// goavro encodes and decodes records; the container is our own, because goavro's reader
// gives up at the first damage and believes what lengths say, and its writer wants a map
// for each record: 200,000 small blocks of samples take it 1.6 s of CPU, and 0.6 s as
// they are written here.
//
// Records are flat: every field is a plain value, or a union of one with null. Lists are
// for a package that encodes and decodes its records itself. A string that is not UTF-8 is kept in a field "raw" beside: see escape.
package ocf

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/linkedin/goavro/v2"
)

// syncSize is how long the mark between two blocks is.
const syncSize = 16

// A Writer writes an Avro object container file.
type Writer struct {
	out   io.Writer
	packs packer
	sync  [syncSize]byte
	per   int // records in a block

	plain, packed []byte // records not written yet, and what becomes of them
	batch         int    // how many they are
	n             int    // records added
}

// NewWriter begins a file. Its blocks have so many records at the most, which damage
// costs together.
func NewWriter(out io.Writer, schema string, codec Codec, per int) (*Writer, error) {
	avro, err := goavro.NewCodec(schema)
	if err != nil {
		return nil, fmt.Errorf("write header: %w", err)
	}
	packs, err := codec.packer()
	if err != nil {
		return nil, err
	}
	w := &Writer{out: out, packs: packs, per: per}
	_, _ = rand.Read(w.sync[:]) // never fails
	b := binary.AppendVarint([]byte("Obj\x01"), 2)
	b = AppendText(AppendText(b, "avro.codec"), string(codec))
	b = AppendText(AppendText(b, "avro.schema"), avro.Schema())
	b = append(binary.AppendVarint(b, 0), w.sync[:]...)
	if _, err := out.Write(b); err != nil {
		return nil, fmt.Errorf("write header: %w", err)
	}
	return w, nil
}

// AppendText appends an Avro string, or bytes.
func AppendText[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendVarint(b, int64(len(s))), s...)
}

// AppendNative appends a record as goavro takes it. Its field raw is set.
func AppendNative(b []byte, codec *goavro.Codec, record map[string]any) ([]byte, error) {
	if err := escape(record); err != nil {
		return b, err
	}
	return codec.BinaryFromNative(b, record)
}

// Append adds a record, which the function appends to its argument. It is written at
// the latest at Flush.
func (w *Writer) Append(record func(b []byte) ([]byte, error)) (err error) {
	if w.plain, err = record(w.plain); err != nil {
		return fmt.Errorf("write record %d: %w", w.n, err)
	}
	w.n++
	if w.batch++; w.batch < w.per {
		return nil
	}
	return w.Flush()
}

// Records returns how many records were added.
func (w *Writer) Records() int { return w.n }

// Flush writes what was added.
func (w *Writer) Flush() error {
	if w.batch == 0 {
		return nil
	}
	var err error
	if w.packed, err = w.packs.pack(w.packed[:0], w.plain); err != nil {
		return fmt.Errorf("write records to %d: %w", w.n, err)
	}
	head := binary.AppendVarint(binary.AppendVarint(nil, int64(w.batch)), int64(len(w.packed)))
	for _, b := range [][]byte{head, w.packed, w.sync[:]} {
		if _, err := w.out.Write(b); err != nil {
			return fmt.Errorf("write records to %d: %w", w.n, err)
		}
	}
	w.plain, w.batch = w.plain[:0], 0
	return nil
}
