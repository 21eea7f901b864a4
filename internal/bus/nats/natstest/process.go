package natstest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"tallystick/internal/bus/bustest"
)

// variable tells a test's program to be a broker: port and folder.
const variable = "TALLYTEST_NATS_BROKER"

// Serve is a broker and returns true if this process was started to be one. It is
// for TestMain: a Process is the test's own program.
func Serve() bool {
	port, dir, ok := strings.Cut(os.Getenv(variable), " ")
	if !ok {
		return false
	}
	n, _ := strconv.Atoi(port) // the parent wrote it
	srv, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: n, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true, SyncAlways: true,
	})
	if err != nil {
		fmt.Println(err)
		return true
	}
	srv.Start()
	if srv.ReadyForConnections(within) {
		fmt.Println("ready")
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent is gone
	srv.Shutdown()
	return true
}

// A Process is a broker in a process of its own, which can be killed.
type Process struct {
	tb   testing.TB
	port int
	dir  string
	cmd  *exec.Cmd
}

// StartProcess starts a broker. The test's TestMain must call Serve.
func StartProcess(tb testing.TB) *Process {
	tb.Helper()
	p := &Process{tb: tb, port: bustest.FreePort(tb), dir: tb.TempDir()}
	p.Up()
	tb.Cleanup(p.Kill)
	return p
}

// Up starts the broker, on the same port and folder as before.
func (p *Process) Up() {
	p.tb.Helper()
	self, err := os.Executable()
	if err != nil {
		p.tb.Fatal(err)
	}
	p.cmd = exec.Command(self) //nolint:noctx // it is killed by name
	p.cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", variable, p.port, p.dir))
	_, err = p.cmd.StdinPipe()
	if err != nil {
		p.tb.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.tb.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.tb.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		p.tb.Fatalf("the broker does not start: %q, %v", line, err)
	}
}

// Kill ends the broker as kill -9 does.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails if it was killed already
	_ = p.cmd.Wait()
}

// URL is where the broker is.
func (p *Process) URL() string { return url(p.port) }

// Client returns a connection of the test's own. It is closed when the test ends.
func (p *Process) Client(options ...nats.Option) *nats.Conn {
	p.tb.Helper()
	return client(p.tb, p.URL(), options...)
}

func url(port int) string { return fmt.Sprintf("nats://127.0.0.1:%d", port) }
