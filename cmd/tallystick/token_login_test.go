package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// hs256 returns a token that a portal with the secret has made for ada.
func hs256(secret []byte, id string) string {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		encode(fmt.Appendf(nil, `{"sub":"ada","roles":["viewer"],"exp":%d,"jti":%q}`, time.Now().Unix()+60, id))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return text + "." + encode(mac.Sum(nil))
}

// A toldOf is what is looked at of an answer.
type toldOf struct {
	status  int
	cookies []*http.Cookie
	set     string // all that is said of cookies
}

// Ensure a token that another process has revoked is refused by a running server within seconds,
// that the roles of accounts count where that is wanted, and that people come in by a token once.
func TestTokensOfARunningServer(t *testing.T) {
	t.Chdir(t.TempDir())
	const database = "auth.accounts.database=accounts.db"
	secret := bytes.Repeat([]byte("s"), 32)
	if err := os.WriteFile("secret", []byte(base64.StdEncoding.EncodeToString(secret)), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serveIn(t, "--set", database, "--set", "auth.jwt_session.key_file=secret",
		"--set", "auth.jwt_cookie.name=portal", "--set", "auth.jwt_cookie.key_file=checkpoints/key.pem")
	defer s.stop()
	ask := func(path string, head ...string) toldOf {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(head); i += 2 {
			r.Header.Add(head[i], head[i+1])
		}
		res, err := http.DefaultTransport.RoundTrip(r) // no redirects
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return toldOf{res.StatusCode, res.Cookies(), fmt.Sprint(res.Header["Set-Cookie"])}
	}
	want := func(what string, got toldOf, status int) {
		t.Helper()
		if got.status != status {
			t.Errorf("%s: got %d, want %d", what, got.status, status)
		}
	}
	session := func(got toldOf) string {
		for _, c := range got.cookies {
			if c.Name == "session" {
				return "session=" + c.Value
			}
		}
		return ""
	}
	const metrics = "/api/v1/metrics"
	token, err := tallyIn(t, "", "token", "create", "--subject", "ada", "--role", "viewer")
	if err != nil {
		t.Fatal(err)
	}
	token = strings.TrimSpace(token)
	bearer := "Bearer " + token

	// A session by a token in a header, and by one in a cookie, which the browser is told to forget.
	made := hs256(secret, "one")
	res := ask("/jwt-login", "Authorization", "Bearer "+made)
	want("a login token", res, http.StatusNoContent)
	cookie := session(res)
	want("its session", ask(metrics, "Cookie", cookie), http.StatusOK)
	want("its session, with a bad token", ask(metrics, "Cookie", cookie, "Authorization", "Bearer x.y.z"), http.StatusOK)
	want("the login token again", ask("/jwt-login", "Authorization", "Bearer "+made), http.StatusUnauthorized)
	want("the login token as one of the API", ask(metrics, "Authorization", "Bearer "+made), http.StatusUnauthorized)
	want("a login token in the URL", ask("/jwt-login?login-token="+hs256(secret, "two")), http.StatusUnauthorized)
	res = ask("/jwt-login", "Cookie", "portal="+token)
	want("a login cookie", res, http.StatusNoContent)
	want("its session", ask(metrics, "Cookie", session(res)), http.StatusOK)
	if !strings.Contains(res.set, "portal=; Path=/; Max-Age=0") {
		t.Errorf("the browser is told %s, want it to forget the cookie portal", res.set)
	}
	res = ask("/jwt-login", "Cookie", "portal="+token)
	want("the login cookie again", res, http.StatusUnauthorized)
	if !strings.Contains(res.set, "portal=; Path=/; Max-Age=0") {
		t.Errorf("the browser is told %s, want it to forget the cookie portal", res.set)
	}

	want("a token", ask(metrics, "Authorization", bearer), http.StatusOK)
	if out, err := tallyIn(t, token, "token", "revoke", "--set", database); err != nil || !strings.Contains(out, "revoked") {
		t.Fatalf("revoke: got %q and error %v", out, err)
	}
	for end := time.Now().Add(10 * time.Second); ask(metrics, "Authorization", bearer).status == http.StatusOK; {
		if time.Now().After(end) {
			t.Fatal("a token that was revoked is good after 10 s")
		}
	}
	if out, err := tallyIn(t, token, "token", "inspect", "--set", database); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("inspect after it: got %q and error %v", out, err)
	}
	if out, err := tallyIn(t, token, "token", "revoke", "--set", database); err != nil || !strings.Contains(out, "before") {
		t.Errorf("revoke again: got %q and error %v", out, err)
	}
}

// Ensure what cannot be revoked is not said to be.
func TestTokenRevokeRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	const database = "auth.accounts.database=accounts.db"
	f := func(want, stdin string, args ...string) {
		t.Helper()
		out, err := tallyIn(t, stdin, append([]string{"token", "revoke"}, args...)...)
		if err == nil || !strings.Contains(err.Error(), want) || out != "" {
			t.Errorf("%q: got %q and error %v, want %q", args, out, err, want)
		}
	}
	encode := base64.RawURLEncoding.EncodeToString
	f("auth.accounts.database", "x")
	f("none on standard input", "", "--set", database)
	f("malformed", "hello", "--set", database)
	f("no ID (jti)", encode([]byte("{}"))+"."+encode([]byte(`{"sub":"a"}`))+".", "--set", database)
	const id = "--id"
	f("whole token", "", "--set", database, id, hs256([]byte("s"), "its-own"))
	f(`"its-own"`, "", "--set", database, id, hs256([]byte("s"), "its-own"))
	f("no ID (jti)", "", "--set", database, id, hs256([]byte("s"), ""))
	f("not the ID", "", "--set", database, id, "")
	f("not the ID", "", "--set", database, id, "a b")
	f("not the ID", "", "--set", database, id, "one\n")
	f("not the ID", "", "--set", database, id, strings.Repeat("x", 257))
	if out, err := tallyIn(t, "", "token", "revoke", "--set", database, "--id", "one"); err != nil || out != "one: revoked\n" {
		t.Errorf("by its ID: got %q and error %v", out, err)
	}
}
