package xrootd_test

import (
	"testing"

	"tallystick/internal/xrootd"
)

// lfn returns a name as open records have it: ended by a NUL, and filled up to
// a multiple of four.
func lfn(s string) string {
	s += "\x00"
	for len(s)%4 != 0 {
		s += "\x00"
	}
	return s
}

func TestDecodeFile(t *testing.T) {
	b := gram('f', 9,
		window(1, 6),
		record(xrootd.FileOpen, 3, 21, int64(700001), uint32(20), lfn("/store/a b")),
		record(xrootd.FileOpen, 2, 22, int64(5)),
		record(xrootd.FileXfr, 0, 21, int64(1), int64(2), int64(3)),
		record(xrootd.FileClose, 0, 22, int64(4), int64(5), int64(6)),
		record(xrootd.FileClose, 3, 23, int64(4), int64(5), int64(6),
			int32(7), int32(8), int32(9), int16(10), int16(11), int64(12),
			int32(13), int32(14), int32(15), int32(16), int32(17), int32(18)),
		record(xrootd.FileClose, 6, 21, int64(1<<40), int64(5), int64(6),
			int32(7), int32(8), int32(9), int16(10), int16(11), int64(12),
			int32(13), int32(14), int32(15), int32(16), int32(17), int32(18),
			1.5, 2.5, 3.5, 4.5),
		record(xrootd.FileDisc, 0, 20),
	)
	ops := xrootd.FileOps{
		Read: 7, ReadV: 8, Write: 9, SegsMin: 10, SegsMax: 11, Segs: 12,
		ReadMin: 13, ReadMax: 14, ReadVMin: 15, ReadVMax: 16, WriteMin: 17, WriteMax: 18,
	}
	wantEqual(t, decode(t, b).File, xrootd.FileStream{
		Begin: stod + 10, End: stod + 15, NXfr: 1, NTotal: 6, SID: 0x1234_5678_9abc,
		Records: []xrootd.FileRecord{
			{Type: xrootd.FileOpen, ID: 21, Size: 700001, Writable: true, HasLFN: true, UserID: 20, LFN: []byte("/store/a b")},
			{Type: xrootd.FileOpen, ID: 22, Size: 5, Writable: true},
			{Type: xrootd.FileXfr, ID: 21, Read: 1, ReadV: 2, Write: 3},
			{Type: xrootd.FileClose, ID: 22, Read: 4, ReadV: 5, Write: 6},
			{Type: xrootd.FileClose, ID: 23, Read: 4, ReadV: 5, Write: 6, Forced: true, HasOps: true, Ops: ops},
			{
				Type: xrootd.FileClose, ID: 21, Read: 1 << 40, ReadV: 5, Write: 6, HasOps: true, Ops: ops,
				HasSSQ: true, SSQ: xrootd.FileSSQ{Read: 1.5, ReadV: 2.5, Segs: 3.5, Write: 4.5},
			},
			{Type: xrootd.FileDisc, ID: 20},
		},
	})
}

// TestDecodeFileOldTime has the time record of servers before the sid came.
func TestDecodeFileOldTime(t *testing.T) {
	b := gram('f', 0, record(xrootd.FileTime, 0, 0, uint32(stod), uint32(0x9000_0000)), record(xrootd.FileDisc, 0, 1))
	wantEqual(t, decode(t, b).File, xrootd.FileStream{
		Begin: stod, End: 0x9000_0000, Records: []xrootd.FileRecord{{Type: xrootd.FileDisc, ID: 1}},
	})
}

// TestDecodeFileSkips has records that are not known, longer than known, or the
// time once more.
func TestDecodeFileSkips(t *testing.T) {
	b := gram('f', 0,
		window(0, 3),
		record(9, 0xff, 1, "something new"),
		record(xrootd.FileXfr, 0, 2, int64(1), int64(2), int64(3), "and more"),
		record(xrootd.FileTime, 0, 0),
		record(xrootd.FileOpen, 1, 3, int64(1), uint32(2), "/not/ended"),
	)
	got := decode(t, b).File
	wantEqual(t, got.Records, []xrootd.FileRecord{
		{Type: xrootd.FileXfr, ID: 2, Read: 1, ReadV: 2, Write: 3},
		{Type: xrootd.FileOpen, ID: 3, Size: 1, HasLFN: true, UserID: 2, LFN: []byte("/not/ended")},
	})
	if got.Unknown != 1 {
		t.Errorf("%d unknown records, want 1", got.Unknown)
	}
}

// TestDecodeFileBreaks breaks a datagram after one good record, which must stay.
func TestDecodeFileBreaks(t *testing.T) {
	f := func(reason string, bad ...any) {
		t.Helper()
		var d xrootd.Datagram
		err := d.Decode(gram('f', 0, window(0, 2), record(xrootd.FileDisc, 0, 5), be(bad...)))
		wantError(t, err, reason, 8+24+8)
		wantEqual(t, d.File.Records, []xrootd.FileRecord{{Type: xrootd.FileDisc, ID: 5}})
		if d.Kind != xrootd.KindFile || d.File.Begin != stod+10 {
			t.Errorf("got kind %v from %d, want the window to stay", d.Kind, d.File.Begin)
		}
	}
	f(xrootd.ReasonShort, "1234567")
	f(xrootd.ReasonRecord, byte(4), byte(0), uint16(7), uint32(1))                              // shorter than its header
	f(xrootd.ReasonRecord, byte(4), byte(0), uint16(0), uint32(1))                              // would go round for ever
	f(xrootd.ReasonRecord, byte(4), byte(0), uint16(9), uint32(1))                              // beyond the datagram
	f(xrootd.ReasonRecord, byte(4), byte(0), uint16(65535), uint32(1))                          // far beyond it
	f(xrootd.ReasonRecord, record(xrootd.FileOpen, 0, 1, "1234567"))                            // open without its size
	f(xrootd.ReasonRecord, record(xrootd.FileOpen, 1, 1, int64(1), "123"))                      // open without its user
	f(xrootd.ReasonRecord, record(xrootd.FileXfr, 0, 1, int64(1), int64(1)))                    // xfr without its writes
	f(xrootd.ReasonRecord, record(xrootd.FileClose, 2, 1, int64(1), int64(1), int64(1)))        // close without its operations
	f(xrootd.ReasonRecord, record(xrootd.FileClose, 4, 1, make([]byte, 72)))                    // close without its squares
	f(xrootd.ReasonRecord, record(xrootd.FileClose, 0, 1, int64(1), int64(1), "and so on")[:8]) // cut
}
