package main

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/auth"
	"tallystick/internal/cli"
	"tallystick/internal/config"
)

// A result is what an execution left.
type result struct {
	code           int
	stdout, stderr string
}

// tally executes a command line in an empty folder and without variables of ours.
func tally(t *testing.T, args ...string) result {
	t.Helper()
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "TALLYSTICK_") {
			t.Setenv(name, "")
		}
	}
	var stdout, stderr bytes.Buffer
	code := execute(t.Context(), args, &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

func TestExitCodes(t *testing.T) {
	t.Chdir(t.TempDir())
	f := func(code int, stderr string, args ...string) {
		t.Helper()
		r := tally(t, args...)
		if r.code != code {
			t.Errorf("%q: got exit code %d, want %d; stderr:\n%s", args, r.code, code, r.stderr)
		}
		if !strings.Contains(r.stderr, stderr) || stderr == "" && r.stderr != "" {
			t.Errorf("%q: got stderr %q, want %q in it", args, r.stderr, stderr)
		}
		if code != cli.OK && r.stdout != "" {
			t.Errorf("%q: got stdout %q besides the error", args, r.stdout)
		}
	}
	f(cli.OK, "")
	f(cli.OK, "", "--help")
	f(cli.OK, "", "help", "token")
	f(cli.OK, "", "version")
	f(cli.OK, "", "--version")
	f(cli.OK, "", "config")
	f(cli.OK, "", "config", "keys")
	f(cli.OK, "", "config", "check")
	f(cli.OK, "", "token", "--subject", "me", "--role", "viewer")
	f(cli.OK, "", "token", "--subject", "me", "--role", "viewer", "--ttl", "30d")

	f(cli.Usage, "Did you mean this?\n\ttoken", "tokn")
	f(cli.Usage, "See: tallystick --help", "nonsense")
	f(cli.Usage, `unknown command "x"`, "config", "x")
	f(cli.Usage, `unknown command "x"`, "serve", "x")
	f(cli.Usage, "unknown flag: --nonsense", "serve", "--nonsense")
	f(cli.Usage, `"role", "subject" not set`, "token")
	f(cli.Usage, `role "root" is none of`, "token", "--subject", "me", "--role", "viewer,root")
	f(cli.OK, "", "token", "--subject", "me", "--role", "admin", "--client", "x")
	f(cli.Usage, "bind what a writer sends", "token", "--subject", "me", "--role", "viewer,validator", "--client", "x")
	f(cli.Usage, "--ttl", "token", "--subject", "me", "--role", "viewer", "--ttl", "0s")
	f(cli.Usage, "did you mean grace?", "serve", "--set", "grce=1s")
	f(cli.Usage, "no.yaml", "config", "check", "--config", "no.yaml")
	f(cli.Usage, `unknown command "extra"`, "config", "check", "extra")

	f(cli.Failure, "auth.key_file", "token", "--subject", "me", "--role", "viewer", "--set", "auth.public_key="+publicKey)
	f(cli.Failure, "no such file", "token", "--subject", "me", "--role", "viewer", "--set", "auth.key_file=no/key.pem")
	f(cli.Failure, "subject", "token", "--subject", " ", "--role", "viewer")
}

// publicKey is that of the first test vector of RFC 8032.
const publicKey = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

func TestHelpHasExamples(t *testing.T) {
	for _, args := range [][]string{{"serve"}, {"token"}, {"config", "check"}} {
		r := tally(t, append(args, "--help")...)
		for _, want := range []string{"Examples:", "--config file", "--set key=value"} {
			if !strings.Contains(r.stdout, want) {
				t.Errorf("%q: got help without %q:\n%s", args, want, r.stdout)
			}
		}
	}
}

// TestTokenIsGood holds that the token, alone on stdout, is one that a server
// with the same configuration accepts, and that the second one is of the same key.
func TestTokenIsGood(t *testing.T) {
	t.Chdir(t.TempDir())
	args := []string{
		"token", "--subject", "agent7", "--role", "viewer,writer", "--role", "operator",
		"--set", "auth.issuer=i", "--set", "auth.audience=a", "--set", "data_dir=made/for/it",
	}
	for range 2 {
		r := tally(t, args...)
		if r.code != cli.OK || r.stderr != "" {
			t.Fatalf("got exit code %d and stderr %q", r.code, r.stderr)
		}
		token, ok := strings.CutSuffix(r.stdout, "\n")
		if !ok || strings.ContainsAny(token, " \n") {
			t.Fatalf("got stdout %q, want the token and a line feed", r.stdout)
		}
		cfg := auth.Config{KeyFile: "made/for/it/key.pem", Issuer: "i", Audience: "a"}
		v, err := auth.NewVerifier(cfg, func() time.Time { return time.Now().Add(23 * time.Hour) })
		if err != nil {
			t.Fatal(err)
		}
		user, err := v.Authenticate(&http.Request{Header: http.Header{"Authorization": {"Bearer " + token}}})
		if err != nil {
			t.Fatal(err)
		}
		user.TokenID = ""
		want := auth.User{Name: "agent7", Roles: []auth.Role{auth.Viewer, auth.Writer, auth.Operator}}
		if diff := cmp.Diff(want, user); diff != "" {
			t.Errorf("user (-want +got):\n%s", diff)
		}
	}
}

// TestConfigCheckRoundTrip holds that what is printed is a configuration file.
func TestConfigCheckRoundTrip(t *testing.T) {
	t.Chdir(t.TempDir())
	first := tally(t, "config", "check", "--set", "data_dir=elsewhere", "--set", "log.level=debug")
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(first.stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	second := tally(t, "config", "check", "--config", path)
	if diff := cmp.Diff(first.stdout, second.stdout); diff != "" || second.code != cli.OK {
		t.Errorf("read again (-first +second):\n%s", diff)
	}
	for _, want := range []string{"data_dir: elsewhere", "level: DEBUG", "key_file: elsewhere/key.pem"} {
		if !strings.Contains(first.stdout, want) {
			t.Errorf("got no %q in\n%s", want, first.stdout)
		}
	}
}

// Ensure config check tells what serve refuses, all of it, before serve has touched anything.
func TestConfigCheckIsOfServe(t *testing.T) {
	t.Chdir(t.TempDir())
	args := []string{"--set", "http.tls.cert=c.pem", "--set", "http.tls.key=k.pem", "--set", "nats.urls=nats://127.0.0.1:1", "--set", "nats.token_file=t"}
	check, serve := tally(t, append([]string{"config", "check"}, args...)...), tally(t, append([]string{"serve"}, args...)...)
	if diff := cmp.Diff(check, serve, cmp.AllowUnexported(result{})); diff != "" || check.code != cli.Usage {
		t.Errorf("(-check +serve):\n%s", diff)
	}
	for _, want := range []string{"http.tls.cert: ", "nats.token_file: open t: no such file"} {
		if !strings.Contains(check.stderr, want) {
			t.Errorf("got no %q in\n%s", want, check.stderr)
		}
	}
	if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
		t.Errorf("got %v, %v, want nothing made", left, err)
	}
}

func TestConfigKeysAreAll(t *testing.T) {
	r := tally(t, "config", "keys")
	for _, k := range config.Keys() {
		if !strings.Contains(r.stdout, "\n"+k.Name+" ") || !strings.Contains(r.stdout, k.Env+"\n") {
			t.Errorf("got no %s", k.Name)
		}
	}
}

// TestEnvironment holds that the commands read the real environment.
func TestEnvironment(t *testing.T) {
	t.Setenv("TALLYSTICK_GRACE", "soon")
	var stdout, stderr bytes.Buffer
	code := execute(t.Context(), []string{"config", "check"}, &stdout, &stderr)
	if code != cli.Usage || !strings.Contains(stderr.String(), "TALLYSTICK_GRACE: grace:") {
		t.Errorf("got exit code %d and stderr %q", code, stderr.String())
	}
}

// TestVersionIsSet builds with the flag of the Makefile: the linker says nothing
// of a name that is not there.
func TestVersionIsSet(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	_, flags, ok := strings.Cut(string(makefile), "LDFLAGS     = ")
	flags, _, _ = strings.Cut(flags, "\n")
	if !ok || !strings.Contains(flags, "$(VERSION)") {
		t.Fatalf("got LDFLAGS %q of the Makefile", flags)
	}
	binary := filepath.Join(t.TempDir(), "tallystick")
	flags = strings.ReplaceAll(flags, "$(VERSION)", "v1.2.3-test")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags", flags, "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), binary, "version").Output()
	if got, want := string(out), "tallystick version v1.2.3-test\n"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}
