package xrootd_test

import (
	"bytes"
	"errors"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tallystick/internal/xrootd"
)

// seed adds the datagrams of the captures that begin with one of those bytes, up
// to forty of each capture.
func seed(f *testing.F, first string) {
	f.Helper()
	for _, c := range loadAll(f) {
		n := 0
		for _, p := range c.Packets {
			if bytes.ContainsAny(p.Data[:1], first) && n < 40 {
				f.Add(p.Data)
				n++
			}
		}
	}
}

// check decodes b and checks what must hold of any bytes.
func check(t *testing.T, b []byte) *xrootd.Datagram {
	t.Helper()
	before := bytes.Clone(b)
	var d xrootd.Datagram
	err := d.Decode(b)
	if !bytes.Equal(b, before) {
		t.Errorf("decoding changed the datagram")
	}
	var e *xrootd.Error
	switch {
	case err == nil && d.Kind == xrootd.KindNone:
		t.Errorf("neither kind nor error")
	case err != nil && !errors.As(err, &e):
		t.Errorf("error %T", err)
	case e != nil && (e.Reason == "" || e.Detail == "" || e.Offset < 0 || e.Offset > len(b)):
		t.Errorf("error %+v of %d bytes", e, len(b))
	}
	checkSizes(t, &d, b)
	checkShift(t, b)

	// Once more into a used value, which must be the same.
	again := d
	if err2 := again.Decode(b); (err == nil) != (err2 == nil) || !cmp.Equal(&d, &again, cmpopts.EquateEmpty(), cmpopts.EquateNaNs()) {
		t.Errorf("decoded again it is another: %v, %v", err, err2)
	}
	return &d
}

// checkSizes checks that nothing grew beyond the bytes it came from, and that
// the slices are parts of them.
func checkSizes(t *testing.T, d *xrootd.Datagram, b []byte) {
	t.Helper()
	for name, n := range map[string]int{
		"file": 8 * (len(d.File.Records) + d.File.Unknown), "trace": 16 * len(d.Trace.Entries),
		"redirect": 8 * len(d.Redirect.Entries), "gstream": len(d.GStream.Records), "summary": 2 * len(d.Summary.Counters),
	} {
		if n > len(b) {
			t.Errorf("%s has %d bytes of %d", name, n, len(b))
		}
	}
	for _, r := range d.File.Records {
		inside(t, b, r.LFN)
	}
	for _, r := range d.Redirect.Entries {
		inside(t, b, r.Host, r.Path)
	}
	for i := range d.Trace.Entries {
		inside(t, b, d.Trace.Entries[i][:])
	}
	for _, e := range tracedOf(&d.Trace) {
		inside(t, b, e.App)
		if e.Len < 0 && e.Type == xrootd.TraceRead {
			t.Errorf("a request of %d bytes", e.Len)
		}
	}
	inside(t, b, d.GStream.Records...)
	if !d.Header.Text {
		inside(t, b, d.Map.RawUser, d.Map.Rest)
	}
}

// inside checks that the parts are parts of b.
func inside(t *testing.T, b []byte, parts ...[]byte) {
	t.Helper()
	for _, p := range parts {
		if len(p) == 0 {
			continue
		}
		from := uintptr(unsafe.Pointer(unsafe.SliceData(p))) - uintptr(unsafe.Pointer(unsafe.SliceData(b)))
		if from > uintptr(len(b)) || from+uintptr(len(p)) > uintptr(len(b)) {
			t.Errorf("%q is no part of the datagram", p)
		}
	}
}

// checkShift checks that there and back is where it began, and that a refusal
// changes nothing.
func checkShift(t *testing.T, b []byte) {
	t.Helper()
	for _, by := range []int64{1, 86400 * 365, -1_000_000_000} {
		moved := bytes.Clone(b)
		if err := xrootd.Shift(moved, by); err != nil {
			if !bytes.Equal(moved, b) {
				t.Errorf("a refused shift changed the datagram: %v", err)
			}
			continue
		}
		if err := xrootd.Shift(moved, -by); err != nil || !bytes.Equal(moved, b) {
			t.Errorf("shifted by %d and back it is another: %v", by, err)
		}
	}
}

func FuzzMap(f *testing.F) {
	seed(f, "=dipuxTU")
	f.Fuzz(func(t *testing.T, b []byte) {
		d := check(t, b)
		if d.Kind != xrootd.KindMap {
			return
		}
		xrootd.ParseLogin(d.Map.Rest)
		for _, err := range parseAll(d.Map.Rest) {
			var e *xrootd.Error
			if err != nil && (!errors.As(err, &e) || e.Offset > len(d.Map.Rest)) {
				t.Errorf("error %v of %d bytes", err, len(d.Map.Rest))
			}
		}
	})
}

func parseAll(rest []byte) []error {
	_, err1 := xrootd.ParseIdent(rest)
	_, err2 := xrootd.ParseFlow(rest)
	_, err3 := xrootd.ParseToken(rest)
	_, err4 := xrootd.ParsePurge(rest)
	_, err5 := xrootd.ParseStage(rest)
	return []error{err1, err2, err3, err4, err5}
}

func FuzzFile(f *testing.F) {
	seed(f, "f")
	f.Fuzz(func(t *testing.T, b []byte) { check(t, b) })
}

func FuzzTrace(f *testing.F) {
	seed(f, "t")
	f.Fuzz(func(t *testing.T, b []byte) { check(t, b) })
}

func FuzzRedirect(f *testing.F) {
	f.Add(gram('r', 0, redirectHead, be(uint32(60), uint32(stod)), slot(0x85, 1094, 7, "h:/f"), slot(0x96, 1, 2, "[::1]:/g")))
	f.Fuzz(func(t *testing.T, b []byte) { check(t, b) })
}

func FuzzGStream(f *testing.F) {
	seed(f, "g{c")
	f.Fuzz(func(t *testing.T, b []byte) { check(t, b) })
}

func FuzzSummary(f *testing.F) {
	seed(f, "<")
	f.Add([]byte(`{"statistics":{"tod":1,"site":"S","stats_http":{"get":5,"codes":[200,{"n":6}]}}}`))
	f.Add([]byte(`<statistics><stats id="cache"><hits>0></hits></stats></statistics>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for path := range check(t, b).Summary.Counters {
			if len(path) > 256 {
				t.Errorf("a path of %d bytes", len(path))
			}
		}
	})
}

// FuzzUserID checks that a user id that could be read has all its parts, and that
// putting it together again gives one that reads the same.
func FuzzUserID(f *testing.F) {
	for _, s := range []string{
		"xroot/bob.1002:56308042893772@[::ffff:127.0.0.1]", "=/root.982:56308042893772@vm", "u24.5:1@h", "xroot/a@b:c/d.7:1@h", "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := xrootd.ParseUserID(b)
		if err != nil {
			return
		}
		if len(u.Protocol)+len(u.User)+len(u.Host) > len(b) {
			t.Errorf("%+v is longer than %q", u, b)
		}
		if len(u.ClientHost()) > len(u.Host) {
			t.Errorf("host %q becomes %q", u.Host, u.ClientHost())
		}
		again, err := xrootd.ParseUserID(userText(u))
		if err != nil && len(b) < 1000 || err == nil && again != u {
			t.Errorf("%q is %+v, and written again %+v: %v", b, u, again, err)
		}
	})
}
