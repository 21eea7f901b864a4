package xrootd_test

import (
	"testing"

	"tallystick/internal/xrootd"
)

// A traced is what there is to know of one entry of that type.
type traced struct {
	Type                  xrootd.TraceType
	ID                    uint32
	Offset, Len           int64
	Write                 bool
	VSeq                  uint8
	Segs                  int
	Size                  int64
	ReadBytes, WriteBytes uint64
	Forced, Bound         bool
	Seconds               int32
	SID                   uint64
	PrevEnd, Begin        int64
	App                   []byte
}

func tracedOf(s *xrootd.TraceStream) (all []traced) {
	for i := range s.Entries {
		e := &s.Entries[i]
		t := traced{Type: e.Type(), ID: e.ID()}
		switch t.Type {
		case xrootd.TraceRead:
			t.Offset, t.Len, t.Write = e.Offset(), e.Len(), e.Write()
		case xrootd.TraceReadV, xrootd.TraceReadU:
			t.VSeq, t.Segs, t.Len = e.VSeq(), e.Segs(), e.Len()
		case xrootd.TraceOpen:
			t.Size = e.Size()
		case xrootd.TraceAppID:
			t.App = e.App()
		case xrootd.TraceClose:
			t.ReadBytes, t.WriteBytes = e.Totals()
		case xrootd.TraceDisc:
			t.Forced, t.Bound, t.Seconds = e.Forced(), e.Bound(), e.Seconds()
		case xrootd.TraceWindow:
			t.SID, t.PrevEnd, t.Begin = e.SID(), e.PrevEnd(), e.Begin()
		}
		all = append(all, t)
	}
	return all
}

func TestDecodeTrace(t *testing.T) {
	f := func(want traced, entry ...any) {
		t.Helper()
		d := decode(t, gram('t', 0, be(entry...)))
		wantEqual(t, tracedOf(&d.Trace), []traced{want})
	}
	f(traced{Type: xrootd.TraceRead, ID: 3, Offset: 1 << 40, Len: 8192}, int64(1<<40), int32(8192), uint32(3))
	f(traced{Type: xrootd.TraceRead, ID: 3, Offset: 5, Len: 100, Write: true}, int64(5), int32(-100), uint32(3))
	f(traced{Type: xrootd.TraceRead, ID: 3, Offset: 0, Len: 1 << 31, Write: true}, int64(0), int32(-1<<31), uint32(3))
	f(traced{Type: xrootd.TraceRead, ID: 3, Offset: 0x7f << 56, Len: 1}, int64(0x7f<<56), int32(1), uint32(3))
	f(traced{Type: xrootd.TraceOpen, ID: 3, Size: 1<<55 + 7}, uint64(0x80<<56|1<<55|7), uint32(0), uint32(3))
	f(traced{Type: xrootd.TraceReadV, ID: 3, VSeq: 9, Segs: 1024, Len: 65536},
		byte(0x90), byte(9), int16(1024), uint32(0), int32(65536), uint32(3))
	f(traced{Type: xrootd.TraceReadU, ID: 3, VSeq: 9, Segs: 2, Len: 10},
		byte(0x91), byte(9), int16(2), uint32(0), int32(10), uint32(3))
	f(traced{Type: xrootd.TraceAppID, App: []byte("my_app")}, uint32(0xa0<<24), "my_app\x00\x00\x00\x00\x00\x00")
	f(traced{Type: xrootd.TraceClose, ID: 3, ReadBytes: 0xffff_ffff << 3, WriteBytes: 7},
		byte(0xc0), byte(3), byte(0), byte(0), uint32(0xffff_ffff), uint32(7), uint32(3))
	f(traced{Type: xrootd.TraceDisc, ID: 4, Forced: true, Bound: true, Seconds: 3600},
		byte(0xd0), byte(3), uint16(0), uint32(0), int32(3600), uint32(4))
	f(traced{Type: xrootd.TraceWindow, SID: 0x1234_5678_9abc, PrevEnd: 0, Begin: stod},
		uint64(0xe0<<56|0x1234_5678_9abc), uint32(0), uint32(stod))
}

func TestDecodeTraceBreaks(t *testing.T) {
	good := be(int64(5), int32(100), uint32(3))
	f := func(reason string, bad ...any) {
		t.Helper()
		var d xrootd.Datagram
		wantError(t, d.Decode(gram('t', 0, good, be(bad...))), reason, 24)
		wantEqual(t, tracedOf(&d.Trace), []traced{{Type: xrootd.TraceRead, ID: 3, Offset: 5, Len: 100}})
	}
	f(xrootd.ReasonShort, "123456789012345")
	f(xrootd.ReasonRecord, byte(0xc0), byte(33), make([]byte, 14)) // shifted out of 64 bits
	f(xrootd.ReasonRecord, byte(0xc0), byte(0), byte(255), make([]byte, 13))

	d := decode(t, gram('t', 0, be(byte(0xb0), make([]byte, 15)), good))
	if len(d.Trace.Entries) != 2 || d.Trace.Unknown != 1 {
		t.Errorf("got %d entries and %d unknown, want 2 and 1", len(d.Trace.Entries), d.Trace.Unknown)
	}
}
