package httpapi_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/auth"
	"tallystick/internal/collect"
	"tallystick/internal/httpapi"
	"tallystick/internal/ingest"
)

func message(remote string, data []byte) string {
	return fmt.Sprintf(`{"remote":%q,"version":"1.2","data":%q}`, remote, base64.StdEncoding.EncodeToString(data))
}

// Ensure each form of a body gives the same messages.
func TestPacketsForms(t *testing.T) {
	one, two := message("192.0.2.1:1", []byte("one")), message("[::1]:2", []byte{0, 255, 10})
	f := func(body string) {
		t.Helper()
		s := newServer(t, httpapi.Config{})
		got := s.post("/api/v1/packets", body)
		want := &ingest.Result{Accepted: 2}
		if diff := cmp.Diff(want, unmarshal[ingest.Result](s, got)); got.status != http.StatusOK || diff != "" {
			t.Errorf("%q: %d, %s", body, got.status, diff)
		}
		if p := s.intake.packets; len(p) != 2 || p[0].Remote != "192.0.2.1:1" || string(p[0].Data) != "one" ||
			p[1].Remote != "[::1]:2" || string(p[1].Data) != "\x00\xff\n" {
			t.Errorf("%q gave %+v", body, p)
		}
	}
	f(one + two)
	f(one + "\n" + two)
	f(one + "\r\n\r\n" + two + "\n")
	f("[" + one + "," + two + "]")
	f(" \n[\n" + one + "\n,\n" + two + "\n]\n ")
	f(strings.ReplaceAll(one, ",", ",\n  ") + two)                                    // over several lines
	f(one[:len(one)-1] + `,"seq":{"a":[1,{"b":"}\"]"}]},"tags":[]}` + two)            // keys of a later sender
	f(`{"data":"b25l","remote":"x","remote":"192.0.2.1:1"}` + strings.TrimSpace(two)) // the last one counts
}

// Ensure a bad message harms only itself.
func TestPacketsRejects(t *testing.T) {
	good := message("a:1", []byte("x"))
	f := func(body string, accepted int, want ...ingest.Reject) {
		t.Helper()
		res, err := httpapi.TakePackets(strings.NewReader(body), new(intake).take)
		for i := range res.Errors {
			res.Errors[i].Text = ""
		}
		wanted := ingest.Result{Accepted: accepted, Rejected: len(want), Errors: want}
		if diff := cmp.Diff(wanted, res); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got)\n%s", body, err, diff)
		}
	}
	bad := func(index int, reason string) ingest.Reject { return ingest.Reject{Index: index, Reason: reason} }
	f("", 0)
	f(" \n", 0)
	f("[]", 0)
	f(`{}`+good, 1, bad(0, "data"))
	f(good+`{"remote":"b:2"}`+good, 2, bad(1, "data"))
	f(`{"data":""}`+good, 1, bad(0, "data"))
	f(`{"data":"?"}`+good, 1, bad(0, "data"))
	f(`{"data":"QQ"}`+good, 1, bad(0, "data")) // no padding
	f(`{"data":1}`+good, 1, bad(0, "field"))
	f(`{"remote":{},"data":"QQ=="}`+good, 1, bad(0, "field"))
	f("null\n"+good, 1, bad(0, "data"))
	f("17\n"+good, 1, bad(0, "field"))
	f(`"x"`+"\n"+good, 1, bad(0, "field"))
	f(`[`+good+`,17,[],"x, y",`+good+`]`, 2, bad(1, "field"), bad(2, "field"), bad(3, "field"))
	f(good+"\n["+good+"]\n"+good, 2, bad(1, "field"))
	f("garbage\n"+good, 1, bad(0, "syntax"))
	f("garbage", 0, bad(0, "syntax"))
	f("}\n"+good, 1, bad(0, "syntax"))
	f(`{"remote":`+"\n"+good, 1, bad(0, "syntax"))
	f(`{"remote":"a`+"\n"+good, 1, bad(0, "syntax"))
	f("{\n  \"remote\": x,\n  \"data\": \"QQ==\"\n}\n"+good, 1, bad(0, "syntax"))
	f(good+good[:len(good)-1], 1, bad(1, "syntax"))
	f("["+good+","+good[:9], 1, bad(1, "syntax"))
	f("["+good, 1, bad(1, "syntax"))
	f("["+good+" "+good+"]", 1, bad(1, "syntax"))
	f("["+good+"] x", 1, bad(1, "syntax"))
	f("["+good+`,{"a":x},`+good+"]", 1, bad(1, "syntax")) // nothing in an array can be trusted after that
	f(good+"\n"+message("bad", []byte("x"))+"\n"+good, 2, bad(1, "bad"))
	f(`{}`+message("bad", []byte("x"))+good+`{}`, 1, bad(0, "data"), bad(1, "bad"), bad(3, "data"))
}

