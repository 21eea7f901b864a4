package httpapi_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"tallystick/internal/auth"
	"tallystick/internal/httpapi"
	"tallystick/internal/query"
	"tallystick/internal/selector"
)

// A slowClient speaks HTTP/2 frame by frame, as slowly as a test wants.
type slowClient struct {
	testing.TB
	server *httptest.Server
	conn   *tls.Conn
	framer *http2.Framer
}

// slow connects to s, with so much room for each answer.
func (s *server) slow(room uint32) *slowClient {
	s.Helper()
	h := httptest.NewUnstartedServer(s.api)
	h.EnableHTTP2 = true
	h.StartTLS()
	s.Cleanup(h.Close)
	conn, err := tls.Dial("tcp", h.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	c := &slowClient{s.TB, h, conn, http2.NewFramer(conn, conn)}
	io.WriteString(conn, http2.ClientPreface)
	if err := c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: room}); err != nil {
		s.Fatal(err)
	}
	return c
}

// begin begins a request, whose body is to come if more is true.
func (c *slowClient) begin(more bool, fields ...string) {
	c.Helper()
	var head bytes.Buffer
	enc := hpack.NewEncoder(&head)
	for i := 0; i < len(fields); i += 2 {
		if err := enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}); err != nil {
			c.Fatal(err)
		}
	}
	err := c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head.Bytes(), EndStream: !more, EndHeaders: true})
	if err != nil {
		c.Fatal(err)
	}
}

// ended waits until the server has ended the stream, and returns whether it was cut.
func (c *slowClient) ended() (cut bool) {
	c.Helper()
	for {
		f, err := c.framer.ReadFrame()
		if err != nil {
			c.Fatalf("the stream is not ended: %v", err)
		}
		switch f := f.(type) {
		case *http2.RSTStreamFrame:
			return true
		case *http2.HeadersFrame:
			if f.StreamEnded() {
				return false
			}
		case *http2.DataFrame:
			if f.StreamEnded() {
				return false
			}
		}
	}
}

// Ensure a client of HTTP/2 that does not send what it has begun is told, and one that does not take
// its answer is cut off, with neither holding what it asked for longer.
func TestSlowHTTP2(t *testing.T) {
	s := newServer(t, httpapi.Config{Stall: 300 * time.Millisecond})
	t.Run("body", func(t *testing.T) {
		c := s.slow(1 << 20)
		c.begin(true, ":method", "POST", ":scheme", "https", ":authority", "x", ":path", "/api/v1/write", "authorization", "Bearer "+s.token(auth.Writer))
		if err := c.framer.WriteData(1, false, []byte("a b=1\nc d=")); err != nil {
			t.Fatal(err)
		}
		c.ended()
		c.conn.Close()
		c.server.Close() // and no handler runs any more
		if len(s.intake.lines) != 1 {
			t.Errorf("took %q, want the one line that was whole", s.intake.lines)
		}
	})
	t.Run("answer", func(t *testing.T) {
		gone := make(chan bool, 1)
		s.query = func(ctx context.Context, _ query.Request) ([]query.Series, error) {
			context.AfterFunc(ctx, func() { gone <- true })
			return []query.Series{{Level: selector.Path{Cluster: "a"}, Metric: "m", Step: 1, Values: make(query.Values, 1_000_000)}}, nil
		}
		c := s.slow(10)
		const body = `{"from":0,"to":1000000,"metrics":["m"],"levels":[{"cluster":"a"}]}`
		c.begin(true, ":method", "POST", ":scheme", "https", ":authority", "x", ":path", "/api/v1/query",
			"content-type", "application/json", "authorization", "Bearer "+s.token(auth.Viewer))
		if err := c.framer.WriteData(1, true, []byte(body)); err != nil {
			t.Fatal(err)
		}
		if !c.ended() {
			t.Error("an answer that nobody takes was ended as if it were whole")
		}
		<-gone
	})
}

// Ensure neither a body that takes longer as a whole than its client may pause, nor an answer that
// takes longer to be found, is cut off: by HTTP/2 deadlines also end what nobody waits for.
func TestLongHTTP2(t *testing.T) {
	const stall, pieces = 600 * time.Millisecond, 12 // a machine that is busy holds nobody up for so long
	s := newServer(t, httpapi.Config{Stall: stall})
	s.query = func(context.Context, query.Request) ([]query.Series, error) {
		<-time.NewTimer(3 * stall / 2).C
		return nil, nil
	}
	h := httptest.NewUnstartedServer(s.api)
	h.EnableHTTP2 = true
	h.StartTLS()
	defer h.Close()
	f := func(path string, role auth.Role, body io.Reader, status int) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.URL+path, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.token(role))
		res, err := h.Client().Do(req)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		defer res.Body.Close()
		if text, err := io.ReadAll(res.Body); res.ProtoMajor != 2 || res.StatusCode != status || err != nil {
			t.Errorf("%s: got %s %s %q, %v, want %d", path, res.Proto, res.Status, text, err, status)
		}
	}
	body, sender := io.Pipe()
	go func() {
		pause := time.NewTicker(stall / 6)
		defer pause.Stop()
		for range pieces {
			io.WriteString(sender, "a b=1\n")
			<-pause.C
		}
		sender.Close()
	}()
	f("/api/v1/write", auth.Writer, body, http.StatusNoContent)
	f("/api/v1/query", auth.Viewer, strings.NewReader(`{"from":1,"to":2,"levels":[{"cluster":"a"}]}`), http.StatusOK)
}
