package oidc_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"tallystick/internal/auth"
	"tallystick/internal/auth/oidc"
)

// A stub is a provider that says what a real one never would.
type stub struct {
	*httptest.Server
	key    ed25519.PrivateKey
	meta   map[string]any                    // of the discovery document, beyond the usual
	claims map[string]any                    // of the token, beyond the usual
	info   map[string]any                    // of the user info
	sign   func(claims jwt.MapClaims) string // nil: as it should be
	nonce  string                            // of the login under way
	refuse string                            // error of the token endpoint
	keys   atomic.Pointer[http.HandlerFunc]  // nil: its key
	asked  url.Values                        // what the token endpoint was asked
}

func newStub(t *testing.T) *stub {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &stub{key: key, meta: map[string]any{}, claims: map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", s.discovery)
	mux.HandleFunc("/jwks", s.jwks)
	mux.HandleFunc("/token", s.token)
	mux.HandleFunc("/userinfo", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.info) })
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) //nolint:errchkjson // of a test's own values
}

func (s *stub) discovery(w http.ResponseWriter, _ *http.Request) {
	doc := map[string]any{
		"issuer": s.URL, "authorization_endpoint": s.URL + "/auth", "token_endpoint": s.URL + "/token",
		"jwks_uri": s.URL + "/jwks", "userinfo_endpoint": s.URL + "/userinfo",
		"id_token_signing_alg_values_supported": []string{"EdDSA", "HS256", "none"},
	}
	maps.Copy(doc, s.meta)
	answer(w, doc)
}

func (s *stub) jwks(w http.ResponseWriter, r *http.Request) {
	if keys := s.keys.Load(); keys != nil {
		(*keys)(w, r)
		return
	}
	public, _ := s.key.Public().(ed25519.PublicKey)
	answer(w, map[string]any{"keys": []any{map[string]any{
		"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "1", "x": base64.RawURLEncoding.EncodeToString(public),
	}}})
}

func (s *stub) token(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	s.asked = r.PostForm
	if s.refuse != "" {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		answer(w, map[string]any{"error": s.refuse})
		return
	}
	claims := jwt.MapClaims{
		"iss": s.URL, "sub": "248289761001", "aud": "app", "nonce": s.nonce, "exp": time.Now().Add(time.Minute).Unix(),
		"iat": time.Now().Unix(), "preferred_username": "alice", "name": "Alice A", "email": "alice@example.org",
		"roles": []string{"shifter"},
	}
	for k, v := range s.claims {
		if claims[k] = v; v == nil {
			delete(claims, k)
		}
	}
	sign := s.sign
	if sign == nil {
		sign = s.good
	}
	answer(w, map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": sign(claims)})
}

func (s *stub) good(claims jwt.MapClaims) string {
	return signed(jwt.SigningMethodEdDSA, claims, s.key)
}

func signed(method jwt.SigningMethod, claims jwt.MapClaims, key any) string {
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = "1"
	text, _ := token.SignedString(key)
	return text
}

func (s *stub) config() oidc.Config {
	return oidc.Config{
		Issuer: s.URL, ClientID: "app", RedirectURL: "http://127.0.0.1:8080/login/x/callback", RolesClaim: "roles",
		Roles: auth.Grants{Viewer: []string{auth.Everybody}, Validator: []string{"shifter"}, Admin: []string{"boss"}},
	}
}

// open returns the provider of a config that is good.
func open(t *testing.T, c oidc.Config) *oidc.Provider {
	t.Helper()
	for _, p := range c.Check("x") {
		t.Fatalf("%s: %v", p.Key, p.Err)
	}
	p, err := oidc.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// login begins a login, and comes back from it; change may change what the browser comes back with.
func (s *stub) login(t *testing.T, p *oidc.Provider, change func(url.Values)) (auth.Identity, error) {
	t.Helper()
	location, kept, err := p.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	s.nonce = u.Query().Get("nonce")
	q := url.Values{"code": {"c"}, "state": {u.Query().Get("state")}}
	if change != nil {
		change(q)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/login/x/callback?"+q.Encode(), http.NoBody)
	return p.Finish(r, kept)
}
