//go:build e2e

package oidc_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/auth"
	"tallystick/internal/auth/oidc"
	"tallystick/internal/auth/peer"
	"tallystick/internal/bus/bustest"
)

// callback is registered at the provider; nobody is there.
const (
	home     = "http://127.0.0.1:1/"
	callback = home + "login/x/callback"
)

// startReal starts npm's oidc-provider, which is ended with the test, and returns its issuer. A
// test is skipped where it is missing.
func startReal(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "tallystick-npm")
	module := filepath.Join(dir, "node_modules/oidc-provider/lib/index.js")
	if _, err := os.Stat(module); err != nil {
		t.Skipf("oidc-provider is not installed (npm install --prefix %s oidc-provider@9.13.3)", dir)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed (apt-get install nodejs)")
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	port := bustest.FreePort(t)
	issuer := fmt.Sprintf("http://127.0.0.1:%d", port)
	kill, err := bustest.Start([]string{node, "testdata/provider.mjs"}, out,
		"MODULE="+module, "ISSUER="+issuer, "CALLBACK="+callback, "HOME_URL="+home)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kill)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 1500 {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			c.Close()
			return issuer
		}
		<-tick.C
	}
	said, _ := os.ReadFile(out.Name())
	t.Fatalf("oidc-provider does not listen after 30 s: %s", said)
	return ""
}

func realConfig(t *testing.T, issuer string) oidc.Config {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return oidc.Config{
		Issuer: issuer, ClientID: "app", ClientSecretFile: secret, RedirectURL: callback, LogoutURL: home,
		Scopes: []string{"profile", "roles"}, RolesClaim: "roles", Roles: auth.Grants{Validator: []string{"shifter"}},
	}
}

// browse does what a browser and somebody who logs in as name do, and returns what the browser
// comes back to the callback with.
func browse(t *testing.T, location, name string) url.Values {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var back *url.URL
	b := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), callback) {
			back = r.URL
			return http.ErrUseLastResponse
		}
		return nil
	}}
	resp, err := b.Get(location)
	for _, form := range []url.Values{{"prompt": {"login"}, "login": {name}, "password": {"x"}}, {"prompt": {"consent"}}} {
		if err != nil || resp.StatusCode >= 400 || back != nil {
			break
		}
		resp.Body.Close()
		resp, err = b.PostForm(resp.Request.URL.String(), form)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if back == nil {
		said, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		t.Fatalf("the browser does not come back: %s: %s", resp.Status, said)
	}
	return back.Query()
}

func begin(t *testing.T, p *oidc.Provider) (location, kept string) {
	t.Helper()
	location, kept, err := p.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return location, kept
}

func finish(t *testing.T, p *oidc.Provider, q url.Values, kept string) (auth.Identity, error) {
	t.Helper()
	return p.Finish(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/login/x/callback?"+q.Encode(), http.NoBody), kept)
}

func TestReal(t *testing.T) {
	issuer := startReal(t)
	p := open(t, realConfig(t, issuer))
	location, kept := begin(t, p)
	q := browse(t, location, "alice")
	if q.Get("iss") != issuer {
		t.Errorf("iss of the answer: got %q, want %q", q.Get("iss"), issuer)
	}
	id, err := finish(t, p, q, kept)
	if err != nil {
		t.Fatal(err)
	}
	logout := id.Logout
	id.Logout = ""
	want := auth.Identity{
		Subject: issuer + " alice",
		User:    auth.User{Name: "alice", DisplayName: "alice of app", Source: "oidc", Roles: []auth.Role{auth.Validator}},
	}
	if diff := cmp.Diff(want, id); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
	if _, err := finish(t, p, q, kept); !errors.Is(err, auth.ErrDenied) {
		t.Errorf("a code again: got %v, want that it is denied", err)
	}
	resp, err := http.Get(logout)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if said, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || !strings.Contains(string(said), "logout") {
		t.Errorf("logout: got %s: %.200s", resp.Status, said)
	}
}

func TestRealRefusals(t *testing.T) {
	issuer := startReal(t)
	c := realConfig(t, issuer)
	p := open(t, c)
	f := func(what string, by *oidc.Provider, want error, change func(q url.Values, trip *peer.Trip)) {
		t.Helper()
		location, kept := begin(t, p)
		q := browse(t, location, "alice")
		trip, err := peer.ParseTrip(kept)
		if err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(q, &trip)
		}
		if _, err := finish(t, by, q, trip.String()); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", what, err, want)
		}
	}
	f("wrong verifier", p, auth.ErrDenied, func(_ url.Values, trip *peer.Trip) { trip.Verifier = peer.NewTrip().Verifier })
	f("wrong nonce", p, auth.ErrDenied, func(_ url.Values, trip *peer.Trip) { trip.Nonce = "x" })
	f("wrong state", p, auth.ErrDenied, func(_ url.Values, trip *peer.Trip) { trip.State = "x" })
	f("wrong code", p, auth.ErrDenied, func(q url.Values, _ *peer.Trip) { q.Set("code", "x") })
	f("no iss", p, auth.ErrDenied, func(q url.Values, _ *peer.Trip) { q.Del("iss") })
	f("iss of another", p, auth.ErrDenied, func(q url.Values, _ *peer.Trip) { q.Set("iss", "https://evil.example") })

	other := c
	other.ClientID = "other"
	f("a code for another client", open(t, other), auth.ErrDenied, nil)
	wrong := c
	wrong.ClientSecretFile = filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(wrong.ClientSecretFile, []byte("wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	f("a client that is not known", open(t, wrong), auth.ErrUnavailable, nil)
}

// TestRealRedirect has somebody ask for the answer to be sent elsewhere.
func TestRealRedirect(t *testing.T) {
	location, _ := begin(t, open(t, realConfig(t, startReal(t))))
	resp, err := http.Get(strings.Replace(location, url.QueryEscape(callback), url.QueryEscape("http://127.0.0.1:1/login/y/callback"), 1))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("with a callback that is not registered: got %s, want 400", resp.Status)
	}
}
