package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"tallystick/internal/capture"
	"tallystick/internal/cli"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// A terminal takes what a command prints, and tells when something stands there.
type terminal struct {
	mu    sync.Mutex
	text  bytes.Buffer
	wrote chan struct{}
}

func newTerminal() *terminal { return &terminal{wrote: make(chan struct{}, 1)} }

func (c *terminal) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case c.wrote <- struct{}{}:
	default:
	}
	return c.text.Write(p)
}

func (c *terminal) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// until returns what matches as soon as it stands there.
func (c *terminal) until(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	for {
		if m := re.FindStringSubmatch(c.String()); m != nil {
			return m
		}
		select {
		case <-c.wrote:
		case <-late.C:
			t.Fatalf("nothing matches %q after a minute in:\n%s", pattern, c)
		}
	}
}

// A served is a server that runs in this process.
type served struct {
	t      *testing.T
	out    *terminal
	url    string
	token  string
	cancel context.CancelFunc
	code   chan int
}

// serveIn starts a server that keeps its data in the present folder.
func serveIn(t *testing.T, flags ...string) *served {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &served{t: t, out: newTerminal(), cancel: cancel, code: make(chan int, 1)}
	args := append([]string{
		"serve", "--set", "http.listen=127.0.0.1:0", "--set", "udp.listen=127.0.0.1:0", "--set", "collect.hold=1s",
	}, flags...)
	go func() { s.code <- execute(ctx, args, s.out, s.out) }()
	t.Cleanup(func() { s.cancel() })
	s.url = s.out.until(t, `msg=serving url=(\S+)`)[1]
	s.out.until(t, `msg="ready for all questions"`)
	s.token = strings.TrimSpace(tally(t, "token", "--subject", "test", "--role", "admin").stdout)
	return s
}

// stop stops the server as a signal would.
func (s *served) stop() {
	s.t.Helper()
	s.cancel()
	if code := <-s.code; code != cli.OK {
		s.t.Errorf("got exit code %d; it printed:\n%s", code, s.out)
	}
}

func (s *served) do(method, path string, body []byte) []byte {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		s.t.Fatalf("%s %s: %s, %v: %s", method, path, res.Status, err, b)
	}
	return b
}

// feed posts a capture's datagrams as a shoveler would, and its clients' claims.
func (s *served) feed(c *capture.Capture) {
	s.t.Helper()
	messages, err := capture.Messages(c.Packets)
	if err != nil {
		s.t.Fatal(err)
	}
	s.do(http.MethodPost, "/api/v1/packets", bytes.Join(messages, []byte("\n")))
	claims, err := json.Marshal(capture.Claims("r", c.Truth))
	if err != nil {
		s.t.Fatal(err)
	}
	s.do(http.MethodPost, "/api/v1/claims", claims)
}

// report waits until no transfer is missing or open, and what went over the server's
// links is told, and returns the validation.
func (s *served) report() ([]byte, validate.Report) {
	s.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 300 {
		var r validate.Report
		b := s.do(http.MethodGet, "/api/v1/validation?run=r", nil)
		if err := json.Unmarshal(b, &r); err != nil {
			s.t.Fatal(err)
		}
		if r.Totals.Verdicts[transfer.Missing] == 0 && !bytes.Contains(b, []byte(`"end":"open"`)) && bytes.Contains(b, []byte(`"links":`)) {
			return b, r
		}
		<-tick.C
	}
	s.t.Fatal("the transfers do not come")
	return nil, validate.Report{}
}