func (i *intake) take(ps []collect.Packet) ingest.Result { return i.Packets(context.Background(), ps) }

// Ensure a message may have maxMessage bytes, whatever is around it, and one that
// has more is refused without being held.
func TestPacketsTooLong(t *testing.T) {
	good := message("a:1", []byte("x"))
	sized := func(n int) string {
		m := message("a:1", nil)
		return m[:len(m)-2] + "QUJD" + `","pad":"` + strings.Repeat("x", n-len(m)-len(`QUJD`)-len(`,"pad":""`)) + `"}`
	}
	f := func(body string, accepted, rejected int) {
		t.Helper()
		res, err := httpapi.TakePackets(strings.NewReader(body), new(intake).take)
		if err != nil || res.Accepted != accepted || res.Rejected != rejected {
			t.Errorf("%.40q…: got %+v, %v, want %d accepted, %d rejected", body, res, err, accepted, rejected)
		}
	}
	if n := len(sized(httpapi.MaxMessage)); n != httpapi.MaxMessage {
		t.Fatalf("the message has %d bytes", n)
	}
	f(sized(httpapi.MaxMessage), 1, 0)
	f(good+"\n"+sized(httpapi.MaxMessage)+"\n"+good, 3, 0)
	f(sized(httpapi.MaxMessage+1), 0, 1)
	f(good+"\n"+sized(httpapi.MaxMessage+1)+"\n"+good, 2, 1)
	f(good+"\n"+sized(10*httpapi.MaxMessage)+"\n"+good, 2, 1)
	f("["+good+","+sized(10*httpapi.MaxMessage)+","+good+"]", 1, 1)
	f(strings.Repeat("\n", 3*httpapi.MaxMessage)+good, 1, 0)
	f(strings.Repeat("{\"a\":\n", 100_000)+"\n"+good, 0, 1001) // reading anew has an end
}

// Ensure what breaks off says exactly what was taken.
func TestPacketsBodyBreaks(t *testing.T) {
	good := message("a:1", []byte("x")) + "\n"
	t.Run("limit", func(t *testing.T) {
		s := newServer(t, httpapi.Config{MaxBody: 1000})
		want := 1000 / len(good)
		body := strings.Repeat(good, want+5)
		got := s.do(asked{method: http.MethodPost, path: "/api/v1/packets", body: struct{ io.Reader }{strings.NewReader(body)}})
		f := s.wantError(got, http.StatusRequestEntityTooLarge, "too_large", "")
		if f.Accepted != want || len(s.intake.packets) != want || f.Rejected != 1 || f.Errors[0].Index != want {
			t.Errorf("got %+v, and %d packets, want %d", f.Result, len(s.intake.packets), want)
		}
		// A body that tells its length is not begun.
		f = s.wantError(s.post("/api/v1/packets", body), http.StatusRequestEntityTooLarge, "too_large", "")
		if f.Accepted != 0 || len(s.intake.packets) != want {
			t.Errorf("got %+v, and %d packets, want no more", f.Result, len(s.intake.packets))
		}
	})
	t.Run("cut", func(t *testing.T) {
		s := newServer(t, httpapi.Config{})
		conn, err := net.Dial("tcp", s.http.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /api/v1/packets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 10000\r\n\r\n%s%s",
			s.token(auth.Writer), strings.Repeat(good, 3), good[:10])
		conn.(*net.TCPConn).CloseWrite()
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		f := new(fault)
		if err := json.NewDecoder(res.Body).Decode(f); err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != http.StatusBadRequest || f.Accepted != 3 || f.Rejected != 1 ||
			f.Errors[0].Index != 3 || f.Errors[0].Reason != "body" || f.Error.Code != "bad_request" {
			t.Errorf("got %d %+v", res.StatusCode, f)
		}
	})
}

func gzipped(t *testing.T, body string) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, body); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

// Ensure a packed body is unpacked, up to the limit, and others are refused.
func TestContentEncoding(t *testing.T) {
	good := message("a:1", []byte("x")) + "\n"
	s := newServer(t, httpapi.Config{MaxBody: 10_000})
	post := func(encoding string, body io.Reader) told {
		return s.do(asked{
			method: http.MethodPost, path: "/api/v1/packets", body: body,
			header: map[string]string{"Content-Encoding": encoding},
		})
	}
	if got := post("gzip", gzipped(t, good+good)); got.status != http.StatusOK || len(s.intake.packets) != 2 {
		t.Errorf("gzip: got %d %s", got.status, got.body)
	}
	s.intake.packets = nil
	f := s.wantError(post("gzip", gzipped(t, strings.Repeat(good, 1000))), http.StatusRequestEntityTooLarge, "too_large", "")
	if want := 10_000 / len(good); f.Accepted != want || len(s.intake.packets) != want {
		t.Errorf("a body that unpacks to too much: accepted %d, took %d, want %d", f.Accepted, len(s.intake.packets), want)
	}
	s.intake.packets = nil
	short := gzipped(t, strings.Repeat(good, 10))
	short.Truncate(short.Len() - 6)
	f = s.wantError(post("gzip", short), http.StatusBadRequest, "bad_request", "")
	if f.Accepted != len(s.intake.packets) {
		t.Errorf("a cut gzip: accepted %d, took %d", f.Accepted, len(s.intake.packets))
	}
	s.wantError(post("gzip", strings.NewReader(good)), http.StatusBadRequest, "bad_request", "")
	s.wantError(post("br", strings.NewReader(good)), http.StatusUnsupportedMediaType, "unsupported_media_type", "Content-Encoding")
}

