//go:build e2e

package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tallystick/internal/capture"
	"tallystick/internal/ingest"
	"tallystick/internal/transfer"
)

// version is built into the binary in the way of the Makefile.
const version = "v0.0.0-e2e"

// binary is what all tests here run; TestMain builds it.
var binary string

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "tallystick-e2e-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "tallystick")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-X main.version="+version, "-o", binary, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// A home is what outlives a process: its folder, addresses and configuration.
type home struct {
	dir    string
	config string
	http   string // host:port
	udp    string // host:port
}

// newHome lays out an empty home on free loopback ports.
func newHome(t *testing.T) home {
	t.Helper()
	h := home{dir: t.TempDir(), http: freeTCP(t), udp: freeUDP(t)}
	h.config = filepath.Join(h.dir, "tallystick.yaml")
	text := strings.NewReplacer("@DIR@", h.dir, "@HTTP@", h.http, "@UDP@", h.udp).Replace(configuration)
	if err := os.WriteFile(h.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

const configuration = `
data_dir: "@DIR@"
http:
  listen: "@HTTP@"
udp:
  listen: ["@UDP@"]
auth:
  key_file: "@DIR@/key.pem"
collect:
  hold: 3s
ingest:
  waiting: 2000000
`

func freeTCP(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func freeUDP(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().String()
}

// A process is a running `tallystick serve`.
type process struct {
	home
	t     *testing.T
	cmd   *exec.Cmd
	ended chan error
	out   string // file with what it prints and logs
	token string
}

// start starts a process in h and returns when it is ready.
func start(t *testing.T, h home) *process {
	t.Helper()
	token := newToken(t, h)
	p := launch(t, h, "serve", "--config", h.config)
	p.token = token
	p.waitReady()
	return p
}

// launch starts a process. It is ended with the test.
func launch(t *testing.T, h home, args ...string) *process {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = environ()
	return launchCmd(t, h, cmd)
}

// launchCmd is launch for a command that becomes the process.
func launchCmd(t *testing.T, h home, cmd *exec.Cmd) *process {
	t.Helper()
	out, err := os.CreateTemp(h.dir, "*.log")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p := &process{home: h, t: t, cmd: cmd, ended: make(chan error, 1), out: out.Name()}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(p.kill)
	return p
}

// output returns what the process has printed and logged so far.
func (p *process) output() string {
	b, err := os.ReadFile(p.out)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// newToken makes a token for everything, and with the first one the key.
func newToken(t *testing.T, h home) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, "token", "--config", h.config, "--role", "admin", "--subject", "e2e")
	cmd.Env = environ()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("token: %v\n%s", err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// environ is the environment without what would configure a process.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "TALLYSTICK_") })
}

func (p *process) waitReady() {
	p.t.Helper()
	p.poll(30*time.Second, "ready", func() bool {
		res, err := http.Get("http://" + p.http + "/readyz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return err == nil && res.StatusCode == http.StatusOK && !bytes.Contains(body, []byte("samples_since"))
	})
}

// poll asks until done says so. It fails the test when the time is up or the
// process has ended.
func (p *process) poll(limit time.Duration, what string, done func() bool) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case err := <-p.ended:
			p.ended <- err
			p.t.Fatalf("not %s: the process ended: %v", what, err)
		case <-ctx.Done():
			p.t.Fatalf("not %s after %v", what, limit)
		}
	}
}

// waitOutput waits until the process has printed a text, and returns all that it
// has printed.
func (p *process) waitOutput(limit time.Duration, text string) string {
	p.t.Helper()
	p.poll(limit, "printed: "+text, func() bool { return strings.Contains(p.output(), text) })
	return p.output()
}

// terminate ends the process as a service manager does.
func (p *process) terminate() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case err := <-p.ended:
		p.ended <- err
		if err != nil {
			p.t.Fatalf("ended by SIGTERM: %v", err)
		}
	case <-time.After(30 * time.Second):
		p.t.Fatal("30 s after SIGTERM it still runs")
	}
}

