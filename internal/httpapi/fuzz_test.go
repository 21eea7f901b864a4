package httpapi_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/collect"
	"tallystick/internal/httpapi"
	"tallystick/internal/ingest"
	"tallystick/internal/transfer"
)

func seeds(f *testing.F, more ...string) {
	f.Helper()
	good := message("a:1", []byte("x"))
	for _, s := range append(more,
		"", good, good+good, good+"\n"+good, "["+good+","+good+"]", "[]", "[", "{", "}", `"`, "null", "17", "x\n"+good,
		good+"\n"+`{"a":`+"\n"+good, `{"a":"`+"\n"+good, "["+good+","+good[:9], "["+good+"]x", "[[{}]]",
		`{"data":"QQ"}{"data":1}{"remote":2}{}`, strings.Repeat("[", 100), `{"\"":"\\"}`+good, " \r\n\t"+good,
	) {
		f.Add([]byte(s))
	}
}

// wholeJSON returns the values of a body that is in one of the forms, ok whether
// it is.
func wholeJSON(body []byte) (values []json.RawMessage, ok bool) {
	if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		return values, json.Unmarshal(body, &values) == nil
	}
	for d := json.NewDecoder(bytes.NewReader(body)); ; {
		var v json.RawMessage
		switch err := d.Decode(&v); {
		case err == io.EOF:
			return values, true
		case err != nil:
			return nil, false
		}
		values = append(values, v)
	}
}

// Ensure the packets of a body do not depend on how it comes in, that each
// message is counted once, and that encoding/json finds the same ones.
func FuzzPackets(f *testing.F) {
	for _, n := range []string{"0", "00", "1", "-1", "1.5", "1e3", "1795711200123456789", "9223372036854775807", "9223372036854775808", "18446744073709551617", `"1"`, "null", "1,\"arrival_ns\":2"} {
		f.Add([]byte(`{"remote":"a:1","shoveler":"s","seq":7,"arrival_ns":` + n + `,"data":"eA=="}`))
		f.Add([]byte(`{"Arrival_NS":` + n + `,"data":"eA=="}`))
	}
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		at, bytewise := new(intake), new(intake)
		res, err := httpapi.TakePackets(bytes.NewReader(body), at.take)
		if err != nil {
			t.Fatal(err)
		}
		slow, err := httpapi.TakePackets(iotest.OneByteReader(bytes.NewReader(body)), bytewise.take)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(res, slow) + cmp.Diff(at.packets, bytewise.packets); diff != "" {
			t.Errorf("byte by byte it is another result (+):\n%s", diff)
		}
		if res.Accepted != len(at.packets) || len(res.Errors) != min(res.Rejected, ingest.MaxErrors) {
			t.Errorf("got %+v and %d packets", res, len(at.packets))
		}
		for i := 1; i < len(res.Errors); i++ {
			if res.Errors[i].Index <= res.Errors[i-1].Index {
				t.Errorf("the errors are not in order: %+v", res.Errors)
			}
		}
		if values, ok := wholeJSON(body); ok && objects(values) {
			if res.Accepted+res.Rejected != len(values) {
				t.Errorf("got %+v of %d messages", res, len(values))
			}
			if diff := cmp.Diff(wanted(values), at.packets); diff != "" {
				t.Errorf("encoding/json finds others (-):\n%s", diff)
			}
		}
	})
}

// objects reports whether all values are what a bodies' messages should be: where
// scalars stand one behind the other, messages and encoding/json differ.
func objects(values []json.RawMessage) bool {
	for _, v := range values {
		if v[0] != '{' {
			return false
		}
	}
	return true
}

func wanted(values []json.RawMessage) []collect.Packet {
	var out []collect.Packet
	for _, v := range values {
		var p struct {
			Remote  string
			Data    []byte
			Arrival int64 `json:"arrival_ns"`
		}
		if json.Unmarshal(v, &p) == nil && len(p.Data) > 0 && p.Arrival >= 0 && p.Remote != "bad" && p.Remote != "full" {
			out = append(out, collect.Packet{Remote: p.Remote, Data: p.Data, Arrival: p.Arrival})
		}
	}
	return out
}

