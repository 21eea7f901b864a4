package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/klauspost/compress/snappy"
	"github.com/linkedin/goavro/v2"
)

// Bounds of what a damaged length can make the reader hold. Our own writer stays
// far below: a header has some 3 KB, a block of samples at most 300 KB; only the
// state of one very busy server is large.
const (
	maxHeader = 1 << 20   // bytes of a file's header
	maxBlock  = 256 << 20 // bytes of a compressed block
	maxRatio  = 32        // snappy cannot compress by more
	chunk     = 256 << 10 // bytes read at once
	syncSize  = 16
)

var (
	errTruncated = errors.New("file ends within a block")
	errSync      = errors.New("no sync marker at the end of a block")
)

// A reader reads an Avro object container file, also a damaged one: what is
// wrong costs the block that it is in, and reading goes on behind the next sync
// marker.
//
// goavro's own reader cannot: it gives up, and it believes lengths.
type reader struct {
	src io.Reader
	err error // of src, io.EOF at the end

	buf []byte // read and not used yet, from pos
	pos int
	off int64 // of buf[0] in the file

	sync  [syncSize]byte
	codec *goavro.Codec
	plain []byte // of the present block
}

// fill makes the next n bytes lie in the buffer, and reports whether there are
// so many. The buffer grows with what is read, not with n.
func (r *reader) fill(n int) bool {
	for len(r.buf)-r.pos < n && r.err == nil {
		if r.pos > 0 {
			r.buf = r.buf[:copy(r.buf, r.buf[r.pos:])]
			r.off += int64(r.pos)
			r.pos = 0
		}
		r.buf = slices.Grow(r.buf, chunk)
		var m int
		m, r.err = r.src.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf = r.buf[:len(r.buf)+m]
	}
	return len(r.buf)-r.pos >= n
}

// at returns where in the file the next byte is.
func (r *reader) at() int64 { return r.off + int64(r.pos) }

// short returns why there are no more bytes, if something is missing there.
func (r *reader) short() error {
	if r.err != nil && !errors.Is(r.err, io.EOF) {
		return r.err
	}
	return errTruncated
}

// long reads an Avro long and returns with it how many bytes it takes at ahead
// bytes from here, without taking them.
func (r *reader) long(ahead int) (v int64, size int, err error) {
	r.fill(ahead + binary.MaxVarintLen64)
	if ahead > len(r.buf)-r.pos {
		return 0, 0, r.short()
	}
	v, size = binary.Varint(r.buf[r.pos+ahead:])
	switch {
	case size == 0:
		return 0, 0, r.short()
	case size < 0:
		return 0, 0, errors.New("a number is too long")
	}
	return v, size, nil
}

// header reads all before the first block. record is the full name of the
// schema that is wanted.
func (r *reader) header(record string) error {
	if !r.fill(4) || string(r.buf[r.pos:r.pos+4]) != "Obj\x01" {
		return errors.New("not an Avro object container file")
	}
	r.pos += 4
	meta, err := r.metadata()
	if err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if !r.fill(syncSize) {
		return fmt.Errorf("header: %w", r.short())
	}
	r.pos += copy(r.sync[:], r.buf[r.pos:])
	if c := string(meta["avro.codec"]); c != goavro.CompressionSnappyLabel {
		return fmt.Errorf("header: codec %q is not snappy", c)
	}
	return r.schema(meta["avro.schema"], record)
}

