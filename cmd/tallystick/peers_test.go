package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
)

// Ensure the login page has who else knows people, a browser that comes back from there is logged in,
// and that a directory which is down is told as such.
func TestPeers(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("secret", []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/login/oauth/access_token":
			io.WriteString(w, `{"access_token":"gho_x","token_type":"bearer","scope":""}`)
		case "/user":
			io.WriteString(w, `{"login":"octocat","id":583231,"name":"The Octocat"}`)
		}
	}))
	t.Cleanup(hub.Close)
	s := serveIn(t, "--set", "auth.accounts.database=accounts.db",
		"--set", "auth.github.client_id=x", "--set", "auth.github.client_secret_file=secret", "--set", "auth.github.url="+hub.URL,
		"--set", "auth.github.api_url="+hub.URL, "--set", "auth.github.roles.viewer=user:583231",
		"--set", "auth.github.redirect_url=http://127.0.0.1/login/github/callback",
		"--set", "auth.ldap.urls=ldap://127.0.0.1:1", "--set", "auth.ldap.base_dn=dc=example", "--set", "auth.ldap.roles.viewer=*")
	defer s.stop()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(path string) (status int, location *url.URL, body string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "text/html")
		resp, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		location, _ = resp.Location()
		return resp.StatusCode, location, string(text)
	}
	if _, _, page := get("/login"); !strings.Contains(page, "/login/github?") || !strings.Contains(page, "GitHub") {
		t.Errorf("the login page does not have GitHub: %s", page)
	}
	_, away, _ := get("/login/github?next=/%5Cevil.example")
	if away == nil || !strings.HasPrefix(away.String(), hub.URL+"/login/oauth/authorize?") {
		t.Fatalf("the way to GitHub: got %v", away)
	}
	status, home, body := get("/login/github/callback?code=c&state=" + away.Query().Get("state"))
	if home == nil || home.String() != s.url+"/account" {
		t.Errorf("the way back: got %d to %v: %s", status, home, body)
	}
	if _, _, page := get("/account"); !strings.Contains(page, "octocat") {
		t.Errorf("the account after the login: %s", page)
	}
	if status, _, body := get("/login/github/callback?code=c&state=" + away.Query().Get("state")); status == http.StatusSeeOther {
		t.Errorf("the way back again: got %d: %s", status, body)
	}
	resp, err := http.PostForm(s.url+"/login", url.Values{"username": {"alice"}, "password": {"x"}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("login while the directory is down: got %s, want 503", resp.Status)
	}
}
