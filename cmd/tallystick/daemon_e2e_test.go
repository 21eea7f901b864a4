//go:build e2e

package main_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const packaging = "../../packaging"

// need skips a test without its program.
func need(t *testing.T, program string, args ...string) {
	t.Helper()
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		t.Skipf("%s cannot be used here: %v %s", program, err, out)
	}
}

// Ensure the unit gives the process no more than it needs, in systemd's own measure from 0 to 10.
func TestUnitIsHardened(t *testing.T) {
	need(t, "systemd-analyze", "--version")
	out, err := exec.Command("systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=20",
		filepath.Join(packaging, "systemd/tallystick.service")).CombinedOutput()
	level := regexp.MustCompile(`Overall exposure level for tallystick.service: \d\.\d`).Find(out)
	if err != nil || level == nil {
		t.Errorf("got %v, want at most 2.0:\n%s", err, out)
	}
	t.Logf("%s", level)
	units, err := filepath.Glob(filepath.Join(packaging, "systemd/*"))
	if err != nil || len(units) == 0 {
		t.Fatalf("got %v, %v, want units", units, err)
	}
	out, _ = exec.Command("systemd-analyze", append([]string{"verify", "--man=no"}, units...)...).CombinedOutput()
	notInstalled := regexp.MustCompile(`/usr/bin/tallystick(-shovel)? is not executable`)
	for line := range strings.Lines(string(out)) {
		if !notInstalled.MatchString(line) && strings.Contains(line, "tallystick") {
			t.Errorf("systemd says: %s", line)
		}
	}
}

// Ensure a process that is started by a connection takes the socket, answers, and tells who
// started it that it is ready, reloading, ready again, and stopping.
func TestSocketActivation(t *testing.T) {
	need(t, "systemd-socket-activate", "--version")
	h := newHome(t)
	path := filepath.Join(h.dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	told := func(want string) {
		t.Helper()
		conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		b := make([]byte, 4096)
		for {
			n, err := conn.Read(b)
			if err != nil {
				t.Fatalf("nobody told %s: %v", want, err)
			}
			if strings.HasPrefix(string(b[:n]), want) {
				return
			}
		}
	}
	newToken(t, h) // and the key
	p := launchCmd(t, h, exec.Command("systemd-socket-activate", "--listen="+h.http, "--fdname=http", "-E", "NOTIFY_SOCKET="+path,
		binary, "serve", "--config", h.config))
	p.waitReady()
	told("READY=1\nSTATUS=serving http://" + h.http)
	p.cmd.Process.Signal(syscall.SIGHUP)
	told("RELOADING=1\nMONOTONIC_USEC=")
	told("READY=1")
	p.terminate()
	told("STOPPING=1")
}

// Ensure the binary runs as in its container: alone in a root that is read-only, as nobody in
// particular, with a folder for its data; and that its healthcheck finds it there.
func TestAloneInItsRoot(t *testing.T) {
	need(t, "unshare", "-m", "true")
	h := newHome(t)
	root := filepath.Join(h.dir, "root")
	for _, dir := range []string{"data", "etc/tallystick"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(h.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(root, "etc/tallystick/tallystick.yaml"),
		fmt.Appendf(nil, "development: true\nhttp: {listen: %q}\nudp: {listen: []}\n", h.http))
	raw, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(root, "tallystick"), raw)
	const script = `mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && mount -t tmpfs -o uid=65532,gid=65532 data "$0/data" &&
		exec chroot --userspec=65532:65532 "$0" /tallystick "$@"`
	in := func(args ...string) *exec.Cmd {
		cmd := exec.Command("unshare", append([]string{"-m", "sh", "-c", script, root}, args...)...)
		cmd.Env = append(environ(), containerEnv(t)...)
		return cmd
	}
	p := launchCmd(t, h, in("serve"))
	p.waitReady()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil || !strings.Contains(string(status), "Uid:\t65532\t65532") {
		t.Errorf("got %v and %s, want the user 65532", err, status)
	}
	if out, err := in("healthcheck").CombinedOutput(); err != nil {
		t.Errorf("the healthcheck says %v %s", err, out)
	}
	p.terminate()
	if out, err := in("healthcheck").CombinedOutput(); err == nil {
		t.Errorf("the healthcheck of nobody says %s", out)
	}
}

// put writes a file that everybody may read and run.
func put(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o755); err != nil {
		t.Fatal(err)
	}
}

// containerEnv returns the variables of the container file.
func containerEnv(t *testing.T) []string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(packaging, "container/Containerfile"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^ENV (TALLYSTICK.*)$`).FindSubmatch(raw)
	if m == nil {
		t.Fatal("the container file has no ENV of the server")
	}
	return strings.Fields(string(m[1]))
}
