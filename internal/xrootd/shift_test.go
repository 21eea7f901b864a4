package xrootd_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tallystick/internal/xrootd"
)

func TestShift(t *testing.T) {
	const by = 1000
	f := func(b, want []byte) {
		t.Helper()
		if err := xrootd.Shift(b, by); err != nil {
			t.Error(err)
		}
		copy(want[4:], be(uint32(stod+by)))
		wantEqual(t, b, want)
	}
	at := func(offset uint32) uint32 { return stod + offset }
	f(gram('d', 0, be(uint32(stod), "a.1:2@h\n/path")), gram('d', 0, be(uint32(stod), "a.1:2@h\n/path")))
	f(
		gram('f', 0, record(xrootd.FileTime, 0, stod, at(1), at(2)), record(xrootd.FileDisc, 0, stod), record(xrootd.FileTime, 1, stod, at(3), at(4), uint64(9))),
		gram('f', 0, record(xrootd.FileTime, 0, stod, at(1001), at(1002)), record(xrootd.FileDisc, 0, stod), record(xrootd.FileTime, 1, stod, at(1003), at(1004), uint64(9))),
	)
	f(
		gram('t', 0, be(uint64(0xe0<<56), uint32(0), at(1)), be(int64(5), at(0), at(0)), be(uint64(0xe0<<56), at(2), at(3))),
		gram('t', 0, be(uint64(0xe0<<56), uint32(0), at(1001)), be(int64(5), at(0), at(0)), be(uint64(0xe0<<56), at(1002), at(1003))),
	)
	f(
		gram('r', 0, redirectHead, be(uint32(60), at(1)), slot(0x85, 1, stod, "h:/f")),
		gram('r', 0, redirectHead, be(uint32(60), at(1001)), slot(0x85, 1, stod, "h:/f")),
	)
	f(
		gram('g', 0, be(at(1), at(2), uint64(7), `{"t":1700000000}`)),
		gram('g', 0, be(at(1001), at(1002), uint64(7), `{"t":1700000000}`)),
	)
}

// TestShiftCaptures moves every binary datagram there and back, and compares
// what is decoded in between.
func TestShiftCaptures(t *testing.T) {
	const by = 7_000_000
	var before, after xrootd.Datagram
	for _, c := range loadAll(t) {
		for i, p := range c.Packets {
			b := bytes.Clone(p.Data)
			err := xrootd.Shift(b, by)
			if p.Data[0] == '<' || p.Data[0] == '{' || p.Data[0] == 'c' {
				if !errors.Is(err, xrootd.ErrText) {
					t.Errorf("%s: datagram %d: got error %v, want ErrText", c.Name, i, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s: datagram %d: %v", c.Name, i, err)
			}
			if err := errors.Join(before.Decode(p.Data), after.Decode(b)); err != nil {
				t.Fatal(err)
			}
			move(&before, by)
			if diff := cmp.Diff(&before, &after, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%s: datagram %d (-moved +decoded):\n%s", c.Name, i, diff)
			}
			if err := xrootd.Shift(b, -by); err != nil || !bytes.Equal(b, p.Data) {
				t.Errorf("%s: datagram %d is not itself after there and back: %v", c.Name, i, err)
			}
		}
	}
}

// move moves the times of a decoded datagram.
func move(d *xrootd.Datagram, by int64) {
	times := []*int64{&d.Header.Stod, &d.File.Begin, &d.File.End, &d.GStream.Begin, &d.GStream.End}
	d.Trace.Entries = slices.Clone(d.Trace.Entries) // what they are of stays as it is
	for i := range d.Trace.Entries {
		if e := &d.Trace.Entries[i]; e.Type() == xrootd.TraceWindow {
			moveIn(e[8:12], by)
			moveIn(e[12:], by)
		}
	}
	for i := range d.Redirect.Entries {
		times = append(times, &d.Redirect.Entries[i].Time)
	}
	for _, p := range times {
		if *p != 0 {
			*p += by
		}
	}
}

// moveIn moves the time that b is.
func moveIn(b []byte, by int64) {
	if n := binary.BigEndian.Uint32(b); n != 0 {
		binary.BigEndian.PutUint32(b, uint32(int64(n)+by))
	}
}

// TestShiftRefuses checks that a datagram that cannot be moved is not touched.
func TestShiftRefuses(t *testing.T) {
	f := func(b []byte, seconds int64, reason string, offset int) {
		t.Helper()
		before := bytes.Clone(b)
		wantError(t, xrootd.Shift(b, seconds), reason, offset)
		if !bytes.Equal(b, before) {
			t.Errorf("%q was changed into %q", before, b)
		}
	}
	f(nil, 1, xrootd.ReasonShort, 0)
	f(gram('f', 0, window(0, 0))[:20], 1, xrootd.ReasonLength, 2)
	f(gram('f', 0, window(0, 0)), -stod, xrootd.ReasonTime, 4)
	f(gram('f', 0, window(0, 0)), 1<<32-1-stod-12, xrootd.ReasonTime, 20)
	f(gram('f', 0, window(0, 0)), -1<<63, xrootd.ReasonTime, 4)
	f(gram('f', 0, window(0, 0)), 1<<63-1, xrootd.ReasonTime, 4)
	f(gram('f', 0, window(0, 0), []byte("1234")), 1, xrootd.ReasonShort, 32)
	f(gram('f', 0, record(xrootd.FileTime, 0, 0)), 1, xrootd.ReasonRecord, 8)
	f(gram('t', 0, be(uint64(0xe0<<56), uint32(stod), uint32(stod+9))), 1<<32-1-stod-8, xrootd.ReasonTime, 20)
	f(gram('t', 0, be(uint64(0xe0<<56), uint32(5), uint32(stod))), -6, xrootd.ReasonTime, 16)
	f(gram('r', 0, redirectHead, be(uint32(60), uint32(5))), -6, xrootd.ReasonTime, 20)
	f(gram('t', 0, []byte("1234")), 1, xrootd.ReasonShort, 8)
	f(gram('r', 0, redirectHead, []byte("1234")), 1, xrootd.ReasonShort, 16)
	f(gram('g', 0, make([]byte, 10)), 1, xrootd.ReasonShort, 18)
}
