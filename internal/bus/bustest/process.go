package bustest

import (
	"net"
	"os"
	"os/exec"
	"testing"
)

// Start starts a program, which is killed, as by kill -9, by kill, or when this
// process ends in any way: a shell waits for that. out gets what the program says;
// it is a file since the program's children would hold a pipe open.
func Start(args []string, out *os.File, env ...string) (kill func(), err error) {
	cmd := exec.Command("sh", append([]string{"-c", `"$@" & read -r x; kill -9 $!; wait $!`, "sh"}, args...)...) //nolint:noctx // see above
	cmd.Env = append(os.Environ(), env...)
	if out != nil {
		cmd.Stdout, cmd.Stderr = out, out
	}
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	return func() {
		_ = in.Close()
		_ = cmd.Wait() // it was killed, and says so
	}, err
}

// FreePort returns a port of loopback that is free now.
func FreePort(tb testing.TB) int {
	tb.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer ln.Close()
	addr, _ := ln.Addr().(*net.TCPAddr)
	return addr.Port
}
