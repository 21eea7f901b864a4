package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/auth"
	"tallystick/internal/bus/bustest"
	"tallystick/internal/config"
	"tallystick/internal/settings"
)

// onStart returns what is said of the files that a configuration names in a folder.
func onStart(t *testing.T, text string) (problems []string) {
	t.Helper()
	path := write(t, "c.yaml", text)
	if _, err := config.Load(settings.Sources{File: path}); err != nil {
		t.Errorf("without the files: %v", err)
	}
	_, err := config.LoadToServe(settings.Sources{File: path})
	var invalid *settings.InvalidError
	if err != nil && !errors.As(err, &invalid) {
		t.Fatalf("got error %v, want an InvalidError", err)
	}
	if invalid != nil {
		for _, p := range invalid.Problems {
			problems = append(problems, strings.ReplaceAll(p.String(), path, "c.yaml"))
		}
	}
	return problems
}

// everyFile names a file for each key of one that a server reads when it starts.
const everyFile = `
http: {tls: {cert: cert.pem, key: key.pem, client_ca: ca.pem}}
auth:
  key_file: ed.pem
  key_files: [ed.pem, keys]
  accounts: {database: "postgres://h/d", password_file: word}
  jwt_session: {key_file: ed.pem}
  jwt_cookie: {name: portal, key_file: ed.pem, trusted_issuer: x, trusted_key_file: ed.pem}
  ldap: {urls: ["ldaps://h"], ca_file: ca.pem, base_dn: dc=example, roles: {viewer: ["*"]}}
  github: {client_id: x, client_secret_file: later, ca_file: ca.pem, redirect_url: "https://h/login/github/callback", roles: {viewer: ["user:1"]}}
  oidc: {p: {issuer: "https://h", client_id: x, ca_file: ca.pem, redirect_url: "https://h/login/p/callback", roles: {viewer: ["*"]}}}
nats: {urls: ["tls://h"], user: u, password_file: word, ca_file: ca.pem, cert_file: cert.pem, key_file: key.pem}
amqp: {urls: ["amqps://h"], token_file: word, ca_file: ca.pem, cert_file: cert.pem, key_file: key.pem}
stomp: {urls: ["stomps://h"], user: u, password_file: word, ca_file: ca.pem, cert_file: cert.pem, key_file: key.pem}
records: {outputs: {o: {form: go, url: "https://h", token_file: word, ca_file: ca.pem}}}
archive: {s3: {endpoint: h, bucket: b, tls: true, ca_file: ca.pem}}
`

// Ensure that everything that is wrong with the files that a server reads when it starts is told
// at once, with its key, and that nothing is where all of them are good.
func TestLoadToServe(t *testing.T) {
	t.Chdir(t.TempDir())
	missing := func(name string) string { return fmt.Sprintf("open %s: no such file or directory", name) }
	pair := "cert.pem, key.pem: " + missing("cert.pem")
	want := []string{
		"c.yaml:2: http.tls.cert: " + pair, "c.yaml:2: http.tls.client_ca: " + missing("ca.pem"),
		"c.yaml:4: auth.key_file: load key: " + missing("ed.pem") + "; tallystick token makes it",
		"c.yaml:5: auth.key_files: load keys: stat ed.pem: no such file or directory",
		"c.yaml:5: auth.key_files: load keys: stat keys: no such file or directory",
		"c.yaml:6: auth.accounts.password_file: " + missing("word"),
		"c.yaml:7: auth.jwt_session.key_file: load login key: " + missing("ed.pem"),
		"c.yaml:8: auth.jwt_cookie.key_file: load key: " + missing("ed.pem"),
		"c.yaml:8: auth.jwt_cookie.trusted_key_file: load key: " + missing("ed.pem"),
		"c.yaml:9: auth.ldap.ca_file: " + missing("ca.pem"), "c.yaml:10: auth.github.ca_file: " + missing("ca.pem"),
		"c.yaml:11: auth.oidc.p.ca_file: " + missing("ca.pem"),
	}
	for i, under := range []string{"nats", "amqp", "stomp"} {
		at := fmt.Sprintf("c.yaml:%d: %s.", 12+i, under)
		secret := map[bool]string{true: "token_file: ", false: "password_file: "}[under == "amqp"]
		want = append(want, at+"ca_file: "+missing("ca.pem"), at+"cert_file: "+pair, at+secret+missing("word"))
	}
	want = append(want, "c.yaml:15: records.outputs.o.ca_file: "+missing("ca.pem"),
		"c.yaml:15: records.outputs.o.token_file: "+missing("word"), "c.yaml:16: archive.s3.ca_file: "+missing("ca.pem"))
	if diff := cmp.Diff(want, onStart(t, everyFile)); diff != "" {
		t.Errorf("without any (-want +got):\n%s", diff)
	}
	putFiles(t)
	if got := onStart(t, everyFile); got != nil {
		t.Errorf("with all: got %q", got)
	}
}

// putFiles makes the files of everyFile.
func putFiles(t *testing.T) {
	t.Helper()
	if err := os.Mkdir("keys", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"ed.pem", filepath.Join("keys", "a.pem")} {
		if _, err := auth.CreateKey(path); err != nil {
			t.Fatal(err)
		}
	}
	ca := bustest.NewAuthority(t)
	cert, key := ca.Files("localhost")
	for from, to := range map[string]string{cert: "cert.pem", key: "key.pem", ca.File: "ca.pem"} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("word", []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Ensure that keys which are there and cannot be used are told, and that one which development
// makes need not be there.
func TestLoadToServeKeys(t *testing.T) {
	t.Chdir(t.TempDir())
	putFiles(t)
	f := func(text string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, onStart(t, text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	if err := os.Mkdir("empty", 0o700); err != nil {
		t.Fatal(err)
	}
	f("development: true\nauth: {accounts: {database: a.db}, jwt_cookie: {name: portal, key_file: checkpoints/key.pem}}")
	f("auth: {key_files: empty}", "c.yaml:1: auth.key_files: there is no key in empty")
	f("auth: {key_files: [empty, word]}", "c.yaml:1: auth.key_files: load key word: not a PEM file")
	f("auth: {key_file: ed.pem, key_files: empty}")
	f("auth: {key_file: ed.pem}\nhttp: {tls: {cert: cert.pem, key: ed.pem}}",
		"c.yaml:2: http.tls.cert: cert.pem, ed.pem: tls: private key type does not match public key type")
	f("auth: {key_file: ed.pem}\nnats: {urls: 'nats://h', nkey_file: word}",
		"c.yaml:2: nats.nkey_file: word: nkeys: no nkey seed found")
}

// Ensure that what is wrong with a key is not told again of its file.
func TestLoadToServeOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	_, err := config.LoadToServe(settings.Sources{Settings: []string{
		"http.tls.cert=c", "auth.key_files=,a", "nats.urls=nats://h", "nats.cert_file=c",
	}})
	const want = `"auth.key_files=,a": auth.key_files: a path is empty
"nats.cert_file=c": nats.cert_file: a certificate needs a key_file, and a key a certificate
http.tls: cert and key go together`
	if got := strings.Split(fmt.Sprint(err), "\n"); strings.Join(slices.Sorted(slices.Values(got)), "\n") != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}
