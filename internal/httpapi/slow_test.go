package httpapi_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"tallystick/internal/auth"
	"tallystick/internal/httpapi"
)

// Ensure a sender that stops in the middle is told what was taken and never that
// all was, and that nobody waits for it meanwhile.
func TestLinesStall(t *testing.T) {
	s := newServer(t, httpapi.Config{Stall: 300 * time.Millisecond})
	conn, err := net.Dial("tcp", s.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /api/v1/write HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 10000\r\n\r\na b=1\nc d=2\ne f=", s.token(auth.Writer))
	begin := time.Now()
	for range 20 {
		if got := s.post("/api/v1/write", "other b=1\n"); got.status != http.StatusNoContent {
			t.Errorf("another sender: got %d %s", got.status, got.body)
		}
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("others took %v", took)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	f := new(fault)
	if err := json.NewDecoder(res.Body).Decode(f); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusBadRequest || f.Accepted != 2 || f.Rejected != 1 || f.Errors[0].Reason != "body" || f.Errors[0].Line != 3 {
		t.Errorf("got %d %+v", res.StatusCode, f)
	}
	if len(f.Errors) > 0 && !strings.Contains(f.Errors[0].Text, "nothing came for longer than http.stall") {
		t.Errorf("got the text %q", f.Errors[0].Text)
	}
	if n := strings.Count(strings.Join(s.intake.lines, "\n"), "other"); n != 20 || len(s.intake.lines) != 22 {
		t.Errorf("%d lines are taken, %d of them others'", len(s.intake.lines), n)
	}
}

// Ensure a body that comes in chunks and breaks off between two of them is not
// taken for whole.
func TestLinesCutChunks(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	conn, err := net.Dial("tcp", s.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /write HTTP/1.1\r\nHost: x\r\nAuthorization: Token %s\r\nTransfer-Encoding: chunked\r\n\r\n6\r\na b=1\n\r\n6\r\nc d=2\n\r\n", s.token(auth.Writer))
	conn.(*net.TCPConn).CloseWrite()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if want := "partial write: some of it could not be taken: 2 taken, 1 refused; first line 3:0: body: "; err != nil ||
		res.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), want) {
		t.Errorf("got %d %s, %v, want %q", res.StatusCode, body, err, want)
	}
}

// Ensure names in the URL are decoded.
func TestLinesClusterInURL(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	s.post("/api/v1/write?cluster=a%20b%26c", "a b=1\n")
	if got := s.intake.options.Cluster; got != "a b&c" {
		t.Errorf("got %q, want %q", got, "a b&c")
	}
}
