package checkpoint

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"tallystick/internal/block"
	"tallystick/internal/codec"
	"tallystick/internal/ocf"
	"tallystick/internal/store"
)

// The codecs. sealedCodec is store.BlockAt.Sealed, which is what lies in memory. Others are
// only read: spanCodec, of checkpoints before version 4, has the values from the first
// sample to the last, with the slot of the first in the two bytes before them, and rawCodec,
// of version 1, has all 512.
const (
	sealedCodec = "sealed"
	spanCodec   = "span"
	rawCodec    = "raw"
)

// names returns the strings of a block's place, in the order of the schema.
func names(b *store.BlockAt) [7]*string {
	return [...]*string{
		&b.Path.Cluster, &b.Path.Node, &b.Path.Component.Type, &b.Path.Component.ID,
		&b.Path.Sub.Type, &b.Path.Sub.ID, &b.Metric,
	}
}

// fields are what the schema calls them.
func fields() [7]string {
	return [...]string{"cluster", "node", "type", "type_id", "stype", "stype_id", "metric"}
}

// appendBlock appends a block as a record of the schema.
func appendBlock(to []byte, b *store.BlockAt, e *codec.Encoder) ([]byte, error) {
	var raw map[string][]byte
	for i, s := range names(b) {
		if utf8.ValidString(*s) {
			to = ocf.AppendText(to, *s)
			continue
		}
		if raw == nil {
			raw = make(map[string][]byte)
		}
		raw[fields()[i]] = []byte(*s)
		to = ocf.AppendText(to, strings.ToValidUTF8(*s, "\uFFFD"))
	}
	to = binary.AppendVarint(binary.AppendVarint(to, b.Step), b.Index)
	b.Seal(e)
	to = ocf.AppendText(ocf.AppendText(to, sealedCodec), b.Sealed)
	if raw == nil {
		return binary.AppendVarint(to, 0), nil // null
	}
	text, err := json.Marshal(raw)
	return ocf.AppendText(binary.AppendVarint(to, 1), text), err
}

var errShort = errors.New("a record ends within a field")

// A decoder decodes blocks. Strings that come again, as most do, are not made anew.
type decoder struct {
	seen map[string]string
}

// maxSeen bounds what a decoder remembers: the names of a file come in order, so that
// few are needed at a time.
const maxSeen = 1 << 12

// block decodes the record of a block that rec begins with, and returns the rest.
func (d *decoder) block(rec []byte, b *store.BlockAt) (rest []byte, err error) {
	var text []byte
	for _, s := range names(b) {
		if text, rec, err = cutText(rec); err != nil {
			return rec, err
		}
		if string(text) != *s { // most are as in the record before
			*s = d.text(text)
		}
	}
	if b.Step, rec, err = cutLong(rec); err != nil {
		return rec, err
	}
	if b.Index, rec, err = cutLong(rec); err != nil {
		return rec, err
	}
	coding, rec, err := cutText(rec)
	if err != nil {
		return rec, err
	}
	values, rec, err := cutText(rec)
	if err != nil {
		return rec, err
	}
	if rec, err = d.raw(rec, b); err != nil {
		return rec, err
	}
	if err := decode(string(coding), values, b); err != nil {
		return rec, fmt.Errorf("block %d of %q at %s: %w", b.Index, b.Metric, b.Path, err)
	}
	return rec, nil
}

// raw reads the true bytes of names that are not UTF-8.
func (d *decoder) raw(rec []byte, b *store.BlockAt) (rest []byte, err error) {
	branch, rec, err := cutLong(rec)
	if err != nil || branch == 0 {
		return rec, err
	}
	text, rec, err := cutText(rec)
	if err != nil {
		return rec, err
	}
	var raw map[string][]byte
	if err := json.Unmarshal(text, &raw); err != nil {
		return rec, fmt.Errorf("raw: %w", err)
	}
	for i, s := range names(b) {
		if v, ok := raw[fields()[i]]; ok {
			*s = d.text(v)
		}
	}
	return rec, nil
}

func (d *decoder) text(b []byte) string {
	if s, ok := d.seen[string(b)]; ok {
		return s
	}
	if d.seen == nil || len(d.seen) == maxSeen {
		d.seen = make(map[string]string)
	}
	s := string(b)
	d.seen[s] = s
	return s
}

// cutLong returns the Avro long that b begins with, and the rest.
func cutLong(b []byte) (v int64, rest []byte, err error) {
	v, n := binary.Varint(b)
	if n <= 0 {
		return 0, b, errShort
	}
	return v, b[n:], nil
}

// cutText does for a string or bytes what cutLong does for a long.
func cutText(b []byte) (text, rest []byte, err error) {
	n, b, err := cutLong(b)
	if err != nil {
		return nil, b, err
	}
	if n < 0 || n > int64(len(b)) {
		return nil, b, errShort
	}
	return b[:n], b[n:], nil
}

// decode makes b what values are in the codec.
func decode(codec string, values []byte, b *store.BlockAt) error {
	base := 0
	switch {
	case codec == sealedCodec:
		return b.Unseal(values)
	case codec == rawCodec && len(values) == block.Bytes:
	case codec == spanCodec && len(values) >= 2:
		base, values = int(binary.LittleEndian.Uint16(values)), values[2:]
	case codec == rawCodec || codec == spanCodec:
		return fmt.Errorf("%d bytes of values", len(values))
	default:
		return fmt.Errorf("unknown codec %q", codec)
	}
	if len(values)%8 != 0 || base+len(values)/8 > block.Slots {
		return fmt.Errorf("%d bytes of values from slot %d on", len(values), base)
	}
	(*block.Block)(&b.Values).Clear()
	b.Sealed = b.Sealed[:0]
	for i := range len(values) / 8 {
		b.Values[base+i] = math.Float64frombits(binary.LittleEndian.Uint64(values[i*8:]))
	}
	return nil
}
