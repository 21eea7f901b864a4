package xrootd_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tallystick/internal/xrootd"
)

func TestDecodeKind(t *testing.T) {
	const user = "xroot/ann.7:42@h"
	f := func(b []byte, kind xrootd.Kind, header xrootd.Header) {
		t.Helper()
		d := decode(t, b)
		if d.Kind != kind {
			t.Errorf("got kind %v, want %v", d.Kind, kind)
		}
		wantEqual(t, d.Header, header)
	}
	for _, code := range []byte("=dipuxTU") {
		f(gram(code, 255, be(uint32(1), user)), xrootd.KindMap, xrootd.Header{Code: code, Seq: 255, Stod: stod})
	}
	f(gram('f', 1, window(0, 0)), xrootd.KindFile, xrootd.Header{Code: 'f', Seq: 1, Stod: stod})
	f(gram('t', 2), xrootd.KindTrace, xrootd.Header{Code: 't', Seq: 2, Stod: stod})
	f(gram('r', 3, be(uint64(0xf0<<56))), xrootd.KindRedirect, xrootd.Header{Code: 'r', Seq: 3, Stod: stod})
	f(gram('g', 4, make([]byte, 16)), xrootd.KindGStream, xrootd.Header{Code: 'g', Seq: 4, Stod: stod})
	f([]byte(`<statistics tos="5"></statistics>`), xrootd.KindSummary, xrootd.Header{Text: true, Stod: 5})
	f([]byte(`{"statistics":{"tos":6}}`), xrootd.KindSummary, xrootd.Header{Text: true, Stod: 6})
	f([]byte(`{"event":"file_close"}`), xrootd.KindGStream, xrootd.Header{Text: true})
	f([]byte(`{"code":"=","pseq":7,"stod":8,"sid":9}`), xrootd.KindMap, xrootd.Header{Code: '=', Text: true, Seq: 7, Stod: 8})
	f([]byte(`code=g&pseq=+10&stod=8&sid=9`+"\n"), xrootd.KindGStream, xrootd.Header{Code: 'g', Text: true, Seq: 10, Stod: 8})
}

func TestDecodeRefuses(t *testing.T) {
	f := func(b []byte, reason string, offset int) {
		t.Helper()
		var d xrootd.Datagram
		wantError(t, d.Decode(b), reason, offset)
		if d.Kind != xrootd.KindNone {
			t.Errorf("got kind %v, want none", d.Kind)
		}
	}
	f(nil, xrootd.ReasonShort, 0)
	f([]byte("f"), xrootd.ReasonShort, 1)
	f([]byte("f\x00\x00\x07abc"), xrootd.ReasonShort, 7)
	f([]byte("hello, world"), xrootd.ReasonCode, 0)
	f(make([]byte, 100), xrootd.ReasonCode, 0)
	f(make([]byte, xrootd.MaxDatagram+1), xrootd.ReasonLong, xrootd.MaxDatagram)
	f(append(gram('f', 0, window(0, 0)), 0), xrootd.ReasonLength, 2)             // longer than its header says
	f(gram('f', 0, window(0, 0))[:31], xrootd.ReasonLength, 2)                   // shorter
	f(append(gram('u', 0, be(uint32(1), "a.1:2@h")), 0), xrootd.ReasonLength, 2) // not even a map record may be longer
	f(gram('u', 0, be(uint16(1))), xrootd.ReasonShort, 10)
	f(gram('f', 0), xrootd.ReasonShort, 8)
	f(gram('f', 0, record(xrootd.FileDisc, 0, 1)), xrootd.ReasonRecord, 8)
	f(gram('r', 0), xrootd.ReasonRecord, 8)
	f(gram('g', 0, make([]byte, 15)), xrootd.ReasonShort, 23)
	f([]byte(`{"code":"`), xrootd.ReasonJSON, 9)
	f([]byte(`{"code":"z"}`), xrootd.ReasonCode, 9)
	f([]byte(`{"code":"d","did":1}`), xrootd.ReasonCode, 9)
	f([]byte(`code=`), xrootd.ReasonCode, 5)
	f([]byte(`code=g&stod=x`), xrootd.ReasonField, 7)
	f(gram('f', 0, record(xrootd.FileTime, 1, 0, uint32(stod), uint32(stod))), xrootd.ReasonRecord, 8) // the sid is missing
	f([]byte(`{"code":"g","pseq":"x"}`), xrootd.ReasonJSON, 22)
	f([]byte(`</statistics>`), xrootd.ReasonXML, 0)
	f([]byte(`<html>`), xrootd.ReasonXML, 0)
	f([]byte(`<`), xrootd.ReasonXML, 1)
	f([]byte(`{"statistics":`), xrootd.ReasonJSON, 14)
}

// TestDecodeReuse decodes every kind into one Datagram, in two orders: nothing of
// one may be seen in the next.
func TestDecodeReuse(t *testing.T) {
	var all [][]byte
	for _, c := range loadAll(t) {
		for _, p := range c.Packets {
			all = append(all, p.Data)
		}
	}
	var reused xrootd.Datagram
	for i := range all {
		for _, b := range [][]byte{all[i], all[len(all)-1-i]} {
			if err := reused.Decode(b); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decode(t, b), &reused, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("datagram %q (-fresh +reused):\n%s", b, diff)
			}
		}
	}
}

// TestDecodeAliases checks that a decoded name is the bytes of the datagram, and
// that the strings are not.
func TestDecodeAliases(t *testing.T) {
	b := gram('d', 0, be(uint32(1), "xroot/ann.7:42@h\n/path"))
	d := decode(t, b)
	user := d.Map.User()
	copy(b[12:], "XROOT/ANN.7:42@H\n/PATH")
	if got, want := string(d.Map.Rest), "/PATH"; got != want {
		t.Errorf("got rest %q, want %q", got, want)
	}
	if got, want := user.User, "ann"; got != want {
		t.Errorf("got user %q, want %q", got, want)
	}
}

func TestKindString(t *testing.T) {
	seen := map[string]bool{}
	for k := xrootd.KindNone; k <= xrootd.KindSummary; k++ {
		if s := k.String(); s == "" || s != strings.ToLower(s) || seen[s] {
			t.Errorf("kind %d is %q", k, s)
		} else {
			seen[s] = true
		}
	}
}

func TestErrorText(t *testing.T) {
	var d xrootd.Datagram
	err := d.Decode([]byte("nonsense"))
	if got, want := err.Error(), `code at byte 0: 'n' begins no datagram`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := d.Decode(gram('t', 0)); err != nil || errors.Is(err, (*xrootd.Error)(nil)) {
		t.Errorf("got error %#v, want nil", err)
	}
}
