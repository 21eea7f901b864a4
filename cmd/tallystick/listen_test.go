package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"tallystick/internal/bus/bustest"
	"tallystick/internal/cli"
)

// Ensure the API is served with TLS and HTTP/2, never in cleartext beside it.
func TestServeTLS(t *testing.T) {
	ca := bustest.NewAuthority(t)
	cert, key := ca.Files("first")
	t.Chdir(t.TempDir())
	s := serveIn(t, "--set", "http.tls.cert="+cert, "--set", "http.tls.key="+key)
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true,
	}}
	defer client.CloseIdleConnections()
	address := strings.TrimPrefix(s.url, "https://")
	get := func(scheme, want string) {
		t.Helper()
		res, err := client.Get(scheme + "://" + address + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if got := fmt.Sprint(res.Proto, " ", res.StatusCode, " ", res.Header.Get("Strict-Transport-Security")); got != want {
			t.Errorf("%s: got %s, want %s", scheme, got, want)
		}
	}
	get("https", "HTTP/2.0 200 max-age=31536000")
	get("http", "HTTP/1.0 400 ")
	s.stop()
}

// Ensure a socket in the file system is served besides TCP, also where a crash has left one, and
// not where somebody else serves it.
func TestServeUnix(t *testing.T) {
	t.Chdir(t.TempDir())
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: "api.sock", Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	s := serveIn(t, "--set", "http.listen=127.0.0.1:0, unix:api.sock")
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", "api.sock")
		},
	}}
	defer client.CloseIdleConnections()
	res, err := client.Get("http://unix/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK || !strings.Contains(string(b), "ok") {
		t.Errorf("got %s %q, want ok", res.Status, b)
	}
	r := tally(t, "serve", "--set", "http.listen=unix:api.sock", "--set", "udp.listen=[]")
	wantIn(t, r, cli.Failure, "http.listen")
	s.do(http.MethodGet, "/healthz", nil)
	s.stop()
	if _, err := os.Stat("api.sock"); err == nil {
		t.Error("the socket is left")
	}
}

// Ensure what the service manager opened is held to the same rules as what is configured.
func TestGivenSockets(t *testing.T) {
	f := func(address, want string, flags ...string) {
		t.Helper()
		ln, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		s := &server{http: []net.Listener{ln}}
		s.cfg.HTTP.Cleartext, s.cfg.HTTP.Connections = len(flags) > 0, 1
		if got := fmt.Sprint(s.secure()); !strings.Contains(got, want) {
			t.Errorf("%s, %q: got %s, want %q in it", address, flags, got, want)
		}
	}
	f("127.0.0.1:0", "<nil>")
	f(":0", "is not loopback")
	f(":0", "<nil>", "cleartext")
}

// Ensure one connection more than there may be is answered when another ends, and that they are
// counted.
func TestConnections(t *testing.T) {
	t.Chdir(t.TempDir())
	s := serveIn(t, "--set", "http.connections=1")
	address := strings.TrimPrefix(s.url, "http://")
	dial := func() net.Conn {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	ask := func(c net.Conn, path string, patience time.Duration) (answer string, err error) {
		c.SetDeadline(time.Now().Add(patience))
		io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+s.token+"\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		return string(b), err
	}
	first, second := dial(), dial()
	if got, err := ask(first, "/metrics", time.Minute); err != nil || !strings.Contains(got, "\ntallystick_http_connections 1\n") {
		t.Errorf("got %v and no connection of one", err)
	}
	if _, err := ask(second, "/healthz", 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the second beside the first: got %v, want no answer", err)
	}
	first.Close()
	if _, err := ask(second, "/healthz", time.Minute); err != nil {
		t.Errorf("the second alone: %v", err)
	}
	second.Close()
	s.stop()
}