// restart terminates the process and starts another one in the same home.
func (p *process) restart() *process {
	p.t.Helper()
	p.terminate()
	return start(p.t, p.home)
}

// kill ends the process if it runs, and shows its log if the test failed.
func (p *process) kill() {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Error(err)
	}
	err := <-p.ended
	p.ended <- err
	if p.t.Failed() {
		p.t.Logf("output of the process (%v):\n%s", err, p.output())
	}
}

// state returns the letter that the kernel has for the state of the process: T is
// stopped (proc(5)).
func (p *process) state() string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return rest[:1]
}

// samples returns all of them, of each client.
func (p *process) samples() string {
	p.t.Helper()
	const all = `{"from":1,"to":9000000000,"levels":[{"cluster":"*","node":"*","type":"client","type_id":"*"}]}`
	return string(p.do(http.MethodPost, "/api/v1/query", "application/json", []byte(all)))
}

// send sends recorded packets in their order from one socket, slowly enough for
// any socket buffer, and returns when the process has taken all.
func (p *process) send(packets []capture.Packet) {
	p.t.Helper()
	conn, err := net.Dial("udp", p.udp)
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	before := p.taken()
	for i := range packets {
		if _, err := conn.Write(packets[i].Data); err != nil {
			p.t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	p.poll(10*time.Second, "all packets taken", func() bool { return p.taken() == before+len(packets) })
}

// taken returns how many packets the process has taken in, for good or bad.
func (p *process) taken() int {
	p.t.Helper()
	sum := 0.0
	for line := range strings.Lines(string(p.get("/metrics", "text/plain"))) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !packetsMetric.MatchString(name) {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			p.t.Fatalf("%q: %v", line, err)
		}
		sum += n
	}
	return int(sum)
}

// packetsMetric counts packets by what became of them.
var packetsMetric = regexp.MustCompile(`^tallystick_ingest_(accepted|rejected)_total\{kind="packet"`)

// settled asks until the answer has stayed the same for longer than anything
// waits for late records (collect.hold), and returns it.
func (p *process) settled(path string) []byte {
	p.t.Helper()
	var last []byte
	since := time.Now()
	p.poll(time.Minute, "settled", func() bool {
		got := p.get(path, "application/json")
		if !bytes.Equal(got, last) {
			last, since = got, time.Now()
		}
		return time.Since(since) > 5*time.Second
	})
	return last
}

func (p *process) transfers() []transfer.Transfer {
	p.t.Helper()
	var transfers []transfer.Transfer
	for dec := json.NewDecoder(bytes.NewReader(p.get("/api/v1/transfers", "application/x-ndjson"))); ; {
		var x transfer.Transfer
		if err := dec.Decode(&x); errors.Is(err, io.EOF) {
			return transfers
		} else if err != nil {
			p.t.Fatal(err)
		}
		transfers = append(transfers, x)
	}
}

func (p *process) postClaims(claims []*transfer.Claim) ingest.Result {
	p.t.Helper()
	body, err := json.Marshal(claims)
	if err != nil {
		p.t.Fatal(err)
	}
	var res ingest.Result
	decode(p.t, p.do(http.MethodPost, "/api/v1/claims", "application/json", body), &res)
	return res
}

func (p *process) get(path, accept string) []byte {
	p.t.Helper()
	return p.do(http.MethodGet, path, accept, nil)
}

// do makes a request and returns the body of its answer, which must be a 200.
func (p *process) do(method, path, accept string, body []byte) []byte {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.http+path, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	req.Header.Set("Accept", accept)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		p.t.Fatalf("%s %s: %s, %v: %s", method, path, res.Status, err, got)
	}
	return got
}

func decode(t *testing.T, body []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatalf("%v in %.200s", err, body)
	}
}
