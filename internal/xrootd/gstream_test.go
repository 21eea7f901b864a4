package xrootd_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"tallystick/internal/capture"
	"tallystick/internal/xrootd"
)

func records(lines ...string) [][]byte {
	var r [][]byte
	for _, l := range lines {
		r = append(r, []byte(l))
	}
	return r
}

func TestDecodeGStream(t *testing.T) {
	d := decode(t, gram('g', 1, be(uint32(stod+1), uint32(stod+2), uint64('P'<<56|0x1234_5678_9abc), "{\"a\":1}\n\n{\"b\":\x00}\n{3\x00")))
	wantEqual(t, d.GStream, xrootd.GStream{
		Provider: 'P', SID: 0x1234_5678_9abc, Begin: stod + 1, End: stod + 2,
		Records: records(`{"a":1}`, "{\"b\":\x00}", `{3`),
	})
}

func TestDecodeGStreamNoHeader(t *testing.T) {
	d := decode(t, []byte("{\"event\":\"file_close\"}\n{\"event\":\"file_close\"}\x00"))
	wantEqual(t, d.GStream, xrootd.GStream{
		Framing: xrootd.FrameNone, Records: records(`{"event":"file_close"}`, `{"event":"file_close"}`),
	})
}

func TestDecodeGStreamJSON(t *testing.T) {
	f := func(source string, want xrootd.GStream) {
		t.Helper()
		d := decode(t, fmt.Appendf(nil, `{"code":"g","pseq":  1,"stod":%d,"sid":42%s,"gs":{"type":"C","tbeg":%d,"tend":%d}}`+
			"\n{\"a\":1}\n{\"b\":2}\x00", stod, source, stod+1, stod+2))
		want.Framing, want.Provider, want.SID, want.Begin, want.End = xrootd.FrameJSON, 'C', 42, stod+1, stod+2
		want.Records = records(`{"a":1}`, `{"b":2}`)
		wantEqual(t, d.GStream, want)
		wantEqual(t, d.Header, xrootd.Header{Code: 'g', Text: true, Seq: 1, Stod: stod})
	}
	f("", xrootd.GStream{Site: []byte{}, Host: []byte{}, Instance: []byte{}})
	f(`,"src":{"site":"S","host":"h","port":1094,"inst":"i","pgm":"xrootd","ver":"v6"}`,
		xrootd.GStream{Site: []byte("S"), Host: []byte("h"), Port: 1094, Instance: []byte("i")})
}

// TestDecodeGStreamCGI has the faults of the server's print: the sid stands
// behind the digits of tend, and a newline behind the sid if no source is told.
func TestDecodeGStreamCGI(t *testing.T) {
	f := func(source string, want xrootd.GStream) {
		t.Helper()
		d := decode(t, fmt.Appendf(nil, "code=g&pseq=++1&stod=%d&sid=42%s&gs.type=C&gs.tbeg=%d&gs.tend=%d42\n{\"a\":1}\n{\"b\":2}\x00",
			stod, source, stod+1, stod+2))
		want.Framing, want.Provider, want.SID, want.Begin, want.End = xrootd.FrameCGI, 'C', 42, stod+1, stod+2
		want.Records = records(`{"a":1}`, `{"b":2}`)
		wantEqual(t, d.GStream, want)
		wantEqual(t, d.Header, xrootd.Header{Code: 'g', Text: true, Seq: 1, Stod: stod})
	}
	f("\n", xrootd.GStream{Site: []byte{}, Host: []byte{}, Instance: []byte{}})
	f("&site=S&host=h&port=1094&inst=i", xrootd.GStream{Site: []byte("S"), Host: []byte("h"), Port: 1094, Instance: []byte("i")})
}

// TestDecodeTextMaps has dictionary records in all the text forms that there are
// (XrdXrootdGSReal.cc).
func TestDecodeTextMaps(t *testing.T) {
	f := func(text string, code byte, want xrootd.Map) {
		t.Helper()
		d := decode(t, []byte(text))
		want.UserOK = true
		wantEqual(t, d.Map, want)
		wantEqual(t, d.Header, xrootd.Header{Code: code, Text: true, Seq: 5, Stod: stod})
	}
	f(`{"code":"=","pseq":5,"stod":1700000000,"sid":42,"src":{"site":"S","host":"h","port":1094,"inst":"i","pgm":"xrootd","ver":"v"}}`+"\x00",
		'=', xrootd.Map{SID: 42, Host: "h", Rest: []byte("&site=S&host=h&port=1094&inst=i&pgm=xrootd&ver=v")})
	f("code==&pseq=5&stod=1700000000&sid=42&site=S&host=h&port=1094&inst=i&pgm=xrootd&ver=v\x00",
		'=', xrootd.Map{SID: 42, Host: "h", Rest: []byte("&site=S&host=h&port=1094&inst=i&pgm=xrootd&ver=v")})
	f(`{"code":"d","pseq":5,"stod":1700000000,"sid":42,"src":{"site":"S","host":"h"},"gs":{"type":"C"},"did":9,"data":"/a"b\c"}`+"\x00",
		'd', xrootd.Map{DictID: 9, SID: 42, Host: "h", Rest: []byte(`/a"b\c`)})
	f(`{"code":"i","pseq":5,"stod":1700000000,"sid":42,"gs":{"type":"C"},"did":9,"data":"text"}`+"\x00",
		'i', xrootd.Map{DictID: 9, SID: 42, Rest: []byte("text")})
	f("code=d&pseq=5&stod=1700000000&sid=42\n&gs.type=C&did=9&data=/a&b=c\n&d",
		'd', xrootd.Map{DictID: 9, SID: 42, Rest: []byte("/a&b=c\n&d")})
}

// TestDecodeGStreamCapture has the closes of four caches, one in each framing.
func TestDecodeGStreamCapture(t *testing.T) {
	c, err := capture.Load(os.DirFS(captures), "s12_gstream")
	if err != nil {
		t.Fatal(err)
	}
	framings := map[xrootd.Framing]int{}
	for _, p := range c.Packets {
		d := decode(t, p.Data)
		if d.Kind != xrootd.KindGStream {
			continue
		}
		g := &d.GStream
		framings[g.Framing] += len(g.Records)
		for _, r := range g.Records {
			if !json.Valid(r) {
				t.Errorf("from %s: %q is not JSON", p.Remote, r)
			}
		}
		if g.Framing == xrootd.FrameNone {
			continue
		}
		if g.Begin < d.Header.Stod || g.End < g.Begin || g.End > int64(p.Time) || g.SID == 0 {
			t.Errorf("from %s: window %d to %d of sid %d, server start %d", p.Remote, g.Begin, g.End, g.SID, d.Header.Stod)
		}
	}
	for f := xrootd.FrameBinary; f <= xrootd.FrameNone; f++ {
		if framings[f] == 0 {
			t.Errorf("no records in framing %d", f)
		}
	}
}
