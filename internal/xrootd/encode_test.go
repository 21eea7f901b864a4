package xrootd_test

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/xrootd"
)

// stod is when the servers of these tests started.
const stod = 1_700_000_000

// gram returns a binary datagram with that body.
func gram(code, seq byte, body ...[]byte) []byte {
	b := []byte{code, seq, 0, 0}
	b = binary.BigEndian.AppendUint32(b, stod)
	for _, part := range body {
		b = append(b, part...)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

// be returns the values in the order of the wire, each as wide as its type.
func be(values ...any) []byte {
	var b []byte
	for _, v := range values {
		switch v := v.(type) {
		case string:
			b = append(b, v...)
		case float64:
			b = binary.BigEndian.AppendUint64(b, math.Float64bits(v))
		default:
			var err error
			if b, err = binary.Append(b, binary.BigEndian, v); err != nil {
				panic(err)
			}
		}
	}
	return b
}

// record returns an f record.
func record(kind xrootd.FileType, flags byte, id uint32, body ...any) []byte {
	rest := be(body...)
	return append(be(byte(kind), flags, uint16(8+len(rest)), id), rest...)
}

// window returns the time record that f datagrams begin with.
func window(xfr, total uint16) []byte {
	return record(xrootd.FileTime, 1, uint32(xfr)<<16|uint32(total), uint32(stod+10), uint32(stod+15), uint64(0x0000_1234_5678_9abc))
}

func decode(t *testing.T, b []byte) *xrootd.Datagram {
	t.Helper()
	var d xrootd.Datagram
	if err := d.Decode(b); err != nil {
		t.Fatal(err)
	}
	return &d
}

// wantError checks that err is an *Error of that reason and place.
func wantError(t *testing.T, err error, reason string, offset int) {
	t.Helper()
	var e *xrootd.Error
	if !errors.As(err, &e) {
		t.Errorf("got error %v, want %s at byte %d", err, reason, offset)
		return
	}
	if e.Reason != reason || e.Offset != offset {
		t.Errorf("got error %v, want %s at byte %d", e, reason, offset)
	}
}

func asError(err error, e **xrootd.Error) bool { return errors.As(err, e) }

func wantEqual[T any](t *testing.T, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