// schema makes the codec that reads what the writer, maybe an older version, wrote.
func (r *reader) schema(text []byte, record string) (err error) {
	var s struct {
		Name, Namespace string
		Fields          []struct {
			Name string
			Type json.RawMessage
		}
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	if got := s.Namespace + "." + s.Name; got != record {
		return fmt.Errorf("schema is of %q, want %q", got, record)
	}
	for _, f := range s.Fields {
		if !flat(f.Type) {
			return fmt.Errorf("schema: field %q is of type %s, which is not a plain one", f.Name, f.Type)
		}
	}
	if r.codec, err = goavro.NewCodec(string(text)); err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	return nil
}

// flat reports whether the type is one value, or a union of such: goavro
// allocates what arrays and maps say of their size, and ours have none.
func flat(typ json.RawMessage) bool {
	var names []string
	if json.Unmarshal(typ, &names) != nil {
		names = []string{""}
		if json.Unmarshal(typ, &names[0]) != nil {
			return false
		}
	}
	for _, name := range names {
		switch name {
		case "null", "boolean", "int", "long", "float", "double", "bytes", "string":
		default:
			return false
		}
	}
	return true
}

// metadata reads the map of the header.
func (r *reader) metadata() (map[string][]byte, error) {
	m := make(map[string][]byte)
	for {
		n, size, err := r.long(0)
		if err != nil {
			return nil, err
		}
		r.pos += size
		if n == 0 {
			return m, nil
		}
		if n < 0 { // the size of this part of the map follows; we do not need it
			n = -n
			_, size, err := r.long(0)
			if err != nil {
				return nil, err
			}
			r.pos += size
		}
		if err := r.entries(m, n); err != nil {
			return nil, err
		}
	}
}

func (r *reader) entries(m map[string][]byte, n int64) error {
	for ; n != 0; n-- { // ends with the file, if n is wrong
		key, err := r.bytes()
		if err != nil {
			return err
		}
		if m[string(key)], err = r.bytes(); err != nil {
			return err
		}
	}
	return nil
}

// bytes reads Avro bytes of the header.
func (r *reader) bytes() ([]byte, error) {
	n, size, err := r.long(0)
	if err != nil {
		return nil, err
	}
	if n < 0 || n > maxHeader || r.at()+n > maxHeader {
		return nil, fmt.Errorf("%d bytes in a header", n)
	}
	r.pos += size
	if !r.fill(int(n)) {
		return nil, r.short()
	}
	b := bytes.Clone(r.buf[r.pos : r.pos+int(n)])
	r.pos += int(n)
	return b, nil
}

// block returns how many records the next block has, and their bytes, which are
// good until the next call. io.EOF is the end of the file. After another error
// the place is still that before the block; unless bytes come with it, then the
// block is good, and only its sync marker is not.
func (r *reader) block() (records int64, plain []byte, err error) {
	if !r.fill(1) {
		return 0, nil, r.end()
	}
	records, head, err := r.long(0)
	if err != nil {
		return 0, nil, err
	}
	size, more, err := r.long(head)
	if err != nil {
		return 0, nil, err
	}
	head += more
	if records <= 0 || size < 4 || size > maxBlock {
		return 0, nil, fmt.Errorf("a block of %d records in %d bytes", records, size)
	}
	if !r.fill(head + int(size) + syncSize) {
		return 0, nil, r.short()
	}
	body := r.buf[r.pos+head:][:size]
	if plain, err = r.decompress(body); err != nil {
		return 0, nil, err
	}
	if marker := r.buf[r.pos+head+int(size):][:syncSize]; !bytes.Equal(marker, r.sync[:]) {
		err = errSync // the checksum says that the block is good all the same
	}
	r.pos += head + int(size) + syncSize
	return records, plain, err
}

func (r *reader) end() error {
	if r.err == nil || errors.Is(r.err, io.EOF) {
		return io.EOF
	}
	return r.err
}

// decompress undoes snappy with the checksum that Avro adds.
func (r *reader) decompress(body []byte) ([]byte, error) {
	packed, sum := body[:len(body)-4], binary.BigEndian.Uint32(body[len(body)-4:])
	n, err := snappy.DecodedLen(packed)
	if err != nil {
		return nil, err
	}
	if n > maxRatio*len(packed) {
		return nil, fmt.Errorf("%d bytes cannot be those of %d", len(packed), n)
	}
	if r.plain, err = snappy.Decode(r.plain[:cap(r.plain)], packed); err != nil {
		return nil, err
	}
	if got := crc32.ChecksumIEEE(r.plain); got != sum {
		return nil, fmt.Errorf("checksum of a block is %08x, want %08x", got, sum)
	}
	return r.plain, nil
}

// resync goes behind the next sync marker; false if there is none.
func (r *reader) resync() bool {
	for r.fill(syncSize) {
		if i := bytes.Index(r.buf[r.pos:], r.sync[:]); i >= 0 {
			r.pos += i + syncSize
			return true
		}
		r.pos = len(r.buf) - (syncSize - 1)
	}
	return false
}

// A tally is what reading a file gave.
type tally struct {
	records int     // read, refused ones too
	bytes   int64   // of the file
	refused tallied // records that could be read and not be used, by reason
	damaged tallied // blocks that could not be read, by place and reason
}

func (t *tally) whole() bool { return t.damaged.n == 0 }

// tallied counts errors and keeps the first few.
type tallied struct {
	n     int
	first []error
}

const maxTold = 10 // errors of a file that are told; all are counted

func (t *tallied) add(err error) {
	t.n++
	if len(t.first) < maxTold {
		t.first = append(t.first, err)
	}
}

// readAll reads src and calls use with every record that can be read. A record
// is good until use returns.
func readAll(src io.Reader, record string, use func(map[string]any) error) (t tally) {
	r := &reader{src: src}
	defer func() { t.bytes = r.off + int64(len(r.buf)) }()
	if err := r.header(record); err != nil {
		t.damaged.add(err)
		return t
	}
	for {
		place := r.at()
		records, plain, err := r.block()
		if errors.Is(err, io.EOF) {
			return t
		}
		if err != nil {
			t.damaged.add(fmt.Errorf("at byte %d: %w", place, err))
		}
		switch {
		case plain != nil:
			if err := r.use(&t, records, plain, use); err != nil {
				t.damaged.add(fmt.Errorf("block at byte %d: %w", place, err))
			}
		case !r.resync():
			return t
		}
	}
}

// use decodes the records of a block.
func (r *reader) use(t *tally, records int64, plain []byte, use func(map[string]any) error) error {
	for ; records > 0; records-- {
		v, rest, err := r.codec.NativeFromBinary(plain)
		if err != nil {
			return err
		}
		m, ok := v.(map[string]any)
		if !ok || len(rest) == len(plain) { // a record takes at least a byte
			return fmt.Errorf("a %T is not a record", v)
		}
		plain = rest
		t.records++
		err = unescape(m)
		if err == nil {
			err = use(m)
		}
		if err != nil {
			t.refused.add(err)
		}
	}
	if len(plain) != 0 {
		return fmt.Errorf("%d bytes too many", len(plain))
	}
	return nil
}
