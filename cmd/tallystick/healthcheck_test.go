package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"tallystick/internal/bus/bustest"
	"tallystick/internal/cli"
)

// Ensure a server that is ready is healthy by whatever way it is reached, and none is not.
func TestHealthcheck(t *testing.T) {
	cert, key := bustest.NewAuthority(t).Files("server")
	t.Chdir(t.TempDir())
	f := func(listen string, more ...string) {
		t.Helper()
		flags := append([]string{"--set", "http.listen=" + listen + ",127.0.0.1:0"}, more...)
		wantIn(t, tally(t, append([]string{"healthcheck"}, flags...)...), cli.Failure)
		s := serveIn(t, flags...)
		tick := time.NewTicker(10 * time.Millisecond) // it serves a moment before it says that it is ready
		defer tick.Stop()
		for i := 0; i < 1000 && tally(t, append([]string{"healthcheck"}, flags...)...).code != cli.OK; i++ {
			<-tick.C
		}
		wantIn(t, tally(t, append([]string{"healthcheck"}, flags...)...), cli.OK, `{"ready":true}`)
		wantIn(t, tally(t, append([]string{"healthcheck", "--live"}, flags...)...), cli.OK, `{"status":"ok"}`)
		s.stop()
	}
	f(fmt.Sprintf("127.0.0.1:%d", bustest.FreePort(t)))
	f("unix:api.sock", "--set", "http.tls.cert="+cert, "--set", "http.tls.key="+key)
	f(fmt.Sprintf("127.0.0.1:%d", bustest.FreePort(t)), "--set", "http.tls.cert="+cert, "--set", "http.tls.key="+key)
}

// Ensure one that is not ready says why; and that what listens on all addresses is found on one.
func TestHealthcheckNotReady(t *testing.T) {
	t.Chdir(t.TempDir())
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, "restoring")
	}))
	defer h.Close()
	_, port, err := net.SplitHostPort(h.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"", "0.0.0.0", "localhost"} {
		wantIn(t, tally(t, "healthcheck", "--set", "development=false", "--set", "auth.key_file=k", "--set", "http.cleartext=true",
			"--set", "http.listen="+host+":"+port), cli.Failure, "503", "restoring")
	}
}
