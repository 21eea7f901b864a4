package ocf

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/linkedin/goavro/v2"
)

// Bounds of what a damaged length can make the reader hold. Our own writer stays
// far below: a header has some 3 KB, a block of samples at most 300 KB; only the
// state of one very busy server is large.
const (
	maxHeader = 1 << 20   // bytes of a file's header
	maxBlock  = 256 << 20 // bytes of a compressed block
	chunk     = 256 << 10 // bytes read at once
)

var (
	errTruncated = errors.New("file ends within a block")
	errSync      = errors.New("no sync marker at the end of a block")
)

// A Reader reads an Avro object container file, also a damaged one: what is
// wrong costs the block that it is in, and reading goes on behind the next sync
// marker.
type Reader struct {
	src     io.Reader
	err     error // of src, io.EOF at the end
	damaged func(error)

	buf []byte // read and not used yet, from pos
	pos int
	off int64 // of buf[0] in the file

	sync   [syncSize]byte
	codec  *goavro.Codec
	same   bool
	packed Codec
	packs  packer
	plain  []byte // of the present block
}

// NewReader returns one of src that tells what is damaged, with its place.
func NewReader(src io.Reader, damaged func(error)) *Reader {
	return &Reader{src: src, damaged: damaged}
}

// Codec returns what decodes the records, as whoever wrote them had them.
func (r *Reader) Codec() *goavro.Codec { return r.codec }

// Packed returns how the blocks are compressed.
func (r *Reader) Packed() Codec { return r.packed }

// Same reports whether the records have just the schema that Open was called with.
func (r *Reader) Same() bool { return r.same }

// Bytes returns how many bytes of the file were read.
func (r *Reader) Bytes() int64 { return r.off + int64(len(r.buf)) }

// Open reads the header. It returns false, and has told why, if that cannot be read or
// is of another record than the schema is of; of that record it may be an older version,
// unless there are lists in it: see flat.
func (r *Reader) Open(schema string) bool {
	if err := r.header(schema); err != nil {
		r.damaged(err)
		return false
	}
	return true
}

// Blocks yields how many records each block has, and their bytes, which are good until
// the next one.
func (r *Reader) Blocks() iter.Seq2[int64, []byte] {
	return func(yield func(int64, []byte) bool) {
		for {
			place := r.at()
			records, plain, err := r.block()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				r.damaged(fmt.Errorf("at byte %d: %w", place, err))
			}
			if plain == nil && !r.resync() || plain != nil && !yield(records, plain) {
				return
			}
		}
	}
}

// Records yields the records that can be read, as goavro has them. Strings that are not
// UTF-8 are themselves again.
func (r *Reader) Records() iter.Seq[map[string]any] {
	return func(yield func(map[string]any) bool) {
		for n, plain := range r.Blocks() {
			for range n {
				m, rest, err := Native(r.codec, plain)
				if err != nil {
					r.damaged(fmt.Errorf("in the block before byte %d: %w", r.at(), err))
					break
				}
				if plain = rest; !yield(m) {
					return
				}
			}
		}
	}
}

// Native decodes the record that b begins with, and returns the rest of b.
func Native(codec *goavro.Codec, b []byte) (m map[string]any, rest []byte, err error) {
	v, rest, err := codec.NativeFromBinary(b)
	if err != nil {
		return nil, b, err
	}
	m, ok := v.(map[string]any)
	if !ok || len(rest) == len(b) { // a record takes at least a byte
		return nil, b, fmt.Errorf("a %T is not a record", v)
	}
	return m, rest, unescape(m)
}

// fill makes the next n bytes lie in the buffer, and reports whether there are
// so many. The buffer grows with what is read, not with n.
func (r *Reader) fill(n int) bool {
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
func (r *Reader) at() int64 { return r.off + int64(r.pos) }

// short returns why there are no more bytes, if something is missing there.
func (r *Reader) short() error {
	if r.err != nil && !errors.Is(r.err, io.EOF) {
		return r.err
	}
	return errTruncated
}

// long reads an Avro long and returns with it how many bytes it takes at ahead
// bytes from here, without taking them.
func (r *Reader) long(ahead int) (v int64, size int, err error) {
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

// header reads all before the first block. want is the schema that is wanted.
func (r *Reader) header(want string) error {
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
	r.packed = cmp.Or(Codec(meta["avro.codec"]), Null)
	if r.packs, err = r.packed.packer(); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	return r.schema(meta["avro.schema"], want)
}

// A schema is what we look at of one.
type schema struct {
	Name, Namespace string
	Fields          []struct {
		Name string
		Type json.RawMessage
	}
}

func parseSchema(text []byte) (s schema, err error) {
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("schema: %w", err)
	}
	return s, nil
}

// record returns the full name of the record that a schema is of.
func (s schema) record() string { return s.Namespace + "." + s.Name }

// schema makes the codec that reads what the writer, maybe an older version, wrote.
func (r *Reader) schema(text []byte, want string) error {
	s, err := parseSchema(text)
	if err != nil {
		return err
	}
	ours, err := parseSchema([]byte(want))
	if err != nil {
		return err
	}
	if got, want := s.record(), ours.record(); got != want {
		return fmt.Errorf("schema is of %q, want %q", got, want)
	}
	mine, err := goavro.NewCodec(want)
	if err == nil && mine.Schema() == string(text) {
		r.codec, r.same = mine, true
		return nil // who calls knows what is in it
	}
	if r.codec, err = goavro.NewCodec(string(text)); err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	if r.same = mine != nil && mine.Schema() == r.codec.Schema(); r.same {
		return nil
	}
	for _, f := range s.Fields {
		if !flat(f.Type) {
			return fmt.Errorf("schema: field %q is of type %s, which is not a plain one", f.Name, f.Type)
		}
	}
	return nil
}

// flat reports whether the type is one value, or a union of such: goavro
// allocates what arrays and maps say of their size. Records of ours that have any are
// decoded by the one who knows them.
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
func (r *Reader) metadata() (map[string][]byte, error) {
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

func (r *Reader) entries(m map[string][]byte, n int64) error {
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
func (r *Reader) bytes() ([]byte, error) {
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
func (r *Reader) block() (records int64, plain []byte, err error) {
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
	if records <= 0 || size < 1 || size > maxBlock {
		return 0, nil, fmt.Errorf("a block of %d records in %d bytes", records, size)
	}
	if !r.fill(head + int(size) + syncSize) {
		return 0, nil, r.short()
	}
	body := r.buf[r.pos+head:][:size]
	if r.plain, err = r.packs.unpack(r.plain[:0], body); err != nil {
		return 0, nil, err
	}
	plain = r.plain
	if marker := r.buf[r.pos+head+int(size):][:syncSize]; !bytes.Equal(marker, r.sync[:]) {
		if !r.packs.sure() {
			return 0, nil, errSync
		}
		err = errSync // the checksum says that the block is good all the same
	}
	r.pos += head + int(size) + syncSize
	return records, plain, err
}

func (r *Reader) end() error {
	if r.err == nil || errors.Is(r.err, io.EOF) {
		return io.EOF
	}
	return r.err
}

// resync goes behind the next sync marker; false if there is none.
func (r *Reader) resync() bool {
	for r.fill(syncSize) {
		if i := bytes.Index(r.buf[r.pos:], r.sync[:]); i >= 0 {
			r.pos += i + syncSize
			return true
		}
		r.pos = len(r.buf) - (syncSize - 1)
	}
	return false
}
