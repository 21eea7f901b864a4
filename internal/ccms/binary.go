package ccms

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
)

// snapshotMagic is what a binary snapshot begins with.
const snapshotMagic = 0xCC5B0001

// ReadBinary reads a binary snapshot:
//
//	u32 magic, i64 from, i64 to, level
//	level: u32 n, n × series, u32 m, m × {u16 length, name, level}
//	series: u16 length, name, i64 step, i64 start, u32 n, n × f32
//
// All of it is little endian, without a checksum. It calls use with each series,
// which is good until use returns, up to the first error: a *FormatError, or what
// r returns.
func ReadBinary(r io.Reader, use func(*Series)) error {
	d := binaryReader{in: bufio.NewReader(r), use: use}
	magic := d.u32()
	d.i64() // from: the file's name has it
	d.i64() // to
	if d.err == nil && magic != snapshotMagic {
		return &FormatError{0, ErrMagic}
	}
	d.level(nil)
	if d.err == nil {
		if _, err := d.in.Peek(1); !errors.Is(err, io.EOF) {
			d.err = ErrLong
		}
	}
	return d.place()
}

// A binaryReader reads up to its first error, and zeros then.
type binaryReader struct {
	in      *bufio.Reader
	use     func(*Series)
	at      int64
	err     error
	scratch [4096]byte
	values  []float64
}

// place gives an error of the format its place, and leaves others as they are.
func (d *binaryReader) place() error {
	switch {
	case errors.Is(d.err, io.EOF), errors.Is(d.err, io.ErrUnexpectedEOF):
		return &FormatError{d.at, ErrShort}
	case errors.Is(d.err, ErrLong), errors.Is(d.err, ErrDeep):
		return &FormatError{d.at, d.err}
	}
	return d.err
}

// next returns n bytes, at most those of scratch, good until the next call. They
// are zeros after an error.
func (d *binaryReader) next(n int) []byte {
	b := d.scratch[:n]
	if d.err == nil {
		var got int
		got, d.err = io.ReadFull(d.in, b)
		d.at += int64(got)
	}
	if d.err != nil {
		clear(b)
	}
	return b
}

func (d *binaryReader) u16() int    { return int(binary.LittleEndian.Uint16(d.next(2))) }
func (d *binaryReader) u32() uint32 { return binary.LittleEndian.Uint32(d.next(4)) }
func (d *binaryReader) i64() int64  { return int64(binary.LittleEndian.Uint64(d.next(8))) } //nolint:gosec // the same bits

// name reads a name, piece by piece: it may be longer than scratch.
func (d *binaryReader) name() string {
	var name []byte
	for left := d.u16(); left > 0 && d.err == nil; {
		piece := d.next(min(left, len(d.scratch)))
		name = append(name, piece...)
		left -= len(piece)
	}
	return string(name)
}

func (d *binaryReader) level(names []string) {
	if len(names) > maxDepth && d.err == nil {
		d.err = ErrDeep
	}
	for n := d.u32(); n > 0 && d.err == nil; n-- {
		d.series(names)
	}
	for n := d.u32(); n > 0 && d.err == nil; n-- {
		d.level(append(slices.Clip(names), d.name()))
	}
}

// series reads a series. Of one that ends early, what is there is used.
func (d *binaryReader) series(names []string) {
	s := Series{Level: names, Metric: d.name(), Step: d.i64(), Start: d.i64()}
	d.values = d.values[:0]
	for left := uint64(d.u32()); left > 0 && d.err == nil; {
		n := int(min(left, uint64(len(d.scratch)/4))) //nolint:gosec // at most 1024
		d.floats(n)
		left -= uint64(n) //nolint:gosec // at most 1024
	}
	s.Values = d.values
	if d.err == nil || len(s.Values) > 0 {
		d.use(&s)
	}
}

// floats appends up to n values, as many as there are.
func (d *binaryReader) floats(n int) {
	before := d.at
	piece := d.scratch[:4*n]
	got, err := io.ReadFull(d.in, piece)
	d.at, d.err = before+int64(got), err
	for ; len(piece) >= 4 && got >= 4; got, piece = got-4, piece[4:] {
		d.values = append(d.values, float64(math.Float32frombits(binary.LittleEndian.Uint32(piece))))
	}
}
