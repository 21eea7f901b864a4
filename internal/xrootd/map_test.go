package xrootd_test

import (
	"encoding/binary"
	"testing"

	"tallystick/internal/xrootd"
)

func TestDecodeMap(t *testing.T) {
	ann := xrootd.UserID{Protocol: "xroot", User: "ann", PID: 7, SID: 42, Host: "h"}
	f := func(code byte, text string, want xrootd.Map) {
		t.Helper()
		got := decode(t, gram(code, 0, be(uint32(77), text))).Map
		wantEqual(t, got, want)
		if want.UserOK {
			wantEqual(t, got.User(), ann)
		}
	}
	f('u', "xroot/ann.7:42@h\n&p=unix", xrootd.Map{
		DictID: 77, SID: 42, UserOK: true, RawUser: []byte("xroot/ann.7:42@h"), Rest: []byte("&p=unix"),
	})
	f('d', "xroot/ann.7:42@h\n/a b\n&c=é", xrootd.Map{ // the path is to the end, whatever is in it
		DictID: 77, SID: 42, UserOK: true, RawUser: []byte("xroot/ann.7:42@h"), Rest: []byte("/a b\n&c=é"),
	})
	f('i', "xroot/ann.7:42@h", xrootd.Map{ // no newline: no rest
		DictID: 77, SID: 42, UserOK: true, RawUser: []byte("xroot/ann.7:42@h"),
	})
	f('x', "/lfn.7:42@h\n&tod=1", xrootd.Map{ // a path that looks like a user id
		DictID: 77, RawUser: []byte("/lfn.7:42@h"), Rest: []byte("&tod=1"),
	})
}

// TestDecodeMapCut is about the server's own fault: its header counts the whole
// text, of which it sends 1280 bytes.
func TestDecodeMapCut(t *testing.T) {
	b := gram('d', 0, be(uint32(1), "xroot/ann.7:42@h\n/path"))
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)+500))
	d := decode(t, b)
	if got, want := string(d.Map.Rest), "/path"; got != want {
		t.Errorf("got rest %q, want %q", got, want)
	}
}

func TestDecodeMapWithoutUser(t *testing.T) {
	var d xrootd.Datagram
	wantError(t, d.Decode(gram('d', 0, be(uint32(5), "ann.seven:42@h\n/path"))), xrootd.ReasonUser, 16)
	wantEqual(t, d.Map, xrootd.Map{DictID: 5, RawUser: []byte("ann.seven:42@h"), Rest: []byte("/path")})
	if d.Kind != xrootd.KindMap {
		t.Errorf("got kind %v, want map", d.Kind)
	}
}
