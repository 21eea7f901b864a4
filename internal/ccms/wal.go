package ccms

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
)

const (
	walMagic    = 0xCC1DA701 // of the file
	recordMagic = 0xCC1DA7A1

	recordHead = 8 // magic and length
	recordTail = 4 // checksum
	minPayload = 8 + 2 + 1 + 4
	maxPayload = minPayload + math.MaxUint16 + math.MaxUint8*(1+math.MaxUint8)
)

// A Record is a sample, as a WAL has it.
type Record struct {
	Level  []string // the names of the levels below the host; none: the host itself
	Metric string
	Time   int64 // Unix seconds
	Value  float64
}

// ReadWAL reads a write-ahead log:
//
//	u32 magic, records
//	record: u32 magic, u32 length, payload, u32 CRC-32 (IEEE) of the payload
//	payload: i64 time, u16 length, metric, u8 n, n × {u8 length, name}, f32 value
//
// All of it is little endian. It calls use with each record, which is good until
// use returns but for its strings. What is no good record is passed over up to
// the next that is, and bad is called with a *FormatError for each such stretch.
// The error is a *FormatError if it is not a WAL at all, or what r returns.
//
// A file of no bytes is good: the original writes the first ones late.
func ReadWAL(r io.Reader, use func(*Record), bad func(error)) error {
	w := walReader{
		in: bufio.NewReaderSize(r, recordHead+maxPayload+recordTail), use: use, bad: bad,
		names: make(map[string]*names),
	}
	head, err := w.peek(4)
	switch {
	case err != nil || len(head) == 0:
		return err
	case len(head) < 4:
		return &FormatError{int64(len(head)), ErrShort}
	case binary.LittleEndian.Uint32(head) != walMagic:
		return &FormatError{0, ErrMagic}
	}
	w.skip(4)
	return w.records()
}

type walReader struct {
	in    *bufio.Reader
	use   func(*Record)
	bad   func(error)
	at    int64
	names map[string]*names // by their bytes in the record
}

type names struct {
	metric string
	level  []string
}

// peek returns the next n bytes, or those that are left.
func (w *walReader) peek(n int) ([]byte, error) {
	b, err := w.in.Peek(n)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b, err
}

func (w *walReader) skip(n int) {
	n, _ = w.in.Discard(n) // it was peeked at
	w.at += int64(n)
}

func (w *walReader) records() error {
	bad := int64(-1) // where a stretch without good records begins
	for {
		payload, err := w.payload()
		if err != nil {
			return err
		}
		if rest, err := w.peek(1); err != nil || len(rest) == 0 {
			w.stretch(bad)
			return err
		}
		var rec Record
		if payload == nil || !w.parse(payload, &rec) {
			if bad < 0 {
				bad = w.at
			}
			if err := w.next(); err != nil {
				return err
			}
			continue
		}
		w.stretch(bad)
		bad = -1
		w.use(&rec)
		w.skip(recordHead + len(payload) + recordTail)
	}
}

// stretch tells of the bytes from there to here.
func (w *walReader) stretch(from int64) {
	if from >= 0 {
		w.bad(&FormatError{from, fmt.Errorf("%d bytes are no record", w.at-from)})
	}
}

// payload returns that of the record which is next, nil if there is none.
func (w *walReader) payload() ([]byte, error) {
	head, err := w.peek(recordHead)
	if err != nil || len(head) < recordHead || binary.LittleEndian.Uint32(head) != recordMagic {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(head[4:])
	if n < minPayload || n > maxPayload {
		return nil, nil
	}
	size := recordHead + int(n) + recordTail
	b, err := w.peek(size)
	if err != nil || len(b) < size {
		return nil, err
	}
	payload, sum := b[recordHead:size-recordTail], binary.LittleEndian.Uint32(b[size-recordTail:])
	if crc32.ChecksumIEEE(payload) != sum {
		return nil, nil
	}
	return payload, nil
}

// next goes to what may be the next record.
func (w *walReader) next() error {
	magic := binary.LittleEndian.AppendUint32(nil, recordMagic)
	w.skip(1)
	for {
		if _, err := w.peek(len(magic)); err != nil {
			return err
		}
		b, _ := w.in.Peek(w.in.Buffered())
		if i := bytes.Index(b, magic); i >= 0 {
			w.skip(i)
			return nil
		}
		if len(b) < len(magic) {
			w.skip(len(b))
			return nil
		}
		w.skip(len(b) - len(magic) + 1)
	}
}

// parse reads a payload and reports whether it is one.
func (w *walReader) parse(payload []byte, rec *Record) bool {
	key := payload[8 : len(payload)-4]
	n, ok := w.names[string(key)]
	if !ok {
		if n = parseNames(key); n == nil {
			return false
		}
		w.names[string(key)] = n
	}
	*rec = Record{
		Level: n.level, Metric: n.metric,
		Time:  int64(binary.LittleEndian.Uint64(payload)), //nolint:gosec // the same bits
		Value: float64(math.Float32frombits(binary.LittleEndian.Uint32(payload[len(payload)-4:]))),
	}
	return true
}

// parseNames returns nil if the names do not end where b does.
func parseNames(b []byte) *names {
	metric, b, ok := cut(b[2:], int(binary.LittleEndian.Uint16(b)))
	if !ok || len(b) == 0 {
		return nil
	}
	n := &names{metric: string(metric)}
	left := b[0]
	for b = b[1:]; left > 0; left-- {
		if len(b) == 0 {
			return nil
		}
		var name []byte
		if name, b, ok = cut(b[1:], int(b[0])); !ok {
			return nil
		}
		n.level = append(n.level, string(name))
	}
	if len(b) > 0 {
		return nil
	}
	return n
}

func cut(b []byte, n int) (head, rest []byte, ok bool) {
	if n > len(b) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}