func load(t *testing.T, name string) *capture.Capture {
	t.Helper()
	c, err := capture.Load(os.DirFS("../../internal/capture/testdata"), name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Packets and claims go in, a report comes out; after a restart in the same
// folder, and after everything came again, it is the same, byte for byte, and so
// are the samples.
func TestServe(t *testing.T) {
	c := load(t, "s03_concurrent_users")
	t.Chdir(t.TempDir())
	forever := []string{"--set", "retention.memory=36500d", "--set", "retention.ledger=36500d"}
	s := serveIn(t, forever...)
	s.feed(c)
	first, r := s.report()
	want := map[transfer.Kind]int{
		transfer.Match: 74, transfer.Differ: 4, transfer.Fail: 2,
		transfer.Missing: 0, transfer.Extra: 0, transfer.Ambiguous: 0,
	}
	for kind, n := range want {
		if r.Totals.Verdicts[kind] != n {
			t.Errorf("got %d claims that %s, want %d", r.Totals.Verdicts[kind], kind, n)
		}
	}
	const all = `{"from":1,"to":4000000000,"levels":[{"cluster":"SITE_S0","node":"*","type":"client","type_id":"*"}]}`
	samples := s.do(http.MethodPost, "/api/v1/query", []byte(all))
	if !bytes.Contains(samples, []byte("xrd_read_bytes")) || !bytes.Contains(samples, []byte("client_read_bytes")) {
		t.Errorf("the samples have not both sides: %s", samples)
	}
	s.stop()

	s = serveIn(t, forever...)
	if again, _ := s.report(); !bytes.Equal(again, first) {
		t.Errorf("the report after a restart differs; before:\n%s\nafter:\n%s", first, again)
	}
	s.feed(c)
	s.stop()
	s = serveIn(t, forever...)
	if again, _ := s.report(); !bytes.Equal(again, first) {
		t.Errorf("the report after everything came again differs; before:\n%s\nafter:\n%s", first, again)
	}
	if again := s.do(http.MethodPost, "/api/v1/query", []byte(all)); !bytes.Equal(again, samples) {
		t.Errorf("the samples after everything came again differ; before:\n%s\nafter:\n%s", samples, again)
	}
	s.stop()
}

// What the README's first command shows.
func TestServeDemo(t *testing.T) {
	t.Chdir(t.TempDir())
	s := serveIn(t, "--demo")
	s.out.until(t, `The same as JSON`)
	for _, want := range []string{"vm:21094", "match", "differ", "failed"} {
		if !strings.Contains(s.out.String(), want) {
			t.Errorf("the demo printed nothing with %q:\n%s", want, s.out)
		}
	}
	s.stop()
}

// A port in use ends the start at once, with the key's name and how to give it another, and leaves nothing.
func TestServePortInUse(t *testing.T) {
	t.Chdir(t.TempDir())
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	f := func(key string, args ...string) {
		t.Helper()
		r := tally(t, append([]string{"serve"}, args...)...)
		if want := "(--set " + key + "=HOST:PORT)"; r.code != cli.Failure || !strings.Contains(r.stderr, want) {
			t.Errorf("got exit code %d and %q, want %d and %s", r.code, r.stderr, cli.Failure, want)
		}
	}
	f("http.listen", "--set", "http.listen="+ln.Addr().String())
	f("udp.listen", "--set", "http.listen=127.0.0.1:0", "--set", "udp.listen="+conn.LocalAddr().String())
	if left, _ := filepath.Glob("*"); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
}

// Two servers on one folder would take turns in losing each other's data.
func TestServeFolderInUse(t *testing.T) {
	t.Chdir(t.TempDir())
	s := serveIn(t)
	r := tally(t, "serve", "--set", "http.listen=127.0.0.1:0", "--set", "udp.listen=127.0.0.1:0")
	if r.code != cli.Failure || !strings.Contains(r.stderr, "another process uses it") {
		t.Errorf("got exit code %d and %q, want %d and that another process uses it", r.code, r.stderr, cli.Failure)
	}
	s.stop()
}

// Without a key nothing starts but in development, and that only on loopback.
func TestServeClosedByDefault(t *testing.T) {
	t.Chdir(t.TempDir())
	f := func(yaml, key string) {
		t.Helper()
		if err := os.WriteFile("c.yaml", []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := tally(t, "serve", "--config", "c.yaml"); r.code != cli.Usage || !strings.Contains(r.stderr, key) {
			t.Errorf("%q: got exit code %d and %q, want %d and %s", yaml, r.code, r.stderr, cli.Usage, key)
		}
	}
	f("grace: 10s\n", "auth")
	f("development: true\nhttp: {listen: ':8080'}\n", "http.listen")
	f("development: true\nudp: {listen: ['0.0.0.0:9993']}\n", "udp.listen")
}
