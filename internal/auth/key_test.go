package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/auth"
)

func TestCreateAndLoadKey(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key.pem")
	made, err := auth.CreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := info.Mode(), fs.FileMode(0o600); got != want {
		t.Errorf("got mode %v, want %v", got, want)
	}
	loaded, err := auth.LoadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if !loaded.CanSign() || loaded.ID() != made.ID() || !loaded.Public().Equal(made.Public()) {
		t.Errorf("got another key than was made")
	}

	before, _ := os.ReadFile(path)
	if _, err := auth.CreateKey(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("making it again: got error %v, want %v", err, fs.ErrExist)
	}
	after, _ := os.ReadFile(path)
	if string(before) != string(after) {
		t.Error("making it again replaced it")
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1 {
		t.Errorf("got %v in the folder, want the key only", entries)
	}
	if _, err := auth.CreateKey(filepath.Join(dir, "no", "key.pem")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("making it in no folder: got error %v, want %v", err, fs.ErrNotExist)
	}
}

func TestKeyDoesNotPrintItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	key, err := auth.CreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if got, want := fmt.Sprintf(format, key), "key "+key.ID(); got != want {
			t.Errorf("%s: got %q, want %q", format, got, want)
		}
	}
}

func TestLoadKeyErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key.pem")
	if _, err := auth.CreateKey(path); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(curve.Public())
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	f := func(contents string, mode fs.FileMode, want string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "key.pem")
		if err := os.WriteFile(path, []byte(contents), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := auth.LoadKey(path)
		if got := fmt.Sprint(err); !strings.Contains(got, want) {
			t.Errorf("%.30q: got error %q, want %q", contents, got, want)
		}
	}
	f(string(good), 0o600, "<nil>")
	f(string(good), 0o640, "<nil>")
	f(string(good), 0o644, "chmod 600")
	f("", 0o600, "not a PEM file")
	f("hello", 0o600, "not a PEM file")
	f(block("PRIVATE KEY", private), 0o600, "not an Ed25519 private key")
	f(block("PRIVATE KEY", []byte("x")), 0o600, "not an Ed25519 private key")
	f(block("PUBLIC KEY", public), 0o600, "not an Ed25519 public key")
	f(block("PUBLIC KEY", nil), 0o600, "not an Ed25519 public key")
	f(block("CERTIFICATE", public), 0o600, "CERTIFICATE")

	if _, err := auth.LoadKey(filepath.Join(dir, "no")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got error %v, want %v", err, fs.ErrNotExist)
	}
}

// TestPublicKeyFile holds that a public key checks tokens, makes none, and may
// be read by everybody.
func TestPublicKeyFile(t *testing.T) {
	key := seeded('a')
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "public.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	loaded, err := auth.LoadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.CanSign() {
		t.Error("a public key can sign")
	}
	claims := auth.Claims{Subject: "s", Roles: []auth.Role{auth.Viewer}, TTL: time.Hour}
	if _, err := loaded.Sign(claims, fixedNow()); err == nil {
		t.Error("a public key signs")
	}
	v := verifier(t, auth.Config{KeyFile: path}, fixedNow)
	if _, err := v.Authenticate(request(signed(key, plainHeader, payload()))); err != nil {
		t.Errorf("got error %v", err)
	}
}

func TestSign(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	key, err := auth.CreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	v := verifier(t, auth.Config{KeyFile: path, Issuer: "i", Audience: "a"}, fixedNow)
	claims := auth.Claims{
		Subject: "agent7", Roles: []auth.Role{auth.Writer, auth.Viewer}, TTL: time.Minute, Issuer: "i", Audience: "a",
	}
	ids := map[string]bool{}
	for range 2 {
		token, err := key.Sign(claims, fixedNow())
		if err != nil {
			t.Fatal(err)
		}
		got, err := v.Authenticate(request(token))
		if err != nil {
			t.Fatal(err)
		}
		ids[got.TokenID] = true
		got.TokenID = ""
		if diff := cmp.Diff(auth.User{Name: "agent7", Roles: claims.Roles}, got); diff != "" {
			t.Errorf("user (-want +got):\n%s", diff)
		}
	}
	if len(ids) != 2 || ids[""] {
		t.Errorf("got token ids %v, want two", ids)
	}
}

// TestSignRefuses holds that no token is made that would be refused.
func TestSignRefuses(t *testing.T) {
	key, err := auth.CreateKey(filepath.Join(t.TempDir(), "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	good := auth.Claims{Subject: "s", Roles: []auth.Role{auth.Viewer}, TTL: time.Hour}
	f := func(want string, change func(*auth.Claims)) {
		t.Helper()
		c := good
		change(&c)
		_, err := key.Sign(c, fixedNow())
		if got := fmt.Sprint(err); !strings.Contains(got, want) {
			t.Errorf("got error %q, want %q", got, want)
		}
	}
	f("<nil>", func(*auth.Claims) {})
	f("subject", func(c *auth.Claims) { c.Subject = "" })
	f("subject", func(c *auth.Claims) { c.Subject = "a\nb" })
	f("no roles", func(c *auth.Claims) { c.Roles = nil })
	f("none of", func(c *auth.Claims) { c.Roles = []auth.Role{"root"} })
	f("good for", func(c *auth.Claims) { c.TTL = 0 })
	f("good for", func(c *auth.Claims) { c.TTL = -time.Hour })
	f("longer", func(c *auth.Claims) { c.Subject = strings.Repeat("x", 8<<10) })
}

func TestNewVerifierErrors(t *testing.T) {
	f := func(cfg auth.Config, want string) {
		t.Helper()
		_, err := auth.NewVerifier(cfg, fixedNow)
		if got := fmt.Sprint(err); !strings.Contains(got, want) {
			t.Errorf("%+v: got error %q, want %q", cfg, got, want)
		}
	}
	encode := base64.StdEncoding.EncodeToString
	f(config(seeded('a')), "<nil>")
	f(auth.Config{}, "no key")
	f(auth.Config{PublicKey: "not base64!"}, "not base64")
	f(auth.Config{PublicKey: encode(make([]byte, 31))}, "31 bytes")
	f(auth.Config{PublicKey: encode(make([]byte, 32))}, "zero")
	f(auth.Config{PublicKey: encode(seeded('a'))}, "may be a private key")
	f(auth.Config{KeyFile: filepath.Join(t.TempDir(), "no.pem")}, "no.pem")
}

// FuzzKey holds that a file is a key of Ed25519, whose tokens can be verified, or an error.
func FuzzKey(f *testing.F) {
	path := filepath.Join(f.TempDir(), "key.pem")
	if _, err := auth.CreateKey(path); err != nil {
		f.Fatal(err)
	}
	made, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(made)
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nMC4CAQ==\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		key, err := auth.LoadKey(path)
		if err != nil {
			return
		}
		if err := auth.CheckPublicKey(key.Public()); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		token, err := key.Sign(auth.Claims{Subject: "s", Roles: auth.Roles(), TTL: time.Hour}, fixedNow())
		if (err == nil) != key.CanSign() {
			t.Errorf("%q: signing: got %v, want that it can: %v", text, err, key.CanSign())
		}
		if _, refused := verifier(t, auth.Config{KeyFile: path}, fixedNow).Authenticate(request(token)); err == nil && refused != nil {
			t.Errorf("%q: its own token: %v", text, refused)
		}
	})
}
