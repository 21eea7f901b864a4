package jwtlogin_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"hash"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/auth"
	"tallystick/internal/auth/jwtlogin"
)

// secret is that of the tests, of 32 bytes.
const secret = "0123456789abcdef0123456789abcdef"

func now() time.Time { return time.Unix(1_700_000_000, 0) }

func private(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func public(seed byte) ed25519.PublicKey { return ed25519.PublicKey(private(seed)[ed25519.SeedSize:]) }

func segment(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// A signer makes the third part of a token.
type signer func(text string) []byte

func eddsa(seed byte) signer {
	return func(text string) []byte { return ed25519.Sign(private(seed), []byte(text)) }
}

func hs(h func() hash.Hash, key []byte) signer {
	return func(text string) []byte {
		mac := hmac.New(h, key)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
}

func signed(by signer, header, payload string) string {
	text := segment(header) + "." + segment(payload)
	return text + "." + base64.RawURLEncoding.EncodeToString(by(text))
}

// payload returns good claims as JSON, with some members replaced, or removed if the new value
// is empty.
func payload(replace ...string) string {
	members := map[string]json.RawMessage{
		"sub": json.RawMessage(`"ada"`), "roles": json.RawMessage(`["user"]`), "exp": json.RawMessage(`1700000600`),
		"iat": json.RawMessage(`1700000000`), "jti": json.RawMessage(`"id1"`),
		"name": json.RawMessage(`"Ada Lovelace"`), "email": json.RawMessage(`"ada@site.example"`), "projects": json.RawMessage(`["p1",2]`),
	}
	for i := 0; i < len(replace); i += 2 {
		members[replace[i]] = json.RawMessage(replace[i+1])
		if replace[i+1] == "" {
			delete(members, replace[i])
		}
	}
	out, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// spent is a Spender in memory.
type spent struct {
	ids map[string]time.Time
	err error
}

func (s *spent) Revoke(_ context.Context, id string, ends time.Time) (bool, error) {
	if s.err != nil {
		return false, s.err
	}
	if _, there := s.ids[id]; there {
		return false, nil
	}
	if s.ids == nil {
		s.ids = make(map[string]time.Time)
	}
	s.ids[id] = ends
	return true, nil
}

func write(tb testing.TB, name string, text []byte) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func secretFile(tb testing.TB) string {
	tb.Helper()
	return write(tb, "secret", []byte(base64.StdEncoding.EncodeToString([]byte(secret))+"\n"))
}

func publicFile(tb testing.TB, seed byte) string {
	tb.Helper()
	der, err := x509.MarshalPKIXPublicKey(public(seed))
	if err != nil {
		tb.Fatal(err)
	}
	return write(tb, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func session(tb testing.TB, cfg jwtlogin.SessionConfig, s jwtlogin.Spender) *jwtlogin.Session {
	tb.Helper()
	p, err := jwtlogin.NewSession(cfg, s, now)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func cookies(tb testing.TB, cfg jwtlogin.CookieConfig, s jwtlogin.Spender) *jwtlogin.Cookie {
	tb.Helper()
	p, err := jwtlogin.NewCookie(cfg, s, now)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func bearing(token string) *auth.Attempt {
	r := httptest.NewRequest(http.MethodPost, jwtlogin.Path, http.NoBody)
	r.Header.Set("Authorization", "Bearer "+token)
	return &auth.Attempt{Request: r}
}

func withCookie(values ...string) *auth.Attempt {
	r := httptest.NewRequest(http.MethodGet, jwtlogin.Path, http.NoBody)
	for _, v := range values {
		r.AddCookie(&http.Cookie{Name: "jwt", Value: v})
	}
	return &auth.Attempt{Request: r}
}

// ada is who the good tokens are of.
func ada() auth.Identity {
	return auth.Identity{User: auth.User{
		Name: "ada", Roles: []auth.Role{auth.Viewer}, DisplayName: "Ada Lovelace", Email: "ada@site.example",
		Projects: []string{"p1"}, Source: "jwt",
	}}
}

const (
	headEdDSA = `{"alg":"EdDSA","typ":"JWT"}`
	headHS256 = `{"alg":"HS256","typ":"JWT"}`
)

// hostile returns the rows of the table of hostile tokens, made by a signer that is trusted for
// the header; with each, whether it is good all the same.
func hostile(by signer, head string) map[string]string {
	good := signed(by, head, payload())
	first, rest, _ := strings.Cut(good, ".")
	body, signature, _ := strings.Cut(rest, ".")
	alg := head[:strings.Index(head, ",")]
	return map[string]string{
		"alg none":                    segment(`{"alg":"none"}`) + "." + body + ".",
		"alg nOnE":                    segment(`{"alg":"nOnE"}`) + "." + body + "." + signature,
		"HS256 with the public key":   signed(hs(sha256.New, public('a')), headHS256, payload()),
		"HS256 with its base64":       signed(hs(sha256.New, []byte(base64.StdEncoding.EncodeToString(public('a')))), headHS256, payload()),
		"HS384":                       signed(hs(sha512.New384, []byte(secret)), `{"alg":"HS384"}`, payload()),
		"of another key":              signed(eddsa('z'), headEdDSA, payload()),
		"of another secret":           signed(hs(sha256.New, []byte(strings.ToUpper(secret))), headHS256, payload()),
		"tampered":                    first + "." + segment(payload("sub", `"root"`)) + "." + signature,
		"stripped signature":          first + "." + body + ".",
		"four segments":               good + "." + signature,
		"padded base64":               good + "==",
		"trailing newline":            good + "\n",
		"expired":                     signed(by, head, payload("exp", "1699999000")),
		"nbf in the future":           signed(by, head, payload("nbf", "1700009000")),
		"exp 1e400":                   signed(by, head, payload("exp", "1e400")),
		"no exp":                      signed(by, head, payload("exp", "")),
		"iat in the future":           signed(by, head, payload("iat", "1700000100")),
		"no sub":                      signed(by, head, payload("sub", "")),
		"sub a number":                signed(by, head, payload("sub", "7")),
		"no roles":                    signed(by, head, payload("roles", "")),
		"roles a string":              signed(by, head, payload("roles", `"admin"`)),
		"a role that is none":         signed(by, head, payload("roles", `["root"]`)),
		"crit":                        signed(by, alg+`,"crit":["exp"]}`, payload()),
		"too long":                    signed(by, head, payload("x", `"`+strings.Repeat("x", 8<<10)+`"`)),
		"jku and jwk with own key":    signed(eddsa('z'), `{"alg":"EdDSA","jku":"http://127.0.0.1/","jwk":{"kty":"OKP","crv":"Ed25519","x":"`+base64.RawURLEncoding.EncodeToString(public('z'))+`"}}`, payload()),
		"kid a path, signed by other": signed(eddsa('z'), `{"alg":"EdDSA","kid":"../../dev/null"}`, payload()),
		"empty":                       "",
	}
}

// Ensure every hostile token is refused, with the words for all that are, and none is spent.
func TestHostileTokens(t *testing.T) {
	providers := map[string]struct {
		login func(token string, s jwtlogin.Spender) (auth.Identity, error)
		by    signer
		head  string
	}{
		"session by secret": {func(token string, s jwtlogin.Spender) (auth.Identity, error) {
			return session(t, jwtlogin.SessionConfig{KeyFile: secretFile(t)}, s).Login(t.Context(), bearing(token))
		}, hs(sha256.New, []byte(secret)), headHS256},
		"session by key": {func(token string, s jwtlogin.Spender) (auth.Identity, error) {
			return session(t, jwtlogin.SessionConfig{KeyFile: publicFile(t, 'a')}, s).Login(t.Context(), bearing(token))
		}, eddsa('a'), headEdDSA},
		"cookie": {func(token string, s jwtlogin.Spender) (auth.Identity, error) {
			return cookies(t, jwtlogin.CookieConfig{Name: "jwt", KeyFile: publicFile(t, 'a')}, s).Login(t.Context(), withCookie(token))
		}, eddsa('a'), headEdDSA},
	}
	for provider, p := range providers {
		for what, token := range hostile(p.by, p.head) {
			if provider == "cookie" && what == "trailing newline" {
				continue // no cookie has one: net/http takes it away, and what is left is good
			}
			s := new(spent)
			id, err := p.login(token, s)
			if !errors.Is(err, auth.ErrDenied) || id.Name != "" || len(s.ids) > 0 {
				t.Errorf("%s, %s: got %+v and error %v, %d spent, want it denied and nothing spent", provider, what, id, err, len(s.ids))
			}
		}
		s := new(spent)
		got, err := p.login(signed(p.by, p.head, payload()), s)
		if diff := cmp.Diff(ada(), got); diff != "" || err != nil {
			t.Errorf("%s: got error %v, identity (-want +got):\n%s", provider, err, diff)
		}
		ends := slices.Collect(maps.Values(s.ids))
		if want := time.Unix(1_700_000_630, 0); len(ends) != 1 || !ends[0].Equal(want) {
			t.Errorf("%s: spent until %v, want %v", provider, ends, want)
		}
	}
}

func TestSessionAlgorithms(t *testing.T) {
	f := func(keyFile, token string, good bool) {
		t.Helper()
		_, err := session(t, jwtlogin.SessionConfig{KeyFile: keyFile}, new(spent)).Login(t.Context(), bearing(token))
		if (err == nil) != good {
			t.Errorf("%.30s: got error %v, want it good: %v", token, err, good)
		}
	}
	hs512 := signed(hs(sha512.New, []byte(secret)), `{"alg":"HS512"}`, payload())
	f(secretFile(t), signed(hs(sha256.New, []byte(secret)), headHS256, payload()), true)
	f(secretFile(t), hs512, true)
	f(secretFile(t), signed(eddsa('a'), headEdDSA, payload()), false)
	f(publicFile(t, 'a'), signed(eddsa('a'), headEdDSA, payload()), true)
	f(publicFile(t, 'a'), hs512, false)
}

func TestSessionIssuerAndAudience(t *testing.T) {
	cfg := jwtlogin.SessionConfig{KeyFile: publicFile(t, 'a'), Issuer: "https://issuer.example", Audience: "tallystick"}
	f := func(good bool, replace ...string) {
		t.Helper()
		_, err := session(t, cfg, new(spent)).Login(t.Context(), bearing(signed(eddsa('a'), headEdDSA, payload(replace...))))
		if (err == nil) != good {
			t.Errorf("%q: got error %v, want it good: %v", replace, err, good)
		}
	}
	f(true, "iss", `"https://issuer.example"`, "aud", `["x","tallystick"]`)
	f(false, "iss", `"https://other.example"`, "aud", `"tallystick"`)
	f(false, "iss", `"https://issuer.example"`, "aud", `"x"`)
	f(false, "iss", `"https://issuer.example"`)
	f(false, "aud", `"tallystick"`)
}

// Ensure the token comes by the header alone, unless the URL is switched on, and only where such
// tokens are taken; who types a name is for others.
func TestSessionWhere(t *testing.T) {
	token := signed(eddsa('a'), headEdDSA, payload())
	f := func(inURL bool, change func(*http.Request), can, good bool) {
		t.Helper()
		p := session(t, jwtlogin.SessionConfig{KeyFile: publicFile(t, 'a'), InURL: inURL}, new(spent))
		a := &auth.Attempt{Request: httptest.NewRequest(http.MethodPost, jwtlogin.Path, http.NoBody)}
		change(a.Request)
		if got := p.CanLogin(a); got != can {
			t.Errorf("can log in: got %v, want %v", got, can)
		}
		if _, err := p.Login(t.Context(), a); (err == nil) != good {
			t.Errorf("got error %v, want it good: %v", err, good)
		}
	}
	inURL := func(r *http.Request) { r.URL.RawQuery = "login-token=" + token }
	header := func(values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header["Authorization"] = values }
	}
	f(false, header("bearer "+token), true, true)
	f(false, header("Bearer "+token, "Bearer "+token), true, false)
	f(false, header("Basic "+token), true, false)
	f(false, header(token), true, false)
	f(false, inURL, false, false)
	f(true, inURL, true, true)
	f(true, func(r *http.Request) { r.URL.RawQuery = "login-token=" + token + "&login-token=" + token }, true, false)
	f(true, func(r *http.Request) { inURL(r); header("Bearer " + token)(r) }, true, false)
	f(true, func(*http.Request) {}, false, false)

	p := session(t, jwtlogin.SessionConfig{KeyFile: publicFile(t, 'a')}, new(spent))
	a := bearing(token)
	if a.Request.URL.Path = "/login"; p.CanLogin(a) {
		t.Error("a header is a login where there is a form")
	}
	if a = bearing(token); p.CanLogin(&auth.Attempt{Request: a.Request, Name: "ada"}) {
		t.Error("a header goes before a name and password")
	}
}

// Ensure a token is good once, however it is written, and that two of other issuers that have the
// same ID are two.
func TestReplay(t *testing.T) {
	s := new(spent)
	p := session(t, jwtlogin.SessionConfig{KeyFile: publicFile(t, 'a')}, s)
	f := func(what, payload string, good bool) {
		t.Helper()
		_, err := p.Login(t.Context(), bearing(signed(eddsa('a'), headEdDSA, payload)))
		if (err == nil) != good || err != nil && !errors.Is(err, auth.ErrDenied) {
			t.Errorf("%s: got error %v, want it good: %v", what, err, good)
		}
	}
	f("first", payload(), true)
	f("again", payload(), false)
	f("written in another way", " "+payload(), false)
	f("another ID", payload("jti", `"id2"`), true)
	f("the ID of another issuer", payload("iss", `"x"`), true)
	f("no ID", payload("jti", ""), true)
	f("no ID again", payload("jti", ""), false)
	f("no ID, another", payload("jti", "", "sub", `"bob"`), true)

	s.err = io()
	_, err := p.Login(t.Context(), bearing(signed(eddsa('a'), headEdDSA, payload("jti", `"id9"`))))
	if err == nil || errors.Is(err, auth.ErrDenied) {
		t.Errorf("where it cannot be spent: got error %v, want one of ours", err)
	}
}

func io() error { return errors.New("disk full") }

// Ensure a cookie is good by the key of its issuer: ours if it names none, the trusted one's if it
// names that, and no other; and that it is forgotten, good or not.
func TestCookieIssuers(t *testing.T) {
	ours, theirs := publicFile(t, 'a'), publicFile(t, 'b')
	both := jwtlogin.CookieConfig{Name: "jwt", KeyFile: ours, TrustedIssuer: "https://portal.example", TrustedKeyFile: theirs}
	portal := payload("iss", `"https://portal.example"`)
	f := func(what string, cfg jwtlogin.CookieConfig, good bool, values ...string) {
		t.Helper()
		a := withCookie(values...)
		p := cookies(t, cfg, new(spent))
		if !p.CanLogin(a) {
			t.Errorf("%s: it cannot log in", what)
		}
		_, err := p.Login(t.Context(), a)
		if (err == nil) != good || err != nil && !errors.Is(err, auth.ErrDenied) {
			t.Errorf("%s: got error %v, want it good: %v", what, err, good)
		}
		if want := "jwt=; Path=/; Max-Age=0; HttpOnly"; a.Spent == nil || a.Spent.String() != want {
			t.Errorf("%s: the browser is told %v, want %q", what, a.Spent, want)
		}
	}
	f("no issuer, our key", both, true, signed(eddsa('a'), headEdDSA, payload()))
	f("no issuer, their key", both, false, signed(eddsa('b'), headEdDSA, payload()))
	f("their issuer, their key", both, true, signed(eddsa('b'), headEdDSA, portal))
	f("their issuer, our key", both, false, signed(eddsa('a'), headEdDSA, portal))
	f("another issuer", both, false, signed(eddsa('b'), headEdDSA, payload("iss", `"https://evil.example"`)))
	f("another issuer, our key", both, false, signed(eddsa('a'), headEdDSA, payload("iss", `"https://evil.example"`)))
	f("an issuer that is no text", both, false, signed(eddsa('a'), headEdDSA, payload("iss", `7`)))
	f("two cookies", both, false, signed(eddsa('a'), headEdDSA, payload()), signed(eddsa('a'), headEdDSA, payload("jti", `"id2"`)))
	none := jwtlogin.CookieConfig{Name: "jwt", TrustedIssuer: "https://portal.example", TrustedKeyFile: theirs}
	f("no issuer, where we have no key", none, false, signed(eddsa('b'), headEdDSA, payload()))
	f("only ours", jwtlogin.CookieConfig{Name: "jwt", KeyFile: ours}, true, signed(eddsa('a'), headEdDSA, payload()))

	p := cookies(t, both, new(spent))
	if p.CanLogin(withCookie()) || p.CanLogin(&auth.Attempt{Request: withCookie("x").Request, Name: "ada"}) {
		t.Error("it can log in without a cookie, or where a name was typed")
	}
}

// Ensure a secret that can be guessed, that everybody can read, or that is none, is refused at
// the start.
func TestSecrets(t *testing.T) {
	f := func(text string, mode os.FileMode, want string) {
		t.Helper()
		path := write(t, "secret", []byte(text))
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := jwtlogin.NewSession(jwtlogin.SessionConfig{KeyFile: path}, new(spent), now)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: got error %v, want %q", text, err, want)
		}
		if err != nil && len(text) > 8 && strings.Contains(err.Error(), text[:8]) {
			t.Errorf("the error %q has the secret", err)
		}
	}
	encode := base64.StdEncoding.EncodeToString
	f(encode([]byte(secret)), 0o600, "")
	f(encode([]byte(secret))+"\n", 0o640, "")
	f(encode([]byte(secret[:31])), 0o600, "31 bytes")
	f("", 0o600, "0 bytes")
	f(secret+"!", 0o600, "base64")
	f(encode([]byte(secret)), 0o644, "everybody")
	f("-----BEGIN NOTHING-----\n", 0o600, "PEM")
	if _, err := jwtlogin.NewSession(jwtlogin.SessionConfig{KeyFile: "none"}, new(spent), now); err == nil {
		t.Error("no file: got no error")
	}
	if _, err := jwtlogin.NewCookie(jwtlogin.CookieConfig{Name: "jwt", KeyFile: secretFile(t)}, new(spent), now); err == nil {
		t.Error("a secret for cookies: got no error")
	}
}

func TestCookieCheck(t *testing.T) {
	f := func(c jwtlogin.CookieConfig, good bool) {
		t.Helper()
		if err := c.Check(); (err == nil) != good {
			t.Errorf("%+v: got error %v, want it good: %v", c, err, good)
		}
	}
	f(jwtlogin.CookieConfig{}, true)
	f(jwtlogin.CookieConfig{Name: "jwt", KeyFile: "k"}, true)
	f(jwtlogin.CookieConfig{Name: "jwt", TrustedIssuer: "i", TrustedKeyFile: "k"}, true)
	f(jwtlogin.CookieConfig{Name: "jwt"}, false)
	f(jwtlogin.CookieConfig{Name: "jwt", KeyFile: "k", TrustedIssuer: "i"}, false)
	f(jwtlogin.CookieConfig{Name: "a b", KeyFile: "k"}, false)
	f(jwtlogin.CookieConfig{Name: "jwt", KeyFile: "k", Domain: "site.example"}, true)
	f(jwtlogin.CookieConfig{Name: "jwt", KeyFile: "k", Domain: "site example"}, false)
}

// FuzzSession holds that nobody comes in by what the key has not signed.
func FuzzSession(f *testing.F) {
	p := session(f, jwtlogin.SessionConfig{KeyFile: secretFile(f)}, new(spent))
	f.Add("Bearer " + signed(hs(sha256.New, []byte(secret)), headHS256, payload()))
	f.Add("bearer " + signed(eddsa('a'), headEdDSA, payload()))
	f.Add("Basic Og==")
	f.Fuzz(func(t *testing.T, header string) {
		a := bearing("")
		a.Request.Header.Set("Authorization", header)
		if id, err := p.Login(t.Context(), a); err == nil {
			_, text, _ := strings.Cut(header, " ")
			text = strings.Trim(text, " ")
			end := strings.LastIndexByte(text, '.')
			mac, _ := base64.RawURLEncoding.DecodeString(text[end+1:])
			want := hs(sha256.New, []byte(secret))(text[:end])
			if long := hs(sha512.New, []byte(secret))(text[:end]); !bytes.Equal(mac, want) && !bytes.Equal(mac, long) {
				t.Errorf("%q let %+v in", header, id)
			}
		}
	})
}

// FuzzCookie is FuzzSession for what a browser sends as its cookies.
func FuzzCookie(f *testing.F) {
	p := cookies(f, jwtlogin.CookieConfig{Name: "jwt", KeyFile: publicFile(f, 'a')}, new(spent))
	f.Add("jwt=" + signed(eddsa('a'), headEdDSA, payload()))
	f.Add(`jwt="x"; jwt=y; =; a`)
	f.Fuzz(func(t *testing.T, header string) {
		a := withCookie()
		a.Request.Header.Set("Cookie", header)
		if !p.CanLogin(a) {
			return
		}
		if _, err := p.Login(t.Context(), a); err != nil {
			return
		}
		text := a.Request.CookiesNamed("jwt")[0].Value
		end := strings.LastIndexByte(text, '.')
		signature, _ := base64.RawURLEncoding.DecodeString(text[end+1:])
		if !ed25519.Verify(public('a'), []byte(text[:end]), signature) {
			t.Errorf("%q let somebody in", header)
		}
	})
}
