package checkpoint

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/snappy"
	"github.com/linkedin/goavro/v2"
)

// A writer writes an Avro object container file. Its blocks are compressed with
// snappy, because that codec alone has a checksum per block: a flipped bit is
// noticed, and costs one block.
//
// goavro's own writer wants a map for each record: 200,000 small blocks of samples take
// it 1.6 s of CPU, and 0.6 s as they are written here.
type writer struct {
	out   io.Writer
	codec *goavro.Codec
	sync  [syncSize]byte
	per   int // records in a block

	plain, packed []byte // records not written yet, and what becomes of them
	batch         int    // how many they are
	n             int    // records added
}

// A row appends itself to b as a record of the codec.
type row interface {
	appendTo(b []byte, codec *goavro.Codec) ([]byte, error)
}

// A native is a row as goavro takes it.
type native map[string]any

func (m native) appendTo(b []byte, codec *goavro.Codec) ([]byte, error) {
	if err := escape(m); err != nil {
		return nil, err
	}
	return codec.BinaryFromNative(b, map[string]any(m))
}

func newWriter(out io.Writer, schema string, per int) (*writer, error) {
	codec, err := goavro.NewCodec(schema)
	if err != nil {
		return nil, fmt.Errorf("write header: %w", err)
	}
	w := &writer{out: out, codec: codec, per: per}
	_, _ = rand.Read(w.sync[:]) // never fails
	b := binary.AppendVarint([]byte("Obj\x01"), 2)
	b = appendText(appendText(b, "avro.codec"), goavro.CompressionSnappyLabel)
	b = appendText(appendText(b, "avro.schema"), codec.Schema())
	b = append(binary.AppendVarint(b, 0), w.sync[:]...)
	if _, err := out.Write(b); err != nil {
		return nil, fmt.Errorf("write header: %w", err)
	}
	return w, nil
}

// appendText appends an Avro string, or bytes.
func appendText[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendVarint(b, int64(len(s))), s...)
}

// add writes r, at the latest at flush.
func (w *writer) add(r row) (err error) {
	if w.plain, err = r.appendTo(w.plain, w.codec); err != nil {
		return fmt.Errorf("write record %d: %w", w.n, err)
	}
	w.n++
	if w.batch++; w.batch < w.per {
		return nil
	}
	return w.flush()
}

func (w *writer) flush() error {
	if w.batch == 0 {
		return nil
	}
	w.packed = snappy.Encode(w.packed[:cap(w.packed)], w.plain)
	body := binary.BigEndian.AppendUint32(w.packed, crc32.ChecksumIEEE(w.plain))
	head := binary.AppendVarint(binary.AppendVarint(nil, int64(w.batch)), int64(len(body)))
	for _, b := range [][]byte{head, body, w.sync[:]} {
		if _, err := w.out.Write(b); err != nil {
			return fmt.Errorf("write records to %d: %w", w.n, err)
		}
	}
	w.packed, w.plain, w.batch = body, w.plain[:0], 0
	return nil
}