// Ensure an answer has the status that tells a sender what to do.
func TestIngestStatus(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	good, bad, full := message("a", []byte("x")), message("bad", []byte("x")), message("full", []byte("x"))
	f := func(path, body string, status, accepted, rejected int) {
		t.Helper()
		got := s.post(path, body)
		f := unmarshal[fault](s, got)
		if got.status != status || f.Accepted != accepted || f.Rejected != rejected {
			t.Errorf("%s %q: got %d %s, want %d, %d accepted, %d rejected", path, body, got.status, got.body, status, accepted, rejected)
		}
		if retry := got.header.Get("Retry-After"); (retry != "") != (status == http.StatusServiceUnavailable) {
			t.Errorf("%s %q: %d with Retry-After %q", path, body, status, retry)
		}
	}
	f("/api/v1/packets", good+good, 200, 2, 0)
	f("/api/v1/packets", good+bad, 200, 1, 1)
	f("/api/v1/packets", bad+bad+"{}", 400, 0, 3)
	f("/api/v1/packets", "[]", 200, 0, 0)
	f("/api/v1/packets", "", 400, 0, 0)
	f("/api/v1/packets", "\n", 400, 0, 0)
	f("/api/v1/claims", "[]", 200, 0, 0)
	f("/api/v1/claims", "", 400, 0, 0)
	f("/api/v1/packets", good+full+good, 503, 2, 1)
	f("/api/v1/packets", full, 503, 0, 1)
	f("/api/v1/claims", `[{"user":"a"},{"user":"bad"}]`, 200, 1, 1)
	f("/api/v1/claims", `{"user":"full"}`, 503, 0, 1)
	f("/api/v1/write", "a b=1\nbad\n", 200, 1, 1)
	f("/api/v1/write", "bad\n\nbad", 400, 0, 2)
	f("/api/v1/write", "a\nfull\nb\n", 503, 2, 1)
}

// Ensure lines that are all taken need no words.
func TestLinesAllTaken(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	for _, body := range []string{"", "\n", "a b=1\nc b=2\n"} {
		if got := s.post("/api/v1/write?fields=all", body); got.status != http.StatusNoContent || got.body != "" {
			t.Errorf("%q: got %d %q, want 204", body, got.status, got.body)
		}
	}
	if got := s.intake.options.Fields; got != ingest.AllFields {
		t.Errorf("got fields %q, want all", got)
	}
}

// Ensure a key that a claim does not have is told, and harms only its claim.
func TestClaimsAreStrict(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	got := s.post("/api/v1/claims", `[
		{"run":"r","id":"1","server":"s:1","path":"/a","opened":5.5,"outcome":"ok","asked":{"read":9007199254740993}},
		{"run":"r","id":"2","got":{"read":1}},
		{"run":"r","id":"3","asked":{"bytes":1}},
		{"run":"r","id":4},
		{"run":"r","id":"5","asked":{"read":1.5}},
		{"run":"r","id":"6"}]`)
	res := unmarshal[ingest.Result](s, got)
	want := &ingest.Result{Accepted: 2, Rejected: 4, Errors: []ingest.Reject{
		{Index: 1, Reason: "field", Text: `unknown field "got"`},
		{Index: 2, Reason: "field", Text: `unknown field "bytes"`},
		{Index: 3, Reason: "field", Text: "id cannot be a number"},
		{Index: 4, Reason: "field", Text: "asked.read cannot be a number 1.5"},
	}}
	if diff := cmp.Diff(want, res); got.status != http.StatusOK || diff != "" {
		t.Errorf("%d, (-want +got)\n%s", got.status, diff)
	}
	if c := s.intake.claims; len(c) != 2 || c[0].Asked.Read != 9007199254740993 || c[1].ID != "6" {
		t.Errorf("got %+v", c)
	}
}

