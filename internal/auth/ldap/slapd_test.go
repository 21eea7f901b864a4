//go:build e2e

package ldap_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tallystick/internal/bus/bustest"
)

// A slapd is a directory in a process of its own, with what is in testdata.
type slapd struct {
	plain, tls string // URLs
	ca         string // file
	elsewhere  int    // port that its referral leads to
	stop       func()
}

// start starts a directory, which is ended with the test. A test is skipped where there is none.
func start(t *testing.T) *slapd {
	t.Helper()
	for _, program := range []string{"/usr/sbin/slapd", "/usr/sbin/slapadd"} {
		if _, err := os.Stat(program); err != nil {
			t.Skip("OpenLDAP is not installed (apt-get install slapd)")
		}
	}
	ports := [2]int{bustest.FreePort(t), bustest.FreePort(t)}
	authority := bustest.NewAuthority(t)
	s := &slapd{
		plain: fmt.Sprintf("ldap://127.0.0.1:%d", ports[0]), tls: fmt.Sprintf("ldaps://127.0.0.1:%d", ports[1]),
		ca: authority.File, elsewhere: bustest.FreePort(t),
	}
	dir := t.TempDir()
	cert, key := authority.Files("slapd")
	conf := fill(t, dir, "slapd.conf", "@DIR@", dir, "@CA@", s.ca, "@CERT@", cert, "@KEY@", key)
	data := fill(t, dir, "init.ldif", "@ELSEWHERE@", strconv.Itoa(s.elsewhere))
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("/usr/sbin/slapadd", "-f", conf, "-l", data).CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v: %s", err, out)
	}
	kill, err := bustest.Start([]string{"/usr/sbin/slapd", "-d", "0", "-f", conf, "-h", s.plain + " " + s.tls}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.stop = kill
	t.Cleanup(kill)
	for _, port := range ports {
		reachable(t, port)
	}
	return s
}

func fill(t *testing.T, dir, name string, values ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return write(t, dir, name, strings.NewReplacer(values...).Replace(string(text)))
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func reachable(t *testing.T, port int) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			c.Close()
			return
		}
		<-tick.C
	}
	t.Fatal("slapd does not listen after 10 s")
}
