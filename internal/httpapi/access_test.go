package httpapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"tallystick/internal/auth"
	"tallystick/internal/httpapi"
)

// Ensure each route is open to its role and to admin, and to no other, in each of its methods.
func TestAccess(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	s.control.text = "grace: 1s\n" // an answer has something
	for _, r := range s.api.Routes() {
		methods := []string{r.Method}
		if r.Method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
		if r.Role == "" || strings.HasPrefix(r.Path, "/debug/pprof") { // which takes its time
			continue
		}
		for _, method := range methods {
			for _, role := range auth.Roles() {
				got := s.do(asked{method: method, path: r.Path, header: map[string]string{"Authorization": "Bearer " + s.token(role)}})
				may := role == r.Role || role == auth.Admin
				if (got.status == http.StatusForbidden) == may || got.status == http.StatusUnauthorized {
					t.Errorf("%s %s as %s: got %d, want it let in: %v", method, r.Path, role, got.status, may)
				}
			}
		}
	}
}

// Ensure docs/access.md has the table of who may ask for what.
func TestAccessPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/access.md")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	for _, r := range newServer(t, httpapi.Config{}).api.Routes() {
		role := string(r.Role)
		if role == "" {
			role = "anybody"
		}
		fmt.Fprintf(&table, "| `%s %s` | %s |\n", r.Method, r.Path, role)
	}
	if !strings.Contains(string(page), "\n"+table.String()+"\n") {
		t.Errorf("docs/access.md has another table than\n%s", table.String())
	}
}

// An authFunc is an Authenticator.
type authFunc func(*http.Request) (auth.User, error)

func (f authFunc) Authenticate(r *http.Request) (auth.User, error) { return f(r) }

// sent returns what a request is answered with, the code of the error that it is, and where it is
// sent to, if it is.
func (s *server) sent(method, path, accept, token string) (status int, code, location string) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, s.http.URL+path, http.NoBody)
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	if token != "" {
		r.Header.Set("X-Auth-Token", token)
	}
	res, err := s.http.Client().Transport.RoundTrip(r) // which follows no redirect
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	var body struct{ Error struct{ Code string } }
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		s.Errorf("%s %s: %v", method, path, err)
	}
	return res.StatusCode, body.Error.Code, res.Header.Get("Location")
}

// Ensure people are sent to where they log in, and programs are told; and what an error of who
// knows callers becomes.
func TestStranger(t *testing.T) {
	var err error
	s := newServerOf(t, httpapi.Config{}, func(_ *server, p *httpapi.Parts) {
		p.Login = "/login"
		p.Auth = authFunc(func(*http.Request) (auth.User, error) { return auth.User{}, err })
	})
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	f := func(is error, accept string, status int, code, location string) {
		t.Helper()
		err = is
		gotStatus, gotCode, got := s.sent(http.MethodGet, "/api/v1/metrics?where=1&x=%2f", accept, "")
		if gotStatus != status || gotCode != code || got != location {
			t.Errorf("%v, %s: got %d %s to %q, want %d %s to %q", is, accept, gotStatus, gotCode, got, status, code, location)
		}
	}
	f(auth.ErrNoToken, browser, http.StatusSeeOther, "unauthorized", "/login?next=%2Fapi%2Fv1%2Fmetrics%3Fwhere%3D1%26x%3D%252f")
	f(auth.ErrNoToken, "*/*", http.StatusUnauthorized, "unauthorized", "")
	f(auth.ErrNoToken, "", http.StatusUnauthorized, "unauthorized", "")
	f(auth.ErrNoToken, "application/json", http.StatusUnauthorized, "unauthorized", "")
	f(auth.ErrBadToken, browser, http.StatusUnauthorized, "unauthorized", "")
	f(auth.ErrForeign, browser, http.StatusForbidden, "forbidden", "")
	f(errors.New("the database is gone, with a secret"), browser, http.StatusInternalServerError, "internal", "")
}

// Ensure people without the role see what they lack, and programs are told.
func TestLacking(t *testing.T) {
	s := newServerOf(t, httpapi.Config{}, func(_ *server, p *httpapi.Parts) {
		p.Account = "/account"
		p.Auth = authFunc(func(*http.Request) (auth.User, error) { return auth.User{Name: "alice"}, nil })
	})
	f := func(accept, token string, status int, location string) {
		t.Helper()
		got, code, to := s.sent(http.MethodGet, "/api/v1/metrics", accept, token)
		if got != status || code != "forbidden" || to != location {
			t.Errorf("%s, %q: got %d %s to %q, want %d forbidden to %q", accept, token, got, code, to, status, location)
		}
	}
	f("text/html,*/*;q=0.8", "", http.StatusSeeOther, "/account?needs=viewer")
	f("text/html,*/*;q=0.8", "x", http.StatusForbidden, "")
	f("application/json", "", http.StatusForbidden, "")
}
