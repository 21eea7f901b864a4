package oidc_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"tallystick/internal/auth"
	"tallystick/internal/auth/oidc"
	"tallystick/internal/auth/peer"
)

func TestIdentity(t *testing.T) {
	s := newStub(t)
	s.meta["end_session_endpoint"] = s.URL + "/end"
	c := s.config()
	c.LogoutURL = "http://127.0.0.1:8080/"
	id, err := s.login(t, open(t, c), nil)
	if err != nil {
		t.Fatal(err)
	}
	logout, err := url.Parse(id.Logout)
	if err != nil {
		t.Fatal(err)
	}
	q := logout.Query()
	if q.Get("client_id") != "app" || q.Get("id_token_hint") == "" || q.Get("post_logout_redirect_uri") != c.LogoutURL || logout.Path != "/end" {
		t.Errorf("logout: got %s", id.Logout)
	}
	id.Logout = ""
	want := auth.Identity{
		Subject: s.URL + " 248289761001",
		User: auth.User{
			Name: "alice", DisplayName: "Alice A", Email: "alice@example.org", Source: "oidc", Roles: []auth.Role{auth.Viewer, auth.Validator},
		},
	}
	if diff := cmp.Diff(want, id); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
	if s.asked.Get("code_verifier") == "" || s.asked.Get("redirect_uri") != c.RedirectURL {
		t.Errorf("the token endpoint was asked %v", s.asked)
	}
}

// TestSubject has the mail and the name of somebody else told by the provider: who it is stays sub.
func TestSubject(t *testing.T) {
	s := newStub(t)
	p := open(t, s.config())
	s.claims = map[string]any{"sub": "666", "email": "alice@example.org", "email_verified": true}
	id, err := s.login(t, p, nil)
	if want := s.URL + " 666"; err != nil || id.Subject != want {
		t.Errorf("subject: got %q (%v), want %q", id.Subject, err, want)
	}
	s.claims = map[string]any{"preferred_username": nil}
	if id, err := s.login(t, p, nil); err != nil || id.Name != "248289761001" {
		t.Errorf("name of somebody without one: got %q (%v), want the subject", id.Name, err)
	}
}

func TestBegin(t *testing.T) {
	s := newStub(t)
	p := open(t, s.config())
	seen := make(map[string]bool)
	for range 2 {
		location, kept, err := p.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(location)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		if q.Get("code_challenge_method") != "S256" || q.Get("response_type") != "code" || q.Get("scope") != "openid profile email" {
			t.Errorf("location: got %s", location)
		}
		if len(kept) > 200 {
			t.Errorf("what is kept has %d bytes, want no more than fit in a cookie with others", len(kept))
		}
		for _, key := range []string{"state", "nonce", "code_challenge"} {
			if v := q.Get(key); len(v) < 22 || seen[v] {
				t.Errorf("%s: got %q, want 128 bits or more, and others each time", key, v)
			}
			seen[q.Get(key)] = true
		}
	}
}

// TestAnswers is about what a browser comes back with.
func TestAnswers(t *testing.T) {
	s := newStub(t)
	p := open(t, s.config())
	f := func(what string, ok bool, change func(url.Values)) {
		t.Helper()
		s.asked = nil
		if _, err := s.login(t, p, change); ok != (err == nil) || !ok && !errors.Is(err, auth.ErrDenied) {
			t.Errorf("%s: got %v, want that it is good: %v", what, err, ok)
		}
		if !ok && s.asked != nil {
			t.Errorf("%s: the code was sent to the provider", what)
		}
	}
	f("as it should be", true, nil)
	f("no state", false, func(q url.Values) { q.Del("state") })
	f("empty state", false, func(q url.Values) { q.Set("state", "") })
	f("wrong state", false, func(q url.Values) { q.Set("state", "x"+q.Get("state")) })
	f("two states", false, func(q url.Values) { q.Add("state", "x") })
	f("no code", false, func(q url.Values) { q.Del("code") })
	f("two codes", false, func(q url.Values) { q.Add("code", "d") })
	f("error", false, func(q url.Values) { q.Set("error", "access_denied") })
	f("its iss", true, func(q url.Values) { q.Set("iss", s.URL) })
	f("iss of another", false, func(q url.Values) { q.Set("iss", "https://evil.example") })
	f("iss twice", false, func(q url.Values) { q["iss"] = []string{s.URL, "https://evil.example"} })

	s.meta["authorization_response_iss_parameter_supported"] = true
	p = open(t, s.config())
	f("no iss, which was promised", false, nil)
	f("iss as promised", true, func(q url.Values) { q.Set("iss", s.URL) })
}

