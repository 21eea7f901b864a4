package xrootd_test

import (
	"testing"

	"tallystick/internal/xrootd"
)

// redirectHead is the server id that every r datagram begins with.
var redirectHead = be(uint64(0xf0<<56 | 0x1234_5678_9abc))

// slot returns a redirection with its text.
func slot(kind byte, port uint16, user uint32, text string) []byte {
	for text += "\x00"; len(text)%8 != 0; {
		text += "\x00"
	}
	return be(kind, byte(len(text)/8), port, user, text)
}

func TestDecodeRedirect(t *testing.T) {
	d := decode(t, gram('r', 0, redirectHead,
		be(uint32(60), uint32(stod)),
		slot(0x85, 1094, 7, "ds1.example.org:/store/f"),
		slot(0x96, 1094, 7, "[2001:db8::1]:/store/f:g"),
		slot(0x82, 1094, 7, "/store/f:g"),
		redirectHead,
		be(byte(0x8e), byte(0), uint16(1094), uint32(8)),
	))
	wantEqual(t, d.Redirect, xrootd.RedirectStream{
		SID: 0x1234_5678_9abc,
		Entries: []xrootd.RedirectEntry{
			{Window: true, Len: 60, Time: stod},
			{Op: 5, Port: 1094, UserID: 7, Host: []byte("ds1.example.org"), Path: []byte("/store/f")},
			{Op: 6, Local: true, Port: 1094, UserID: 7, Host: []byte("[2001:db8::1]"), Path: []byte("/store/f:g")},
			{Op: 2, Port: 1094, UserID: 7, Path: []byte("/store/f:g")},
			{Op: 14, Port: 1094, UserID: 8, Path: []byte{}},
		},
	})
}

func TestDecodeRedirectBreaks(t *testing.T) {
	f := func(reason string, bad ...any) {
		t.Helper()
		var d xrootd.Datagram
		wantError(t, d.Decode(gram('r', 0, redirectHead, be(uint32(60), uint32(stod)), be(bad...))), reason, 24)
		wantEqual(t, d.Redirect.Entries, []xrootd.RedirectEntry{{Window: true, Len: 60, Time: stod}})
	}
	f(xrootd.ReasonShort, "1234567")
	f(xrootd.ReasonRecord, byte(0x40), make([]byte, 7))               // of no known type
	f(xrootd.ReasonRecord, byte(0x85), byte(2), make([]byte, 6+8))    // two slots of text, one there
	f(xrootd.ReasonRecord, byte(0x85), byte(255), make([]byte, 6+16)) // far beyond the datagram
}
