package xrootd_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"tallystick/internal/capture"
	"tallystick/internal/xrootd"
)

// TestDecodeSummaryCapture has the last report of a real server. That link/out
// is 114,832,014 stands in XROOTD.md section 4.4 as well.
func TestDecodeSummaryCapture(t *testing.T) {
	c, err := capture.Load(os.DirFS(captures), "s01_full_reads")
	if err != nil {
		t.Fatal(err)
	}
	s := decode(t, c.Packets[len(c.Packets)-1].Data).Summary
	for path, want := range map[string]float64{
		"link/in": 6224, "link/out": 114832014, "link/tot": 15, "xrootd/ops/open": 24, "xrootd/ops/rd": 76,
		"xrootd/lgn/au": 14, "proc/usr/u": 56077, "oss/paths": 1, "oss/paths/0/free": 72823492, "info/port": 21094,
	} {
		if got, ok := s.Counters[path]; !ok || got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	for path := range s.Counters {
		if strings.HasSuffix(path, "lp") || strings.HasSuffix(path, "name") || path == "" {
			t.Errorf("%q is a counter", path)
		}
	}
	s.Counters = nil
	wantEqual(t, s, xrootd.Summary{
		Source: "vm:21094", Site: "SITE_S0", Program: "xrootd", Instance: "s0", Version: "v5.5.3",
		PID: 982, Started: 1795324696, Sent: 1795324706,
	})
}

func TestDecodeSummary(t *testing.T) {
	f := func(text string, want map[string]float64) {
		t.Helper()
		wantEqual(t, decode(t, []byte(text)).Summary.Counters, want)
	}
	const open, end = `<statistics tod="1">`, `</statistics>`
	f(open+`<stats id="cache" type="pfc"><hits>0></hits><miss>2</miss></stats>`+end, map[string]float64{"cache/hits": 0, "cache/miss": 2})
	f(open+`<stats id="oss"><paths>2<stats id="0"><lp>"/a&b"</lp><tot>1</tot></stats><stats id="1"><tot>2</tot></stats></paths></stats>`+end,
		map[string]float64{"oss/paths": 2, "oss/paths/0/tot": 1, "oss/paths/1/tot": 2})
	f(open+`<stats id="x"><a>-1.5e3</a><b>NaN</b><c>Inf</c><d></d><e/><f>1e999</f><g>7 8</g></stats>`+end, map[string]float64{"x/a": -1500})
	f(open+"\n <stats id=\"link\">\n  <num> 1 </num>\n </stats>\n"+end+"\x00", map[string]float64{"link/num": 1})
	f(`<?xml version="1.0"?>`+open+`<!-- none -->`+end, map[string]float64{})

	// 6.x: Xrd/XrdStats.cc prints the head, Xrd/XrdMonitor.cc the sets.
	f(`{"statistics":{"tod":1,"ver":"v6","src":"h:1","tos":2,"pgm":"xrootd","ins":"i","pid":3,"site":"S",`+
		`"stats_http":{"get":5,"codes":[200,{"n":6}],"name":"x","in":{"out":7.5}}}}`,
		map[string]float64{"http/get": 5, "http/codes/0": 200, "http/codes/1/n": 6, "http/in/out": 7.5})

	s := decode(t, []byte(`{"statistics":{"tod":1,"ver":"v6","src":"h:1","tos":2,"pgm":"xrootd","ins":"i","pid":3,"site":"S"}}`)).Summary
	s.Counters = nil
	wantEqual(t, s, xrootd.Summary{Source: "h:1", Site: "S", Program: "xrootd", Instance: "i", Version: "v6", PID: 3, Started: 2, Sent: 1})
}

// TestDecodeSummaryBreaks breaks a summary after one counter, which must stay:
// a server whose buffer is full sends the document without its end.
func TestDecodeSummaryBreaks(t *testing.T) {
	f := func(reason, good, bad string) {
		t.Helper()
		var d xrootd.Datagram
		err := d.Decode([]byte(good + bad))
		wantError(t, err, reason, len(good+bad))
		if d.Kind != xrootd.KindSummary || d.Summary.Counters["link/num"] != 1 {
			t.Errorf("got kind %v with %v, want what came before the fault", d.Kind, d.Summary.Counters)
		}
	}
	f(xrootd.ReasonXML, `<statistics tos="1"><stats id="link"><num>1</num>`, `<max`)
	f(xrootd.ReasonXML, `<statistics tos="1"><stats id="link"><num>1</num>`, ``)
	f(xrootd.ReasonJSON, `{"statistics":{"stats_link":{"num":1,`, ``)
	f(xrootd.ReasonJSON, `{"statistics":{"stats_link":{"num":1}`, ``)
}

func TestDecodeSummaryLimits(t *testing.T) {
	f := func(text string, most int) {
		t.Helper()
		var d xrootd.Datagram
		err := d.Decode([]byte(text))
		if e := new(xrootd.Error); err == nil || !asError(err, &e) || e.Reason != xrootd.ReasonLimit {
			t.Errorf("got error %v, want one of reason limit", err)
		}
		if got := len(d.Summary.Counters); got > most {
			t.Errorf("%d counters, want at most %d", got, most)
		}
	}
	var many, deep, long strings.Builder
	many.WriteString("<statistics>")
	for i := range 4500 {
		fmt.Fprintf(&many, "<a%d>1</a>", i)
	}
	f(many.String(), 4096)
	f("<statistics>"+strings.Repeat("<a>", 100), 0)
	f(`{"statistics":`+strings.Repeat("[", 100), 0)
	deep.WriteString("<statistics><" + strings.Repeat("a", 300) + ">")
	f(deep.String(), 0)
	long.WriteString(`{"statistics":{"` + strings.Repeat("a", 300) + `":1}}`)
	f(long.String(), 0)
}
