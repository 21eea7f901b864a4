package shoveler_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallystick/internal/bus/bustest"
	"tallystick/internal/cli"
	"tallystick/internal/shoveler"
)

// execute runs a shovel's command line and returns the exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := cli.New("shovel", "test", nil, stdout, stderr)
	return a.Execute(ctx, shoveler.Command(a, a.Name), args) //nolint:contextcheck // cobra hands ctx to the commands
}

// Ensure that a shovel carries datagrams, tells how it is doing, and keeps what it could not
// send.
func TestShovel(t *testing.T) {
	to, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	udp, metrics := bustest.FreePort(t), bustest.FreePort(t)
	path := filepath.Join(t.TempDir(), "config.yaml")
	text := fmt.Sprintf("queue_directory: %s\nlisten: {ip: 127.0.0.1, port: %d}\nmetrics: {ip: 127.0.0.1, port: %d}\nto: {raw: {udp: {address: %q}}}\n",
		filepath.Join(t.TempDir(), "queue"), udp, metrics, to.LocalAddr())
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	status := func(args ...string) (int, string) {
		out.Reset()
		errs.Reset()
		code := execute(t.Context(), append([]string{"status", "--config", path}, args...), &out, &errs)
		return code, out.String() + errs.String()
	}
	if code, told := status(); code != cli.Failure || !strings.Contains(told, "no shovel answers") {
		t.Errorf("without a shovel: got %d, %s", code, told)
	}

	ctx, stop := context.WithCancel(context.Background())
	done := make(chan int)
	go func() { done <- execute(ctx, []string{"--config", path}, &bytes.Buffer{}, &bytes.Buffer{}) }()
	defer func() {
		stop()
		if code := <-done; code != cli.OK {
			t.Errorf("shovel: got %d", code)
		}
	}()
	eventually(t, func() bool { code, _ := status(); return code == cli.OK })
	from, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", udp))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	for _, seq := range []byte{1, 2, 5} { // 3 and 4 are lost
		datagram := []byte{'f', seq, 0, 8, 0, 0, 0, 1}
		if _, err := from.Write(datagram); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 64)
		_ = to.SetReadDeadline(time.Now().Add(20 * time.Second))
		n, _, err := to.ReadFrom(got)
		if err != nil || !bytes.Equal(got[:n], datagram) {
			t.Fatalf("got %q, %v, want %q", got[:n], err, datagram)
		}
	}
	want := fmt.Sprintf("127.0.0.1  %d          %d     %d", 3, 24, 2)
	eventually(t, func() bool { _, told := status(); return strings.Contains(told, want) })
	if code, told := status("--json"); code != cli.OK || !strings.Contains(told, `"gaps": 2`) {
		t.Errorf("as JSON: got %d, %s", code, told)
	}
}

// Ensure that all that is wrong with a shovel is told with its reason.
func TestStatusTroubles(t *testing.T) {
	shovel := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"queue": {"ok": false, "problem": "the disk is full"}, "outputs": [{"name": "amqp", "problem": "it is away"}]}`)
	}))
	defer shovel.Close()
	host, port, err := net.SplitHostPort(shovel.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	code := execute(t.Context(), []string{
		"status", "--set", "amqp.url=amqp://h", "--set", "metrics.ip=" + host, "--set", "metrics.port=" + port,
	}, io.Discard, &errs)
	if code != cli.Failure {
		t.Errorf("got %d, want %d", code, cli.Failure)
	}
	for _, want := range []string{"datagrams are dropped: the disk is full", "output amqp cannot send: it is away"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("got %s, want %s", errs.String(), want)
		}
	}
}

// Ensure that check tells of the files that outputs need, with their keys.
func TestCheckReadsFiles(t *testing.T) {
	var errs bytes.Buffer
	code := execute(t.Context(), []string{
		"check", "--set", "amqp.url=amqp://127.0.0.1", "--set", "amqp.token_location=gone",
		"--set", "to={serve: {http: {url: 'https://127.0.0.1', token_file: gone}}}",
	}, &bytes.Buffer{}, &errs)
	for _, want := range []string{"amqp.token_location: open gone", "to.serve.http.token_file: open gone"} {
		if code != cli.Usage || !strings.Contains(errs.String(), want) {
			t.Errorf("got %d, %s, want %s", code, &errs, want)
		}
	}
}

// eventually waits until something is so.
func eventually(t *testing.T, is func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !is(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("it does not happen")
		}
	}
}