// Ensure lines are given on whole, and the places of rejects are those in the body.
func TestLines(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	got := s.post("/api/v1/write?cluster=c&precision=ms", "a b=1\nbad\n")
	if want := (ingest.LineOptions{Cluster: "c", Precision: "ms"}); s.intake.options != want {
		t.Errorf("got %+v, want %+v", s.intake.options, want)
	}
	want := &ingest.Result{Accepted: 1, Rejected: 1, Errors: []ingest.Reject{{Index: 1, Line: 2, Reason: "bad", Text: "it says so"}}}
	if diff := cmp.Diff(want, unmarshal[ingest.Result](s, got)); diff != "" {
		t.Error(diff)
	}
}

// Ensure a body of many windows is given on in pieces that end where lines end.
func TestLinesInPieces(t *testing.T) {
	var body strings.Builder
	var want []string
	var rejects []ingest.Reject
	for n, line := 0, 0; body.Len() < 3<<20; n++ {
		text := fmt.Sprintf(`m%d,hostname=h s="a\"b",value=%d`, n, n*n)
		if n%1000 == 7 {
			body.WriteString("\n") // counts as a line, not as an input
			line++
		}
		line++
		if n%5000 == 4999 {
			text = "bad"
			rejects = append(rejects, ingest.Reject{Index: n, Line: line, Reason: "bad", Text: "it says so"})
		} else {
			want = append(want, text)
		}
		body.WriteString(text + "\n")
	}
	in := new(intake)
	res, err := httpapi.TakeLines(strings.NewReader(strings.TrimSuffix(body.String(), "\n")), in.takeLines)
	if err != nil || res.Accepted != len(want) || in.chunks < 10 {
		t.Errorf("accepted %d in %d pieces, %v, want %d", res.Accepted, in.chunks, err, len(want))
	}
	if !slices.Equal(in.lines, want) {
		t.Error("the lines are not those of the body")
	}
	if diff := cmp.Diff(rejects, res.Errors); diff != "" {
		t.Error(diff)
	}
}

func (i *intake) takeLines(b []byte) ingest.Result {
	return i.Lines(context.Background(), b, ingest.LineOptions{})
}

// Ensure a line that no window holds is refused with its number, and those after
// it are taken.
func TestLineTooLong(t *testing.T) {
	in := new(intake)
	body := "a\nb " + strings.Repeat("x", 3*httpapi.MaxMessage) + "\nc\n"
	res, err := httpapi.TakeLines(strings.NewReader(body), in.takeLines)
	want := ingest.Result{Accepted: 2, Rejected: 1, Errors: []ingest.Reject{
		{Index: 1, Line: 2, Reason: "too-long", Text: "it is longer than 256 KiB"},
	}}
	if diff := cmp.Diff(want, res); err != nil || diff != "" || !slices.Equal(in.lines, []string{"a", "c"}) {
		t.Errorf("%v, %q %s", err, in.lines, diff)
	}
}

// Ensure a newline in quotes does not cut a line, and quotes that are not closed
// hold nothing up.
func TestWhole(t *testing.T) {
	f := func(body, want string) {
		t.Helper()
		if got := httpapi.Whole([]byte(body)); string(got) != want {
			t.Errorf("%q: got %q, want %q", body, got, want)
		}
	}
	f("", "")
	f("a", "")
	f("a\nb", "a\n")
	f("a\nb\n", "a\nb\n")
	f("a\nb s=\"x\ny", "a\n")
	f("a\nb s=\"x\ny\"\nc", "a\nb s=\"x\ny\"\n")
	f(`a s="\"`+"\n", `a s="\"`+"\n") // all there is
	f("a\nb s=\"\\\"\ny", "a\n")
	f("a s=\"x\nb\nc", "a s=\"x\nb\n")
}

// Ensure a body is taken while it comes, batch by batch.
func TestBodyIsTakenWhileItComes(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	s.intake.took = make(chan int)
	r, w := io.Pipe()
	answered := make(chan told, 1)
	go func() { answered <- s.do(asked{method: http.MethodPost, path: "/api/v1/packets", body: r}) }()
	good := message("a:1", []byte("x"))
	go func() {
		io.WriteString(w, strings.Repeat(good, httpapi.MaxBatch))
		// No sender has to wait for the rest of another batch: more has to come.
		io.WriteString(w, strings.Repeat(" ", 64<<10))
	}()
	if n := <-s.intake.took; n != httpapi.MaxBatch {
		t.Errorf("got a batch of %d, want %d", n, httpapi.MaxBatch)
	}
	go func() {
		for range 20 {
			io.WriteString(w, message("b:1", make([]byte, 100_000))+"\n")
		}
		w.Close()
	}()
	sum := 0
	for sum < 20 {
		n := <-s.intake.took
		if limit := httpapi.MaxBatchBytes/133_000 + 1; n > limit {
			t.Errorf("got a batch of %d packets of 100 kB, want at most %d", n, limit)
		}
		sum += n
	}
	if got := <-answered; got.status != http.StatusOK {
		t.Errorf("got %d %s", got.status, got.body)
	}
}
