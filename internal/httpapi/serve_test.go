package httpapi_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/auth"
	"tallystick/internal/httpapi"
	"tallystick/internal/query"
)

// connections returns a gauge that nobody looks at.
func connections() prometheus.Gauge { //nolint:ireturn // the library has no other
	return prometheus.NewGauge(prometheus.GaugeOpts{})
}

// serve serves h until stop is called; ended is what the part returned.
func serve(t *testing.T, h http.HandlerFunc, grace time.Duration) (url string, stop func(), ended <-chan error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	done := make(chan error, 1)
	go func() {
		done <- httpapi.Serve([]net.Listener{ln}, h, httpapi.DefaultPatience(grace), connections(), slog.New(slog.DiscardHandler))(ctx)
	}()
	return "http://" + ln.Addr().String(), cancel, done
}

// Ensure a request in flight is answered, and only then the part returns.
func TestServeFinishes(t *testing.T) {
	begun, finish := make(chan bool), make(chan bool)
	url, stop, ended := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		begun <- true
		<-finish
		io.WriteString(w, "done")
	}, time.Minute)
	answered := make(chan string, 1)
	go func() {
		res, err := http.Get(url)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		answered <- string(b)
	}()
	<-begun
	stop()
	waitRefused(t, url) // it has been told
	select {
	case err := <-ended:
		t.Fatalf("returned with a request in flight: %v", err)
	default:
	}
	close(finish)
	if got := <-answered; got != "done" {
		t.Errorf("got %q, want done", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

// waitRefused waits until nobody listens any more.
func waitRefused(t *testing.T, url string) {
	t.Helper()
	for t.Context().Err() == nil {
		conn, err := net.Dial("tcp", url[len("http://"):])
		if err != nil {
			return
		}
		conn.Close()
	}
}

// Ensure a request that takes longer than the grace is cut, and its handler has
// returned when the part has.
func TestServeCuts(t *testing.T) {
	begun, returned := make(chan bool), make(chan bool, 1)
	url, stop, ended := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		begun <- true
		<-r.Context().Done()
		returned <- true
	}, time.Millisecond)
	failed := make(chan error, 1)
	go func() {
		res, err := http.Get(url)
		if err == nil {
			res.Body.Close()
		}
		failed <- err
	}()
	<-begun
	stop()
	if err := <-ended; err != nil {
		t.Errorf("got %v, want nil", err)
	}
	select {
	case <-returned:
	default:
		t.Error("the handler is still running")
	}
	if err := <-failed; err == nil {
		t.Error("the request was answered")
	}
}

// Ensure a listener that fails ends the part with an error, and the others with it.
func TestServeFails(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	err = httpapi.Serve([]net.Listener{ln, other}, http.NotFoundHandler(), httpapi.DefaultPatience(0), connections(), slog.New(slog.DiscardHandler))(t.Context())
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want %v", err, net.ErrClosed)
	}
	waitRefused(t, "http://"+other.Addr().String())
}

// Ensure all listeners are served.
func TestServeSeveral(t *testing.T) {
	var lns []net.Listener
	for range 3 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		lns = append(lns, ln)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- httpapi.Serve(lns, http.NotFoundHandler(), httpapi.DefaultPatience(time.Minute), connections(), slog.New(slog.DiscardHandler))(ctx)
	}()
	for _, ln := range lns {
		res, err := http.Get("http://" + ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

// stalling is a server with little patience, and a connection to it that has sent
// head; returned is closed when the handler has returned.
func stalling(t *testing.T, head func(*server) string) (s *server, conn net.Conn, returned <-chan bool) {
	t.Helper()
	s = newServer(t, httpapi.Config{Stall: 20 * time.Millisecond})
	done := make(chan bool)
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		s.api.ServeHTTP(w, r)
	}))
	t.Cleanup(h.Close)
	conn, err := net.Dial("tcp", h.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	io.WriteString(conn, head(s))
	return s, conn, done
}

// Ensure a client that stops to send loses its connection, and what it has sent
// is taken.
func TestStalledBody(t *testing.T) {
	s, conn, returned := stalling(t, func(s *server) string {
		return fmt.Sprintf("POST /api/v1/packets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 1000\r\n\r\n%s",
			s.token(auth.Writer), message("a:1", []byte("x")))
	})
	<-returned
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusBadRequest || len(s.intake.packets) != 1 {
		t.Errorf("got %d, and %d packets, want 400 and 1", res.StatusCode, len(s.intake.packets))
	}
}

// Ensure a client that does not take its answer loses its connection.
func TestStalledReader(t *testing.T) {
	_, _, returned := stalling(t, func(s *server) string {
		s.query = func(context.Context, query.Request) ([]query.Series, error) {
			values := make(query.Values, 10_000)
			series := make([]query.Series, 2000) // 40 MB in JSON: more than any socket buffers
			for i := range series {
				series[i] = query.Series{Metric: "m", Step: 1, Values: values}
			}
			return series, nil
		}
		body := `{"from":1,"to":2,"levels":[{"cluster":"a"}]}`
		return fmt.Sprintf("POST /api/v1/query HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s",
			s.token(auth.Viewer), len(body), body)
	})
	<-returned
}

// Ensure a client that only claims to send a body, or drips it, gets no more than its stall, also
// where nobody reads it: neither who has no token nor who asks for what is not there.
func TestDrippedBody(t *testing.T) {
	f := func(head string) {
		t.Helper()
		s := newServer(t, httpapi.Config{Stall: 50 * time.Millisecond})
		conn, err := net.Dial("tcp", s.http.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(conn, head+"\r\nHost: x\r\nContent-Length: 10\r\n\r\nx")
		if _, err := io.ReadAll(conn); err != nil {
			t.Errorf("%s: got %v, want the end of the connection", head, err)
		}
	}
	f("POST /api/v1/query HTTP/1.1")
	f("POST /api/v1/write HTTP/1.1")
	f("POST /no/such HTTP/1.1")
	f("GET /healthz HTTP/1.1")
	f("POST /api/v1/query HTTP/1.1\r\nAuthorization: Bearer " + newServer(t, httpapi.Config{}).token(auth.Viewer))
}

// Ensure a client that does not say what it wants, or nothing more, loses its connection.
func TestSilentClients(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	patience := httpapi.Patience{Header: 100 * time.Millisecond, Idle: 100 * time.Millisecond, Grace: time.Minute}
	go func() {
		done <- httpapi.Serve([]net.Listener{ln}, http.NotFoundHandler(), patience, connections(), slog.New(slog.DiscardHandler))(ctx)
	}()
	f := func(sent string) {
		t.Helper()
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(conn, sent)
		if _, err := io.ReadAll(conn); err != nil {
			t.Errorf("%q: got %v, want the end of the connection", sent, err)
		}
	}
	f("")
	f("GET / HTTP/1.1\r\nHost:")
	f("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	f("GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 64<<10)) // a head without an end
	cancel()
	if err := <-done; err != nil {
		t.Errorf("got %v, want nil", err)
	}
}