// TestKept is about the browser's cookie: another login's, or none.
func TestKept(t *testing.T) {
	s := newStub(t)
	p := open(t, s.config())
	_, other, err := p.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	location, _, err := p.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	for _, kept := range []string{"", "a.b", "..", other, peer.NewTrip().String()} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?code=c&state="+u.Query().Get("state"), http.NoBody)
		if _, err := p.Finish(r, kept); !errors.Is(err, auth.ErrDenied) {
			t.Errorf("with %q: got %v, want that it is denied", kept, err)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?code=c&state=", http.NoBody)
	if _, err := p.Finish(r, ".."); !errors.Is(err, auth.ErrDenied) {
		t.Errorf("with an empty state: got %v, want that it is denied", err)
	}
}

// TestTokens is about what the provider, or who is between, says.
func TestTokens(t *testing.T) {
	s := newStub(t)
	p := open(t, s.config())
	good := s.good
	f := func(what string, ok bool, sign func(jwt.MapClaims) string) {
		t.Helper()
		s.sign = sign
		if _, err := s.login(t, p, nil); ok != (err == nil) || !ok && !errors.Is(err, auth.ErrDenied) {
			t.Errorf("%s: got %v, want that it is good: %v", what, err, ok)
		}
	}
	with := func(name string, v any) func(jwt.MapClaims) string {
		return func(c jwt.MapClaims) string {
			c[name] = v
			return good(c)
		}
	}
	f("as it should be", true, good)
	f("nonce of another", false, with("nonce", "x"))
	f("no nonce", false, with("nonce", ""))
	f("aud of another", false, with("aud", "other"))
	f("aud of two, no azp", false, with("aud", []string{"app", "other"}))
	f("azp of another", false, with("azp", "other"))
	f("azp of ours", true, with("azp", "app"))
	f("iss of another", false, with("iss", "https://evil.example"))
	f("expired", false, with("exp", time.Now().Add(-time.Hour).Unix()))
	f("no exp", false, with("exp", nil))
	f("no sub", false, with("sub", ""))
	f("alg none", false, func(c jwt.MapClaims) string {
		return signed(jwt.SigningMethodNone, c, jwt.UnsafeAllowNoneSignatureType)
	})
	f("HS256 with the public key", false, func(c jwt.MapClaims) string {
		return signed(jwt.SigningMethodHS256, c, []byte(s.key[32:]))
	})
	f("signature of another", false, func(c jwt.MapClaims) string { return signed(jwt.SigningMethodEdDSA, c, newStub(t).key) })
	f("no signature", false, func(c jwt.MapClaims) string { return good(c)[:strings.LastIndexByte(good(c), '.')+1] })
	f("no token", false, func(jwt.MapClaims) string { return "x" })
}

func TestRefusals(t *testing.T) {
	s := newStub(t)
	p := open(t, s.config())
	f := func(refuse string, want error) {
		t.Helper()
		s.refuse = refuse
		if _, err := s.login(t, p, nil); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", refuse, err, want)
		}
	}
	f("invalid_grant", auth.ErrDenied)
	f("invalid_client", auth.ErrUnavailable) // nobody's fault but the operator's
	s.Close()
	if _, err := s.login(t, p, nil); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("provider down: got %v, want that it is not available", err)
	}
}

// TestKeys has a provider whose keys are not to be had for a while, which is no fault of who logs in.
func TestKeys(t *testing.T) {
	s := newStub(t)
	p := open(t, s.config())
	f := func(what string, keys *http.HandlerFunc, want error) {
		t.Helper()
		s.keys.Store(keys)
		if _, err := s.login(t, p, nil); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", what, err, want)
		}
	}
	says := func(status int, text string) *http.HandlerFunc {
		return new(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, text)
		}))
	}
	f("a fault", says(http.StatusInternalServerError, ""), auth.ErrUnavailable)
	f("gone", says(http.StatusNotFound, ""), auth.ErrUnavailable)
	f("no JSON", says(http.StatusOK, "<html>"), auth.ErrUnavailable)
	f("too long", says(http.StatusOK, `{"keys":[],"x":"`+strings.Repeat("x", peer.MaxAnswer)+`"}`), auth.ErrUnavailable)
	hangUp := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	f("hung up", &hangUp, auth.ErrUnavailable)
	f("no key", says(http.StatusOK, `{"keys":[]}`), auth.ErrDenied)
	f("back", nil, nil)
	f("gone, but known", says(http.StatusNotFound, ""), nil)
}

// TestDownAtStart has a provider that comes up late.
func TestDownAtStart(t *testing.T) {
	s := newStub(t)
	s.meta["issuer"] = "https://not.yet.example"
	p := open(t, s.config())
	if _, _, err := p.Begin(t.Context()); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("begin while it is down: got %v, want that it is not available", err)
	}
	delete(s.meta, "issuer")
	if _, err := s.login(t, p, nil); err != nil {
		t.Errorf("login when it is up: %v", err)
	}
}

