package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"tallystick/internal/cli"
)

// Ensure people log in to a running server, and what `tallystick user` does meanwhile counts at once.
func TestPeople(t *testing.T) {
	t.Chdir(t.TempDir())
	u := &users{t, "checkpoints"}
	u.want(cli.OK, "", "sesame\n", "add", "alice", "--role", "viewer")
	s := serveIn(t, "--set", "auth.accounts.database=accounts.db")
	defer s.stop()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	ask := func(method, path string, form url.Values) (int, string, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "text/html,*/*;q=0.8")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, res.Request.URL.RequestURI(), string(body)
	}
	want := func(method, path string, form url.Values, status int, at, text string) {
		t.Helper()
		code, where, body := ask(method, path, form)
		if code != status || where != at || !strings.Contains(body, text) {
			t.Errorf("%s %s: got %d at %s: %.300q, want %d at %s and %q", method, path, code, where, body, status, at, text)
		}
	}
	const get, post, metrics = http.MethodGet, http.MethodPost, "/api/v1/metrics"
	want(get, metrics, nil, http.StatusOK, "/login?next=%2Fapi%2Fv1%2Fmetrics", `value="/api/v1/metrics"`)
	form := url.Values{"username": {"alice"}, "password": {"sesame"}, "next": {metrics}}
	want(post, "/login", form, http.StatusOK, metrics, "xrd_read_bytes")
	want(get, "/account", nil, http.StatusOK, "/account", "viewer")
	want(get, "/metrics", nil, http.StatusOK, "/account?needs=operator", "needs the role operator")
	u.want(cli.OK, "", "", "role", "alice", "--role", "operator")
	want(get, "/metrics", nil, http.StatusOK, "/metrics", "tallystick_")
	want(get, metrics, nil, http.StatusOK, "/account?needs=viewer", "needs the role viewer")
	u.want(cli.OK, "", "", "disable", "alice")
	want(get, "/metrics", nil, http.StatusOK, "/login?next=%2Fmetrics", "Log in")
	want(post, "/login", form, http.StatusUnauthorized, "/login", "wrong name or password")
}