// Ensure the same of claims: what is taken is what encoding/json reads strictly.
func FuzzClaims(f *testing.F) {
	claim, err := json.Marshal(transfer.Claim{Run: "r", ID: "1", Server: "s:1", Path: "/a", Opened: 1.5, Outcome: transfer.OK})
	if err != nil {
		f.Fatal(err)
	}
	seeds(f, string(claim), "["+string(claim)+`,{"x":1}]`, `{"opened":"1"}`, `{"asked":{"read":1.5}}`)
	f.Fuzz(func(t *testing.T, body []byte) {
		take := func(r io.Reader) (ingest.Result, []*transfer.Claim) {
			var got []*transfer.Claim
			res, err := httpapi.TakeClaims(r, func(cs []*transfer.Claim) ingest.Result {
				got = append(got, cs...)
				return ingest.Result{Accepted: len(cs)}
			})
			if err != nil {
				t.Fatal(err)
			}
			return res, got
		}
		res, got := take(bytes.NewReader(body))
		slow, same := take(iotest.OneByteReader(bytes.NewReader(body)))
		if diff := cmp.Diff(res, slow) + cmp.Diff(got, same); diff != "" {
			t.Errorf("byte by byte it is another result (+):\n%s", diff)
		}
		values, ok := wholeJSON(body)
		if !ok || !objects(values) {
			return
		}
		var want []*transfer.Claim
		for _, v := range values {
			d := json.NewDecoder(bytes.NewReader(v))
			d.DisallowUnknownFields()
			c := new(transfer.Claim)
			if d.Decode(c) == nil {
				want = append(want, c)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || res.Accepted+res.Rejected != len(values) {
			t.Errorf("got %+v of %d claims; encoding/json finds others (-):\n%s", res, len(values), diff)
		}
	})
}

// Ensure whole takes whole lines only, and some if there are any.
func FuzzWhole(f *testing.F) {
	for _, s := range []string{"", "a\n", "a\nb", "a \"x\ny\"\nb", `\"` + "\n", "\"\n\"\n", "\n\n\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got := httpapi.Whole(b)
		if !bytes.HasPrefix(b, got) || len(got) > 0 && got[len(got)-1] != '\n' || (len(got) == 0) != (bytes.IndexByte(b, '\n') < 0) {
			t.Errorf("%q: got %q", b, got)
		}
	})
}

// Ensure taking a packet costs its data and nothing else.
func TestPacketsAllocate(t *testing.T) {
	const n = 1000
	taken := func([]collect.Packet) ingest.Result { return ingest.Result{} }
	for _, more := range []string{"", `"arrival_ns":1795711200123456789,"shoveler":"edge-1","seq":42,`} {
		one := strings.Replace(message("192.0.2.1:1094", make([]byte, 1400)), "{", "{"+more, 1)
		body := strings.Repeat(one+"\n", n)
		got := testing.AllocsPerRun(5, func() {
			if _, err := httpapi.TakePackets(strings.NewReader(body), taken); err != nil {
				t.Fatal(err)
			}
		})
		if perPacket := got / n; perPacket > 1.5 {
			t.Errorf("%s: got %.1f allocations per packet, want at most 1.5", more, perPacket)
		}
	}
}

func BenchmarkPackets(b *testing.B) {
	body := strings.Repeat(message("192.0.2.1:1094", make([]byte, 1400))+"\n", 1000)
	taken := func([]collect.Packet) ingest.Result { return ingest.Result{} }
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := httpapi.TakePackets(strings.NewReader(body), taken); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLines(b *testing.B) {
	body := strings.Repeat("load_one,cluster=c,hostname=node0001 value=1.5 1700000000\n", 100_000)
	taken := func([]byte) ingest.Result { return ingest.Result{} }
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := httpapi.TakeLines(strings.NewReader(body), taken); err != nil {
			b.Fatal(err)
		}
	}
}