// TestSilent has a provider that does not answer: who waits for the answer to another may give up.
func TestSilent(t *testing.T) {
	asked, over := make(chan struct{}, 1), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-over
	}))
	t.Cleanup(s.Close)
	c := newStub(t).config()
	c.Issuer = s.URL
	p := open(t, c)
	first := make(chan error, 1)
	go func() {
		_, _, err := p.Begin(t.Context())
		first <- err
	}()
	<-asked
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := p.Begin(ctx); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("behind another: got %v, want that it is not available", err)
	}
	select {
	case err := <-first:
		t.Errorf("the other has ended before: %v", err)
	default:
	}
	close(over)
	if err := <-first; !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("the other: got %v, want that it is not available", err)
	}
}

// TestMetadata refuses to send people, or codes, where others can read along.
func TestMetadata(t *testing.T) {
	s := newStub(t)
	f := func(name, value string) {
		t.Helper()
		s.meta = map[string]any{name: value}
		if _, _, err := open(t, s.config()).Begin(t.Context()); !errors.Is(err, auth.ErrUnavailable) {
			t.Errorf("%s %s: got %v, want that it is not available", name, value, err)
		}
	}
	f("issuer", "https://evil.example")
	f("authorization_endpoint", "http://evil.example/auth")
	f("authorization_endpoint", "javascript:alert(1)")
	f("token_endpoint", "http://evil.example/token")

	s.meta = map[string]any{"end_session_endpoint": "javascript:alert(1)"}
	if id, err := s.login(t, open(t, s.config()), nil); err != nil || id.Logout != "" {
		t.Errorf("end_session_endpoint: got %q, %v, want none", id.Logout, err)
	}
}

func TestLongAnswer(t *testing.T) {
	s := newStub(t)
	s.meta["x"] = strings.Repeat("x", peer.MaxAnswer)
	if _, _, err := open(t, s.config()).Begin(t.Context()); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("a long answer: got %v, want that it is not available", err)
	}
}

func TestUserInfo(t *testing.T) {
	s := newStub(t)
	c := s.config()
	c.UserInfo = true
	s.claims = map[string]any{"roles": nil}
	s.info = map[string]any{"sub": "248289761001", "roles": []string{"boss"}, "preferred_username": "mallory"}
	id, err := s.login(t, open(t, c), nil)
	if err != nil || !id.Has(auth.Admin) || id.Name != "alice" {
		t.Errorf("roles of the user info: got %+v, %v, want alice as admin", id.User, err)
	}
	s.info["sub"] = "other"
	if id, err := s.login(t, open(t, c), nil); err == nil {
		t.Errorf("user info of somebody else: got %+v, want an error", id.User)
	}
}

// TestKeycloak has roles of several clients in a token: those of others are none here.
func TestKeycloak(t *testing.T) {
	s := newStub(t)
	s.claims = map[string]any{"roles": nil, "resource_access": map[string]any{
		"app":   map[string]any{"roles": []string{"shifter"}},
		"other": map[string]any{"roles": []string{"boss"}},
	}}
	c := s.config()
	c.RolesClaim = "/resource_access/app/roles"
	id, err := s.login(t, open(t, c), nil)
	if err != nil || id.Has(auth.Admin) || !id.Has(auth.Validator) {
		t.Errorf("roles: got %v, %v, want no admin", id.Roles, err)
	}
}

func TestCheck(t *testing.T) {
	f := func(change func(*oidc.Config), keys ...string) {
		t.Helper()
		c := (&stub{Server: &httptest.Server{URL: "https://id.example.org"}}).config()
		change(&c)
		var got []string
		for _, p := range c.Check("x") {
			got = append(got, p.Key)
		}
		if diff := cmp.Diff(keys, got); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
	}
	f(func(*oidc.Config) {})
	f(func(c *oidc.Config) { c.Issuer = "http://id.example.org" }, "issuer")
	f(func(c *oidc.Config) { c.Issuer, c.ClientID = "", "" }, "issuer", "client_id")
	f(func(c *oidc.Config) { c.RedirectURL = "https://tally.example.org/login/y/callback" }, "redirect_url")
	f(func(c *oidc.Config) { c.RedirectURL = "/login/x/callback" }, "redirect_url")
	f(func(c *oidc.Config) { c.LogoutURL = "javascript:x" }, "logout_url")
	f(func(c *oidc.Config) { c.RolesClaim = "/a/~2" }, "roles_claim")
	f(func(c *oidc.Config) { c.RolesClaim = "/resource_access/other/roles" }, "roles_claim")
	f(func(c *oidc.Config) { c.RolesClaim = "resource_access" }, "roles_claim")
	f(func(c *oidc.Config) { c.RolesClaim = "" }, "roles_claim")
	f(func(c *oidc.Config) { c.Roles = auth.Grants{} }, "roles")
}
