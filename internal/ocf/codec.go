package ocf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// A Codec is how the blocks of a file are compressed, as Avro names it.
type Codec string

// The codecs. Snappy alone has a checksum for each block, so that a flipped bit is
// noticed; zstandard has one too, as it is written here.
const (
	Null      Codec = "null"
	Deflate   Codec = "deflate"
	Snappy    Codec = "snappy"
	Zstandard Codec = "zstandard"
)

// Codecs returns all codecs.
func Codecs() []Codec { return []Codec{Null, Deflate, Snappy, Zstandard} }

// UnmarshalText reads the name of a codec.
func (c *Codec) UnmarshalText(text []byte) error {
	if !slices.Contains(Codecs(), Codec(text)) {
		return fmt.Errorf("%q is none of %v", text, Codecs())
	}
	*c = Codec(text)
	return nil
}

// maxPlain is how large a block is unpacked at the most: what our own writers put
// into one is far below, only the state of one very busy server is large.
const maxPlain = 1 << 30

// A packer compresses blocks, and undoes it.
type packer interface {
	pack(to, plain []byte) ([]byte, error)
	// unpack must not make more of packed than maxPlain, and nothing of what it says of
	// its size alone.
	unpack(to, packed []byte) ([]byte, error)
	// sure reports whether what unpack returns is what was packed, without doubt.
	sure() bool
}

//nolint:ireturn // it is one of several
func (c Codec) packer() (packer, error) {
	switch c {
	case Null, "":
		return null{}, nil
	case Deflate:
		return new(deflate), nil
	case Snappy:
		return snap{}, nil
	case Zstandard:
		return new(zstandard), nil
	}
	return nil, fmt.Errorf("codec %q is none of %v", c, Codecs())
}

var errLarge = errors.New("a block is too large")

type null struct{}

func (null) pack(to, plain []byte) ([]byte, error)    { return append(to, plain...), nil }
func (null) unpack(to, packed []byte) ([]byte, error) { return append(to, packed...), nil }

func (null) sure() bool { return false }

// snap is snappy with the checksum that Avro adds.
type snap struct{}

// maxRatio is by how much snappy can compress.
const maxRatio = 32

func (snap) pack(to, plain []byte) ([]byte, error) {
	to = snappy.Encode(to[:cap(to)], plain)
	return binary.BigEndian.AppendUint32(to, crc32.ChecksumIEEE(plain)), nil
}

func (snap) unpack(to, packed []byte) ([]byte, error) {
	if len(packed) < 4 {
		return nil, errTruncated
	}
	packed, sum := packed[:len(packed)-4], binary.BigEndian.Uint32(packed[len(packed)-4:])
	n, err := snappy.DecodedLen(packed)
	if err != nil {
		return nil, err
	}
	if n > maxRatio*len(packed) {
		return nil, fmt.Errorf("%d bytes cannot be those of %d", len(packed), n)
	}
	plain, err := snappy.Decode(to[:cap(to)], packed)
	if err != nil {
		return nil, err
	}
	if got := crc32.ChecksumIEEE(plain); got != sum {
		return nil, fmt.Errorf("checksum of a block is %08x, want %08x", got, sum)
	}
	return plain, nil
}

func (snap) sure() bool { return true }

type deflate struct {
	w *flate.Writer
	r io.ReadCloser
}

func (d *deflate) pack(to, plain []byte) ([]byte, error) {
	out := bytes.NewBuffer(to)
	if d.w == nil {
		var err error
		if d.w, err = flate.NewWriter(out, flate.DefaultCompression); err != nil {
			return nil, err
		}
	}
	d.w.Reset(out)
	_, err := d.w.Write(plain)
	err = errors.Join(err, d.w.Close())
	return out.Bytes(), err
}

func (d *deflate) unpack(to, packed []byte) ([]byte, error) {
	in := bytes.NewReader(packed)
	if d.r == nil {
		d.r = flate.NewReader(in)
	} else if err := d.r.(flate.Resetter).Reset(in, nil); err != nil { //nolint:errcheck // it always is one
		return nil, err
	}
	out := bytes.NewBuffer(to)
	n, err := io.Copy(out, io.LimitReader(d.r, maxPlain))
	switch {
	case err != nil:
		return nil, err
	case n == maxPlain:
		return nil, errLarge
	case in.Len() > 0:
		return nil, fmt.Errorf("%d bytes behind the end of a block", in.Len())
	}
	return out.Bytes(), nil
}

func (*deflate) sure() bool { return false }

// zstandard makes what it needs when it needs it: each takes some MB.
type zstandard struct {
	w *zstd.Encoder
	r *zstd.Decoder
}

func (z *zstandard) pack(to, plain []byte) (_ []byte, err error) {
	if z.w == nil {
		if z.w, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true)); err != nil {
			return nil, err
		}
	}
	return z.w.EncodeAll(plain, to), nil
}

func (z *zstandard) unpack(to, packed []byte) (_ []byte, err error) {
	if z.r == nil {
		if z.r, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPlain)); err != nil {
			return nil, err
		}
	}
	return z.r.DecodeAll(packed, to)
}

func (*zstandard) sure() bool { return true }
