package httpapi_test

import (
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

// sent returns what a request is answered with, and where it is sent to, if it is.
func (s *server) sent(method, path, accept, token string) (status int, location string) {
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
	res.Body.Close()
	return res.StatusCode, res.Header.Get("Location")
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
	f := func(is error, method, accept string, status int, location string) {
		t.Helper()
		err = is
		if code, got := s.sent(method, "/api/v1/metrics?where=1&x=%2f", accept, ""); code != status || got != location {
			t.Errorf("%v, %s, %s: got %d to %q, want %d to %q", is, method, accept, code, got, status, location)
		}
	}
	f(auth.ErrNoToken, http.MethodGet, browser, http.StatusSeeOther, "/login?next=%2Fapi%2Fv1%2Fmetrics%3Fwhere%3D1%26x%3D%252f")
	f(auth.ErrNoToken, http.MethodGet, "*/*", http.StatusUnauthorized, "")
	f(auth.ErrNoToken, http.MethodGet, "", http.StatusUnauthorized, "")
	f(auth.ErrNoToken, http.MethodGet, "application/json", http.StatusUnauthorized, "")
	f(auth.ErrBadToken, http.MethodGet, browser, http.StatusUnauthorized, "")
	f(auth.ErrForeign, http.MethodGet, browser, http.StatusForbidden, "")
	f(errors.New("the database is gone, with a secret"), http.MethodGet, browser, http.StatusInternalServerError, "")
}

// Ensure people without the role see what they lack, and programs are told.
func TestLacking(t *testing.T) {
	s := newServerOf(t, httpapi.Config{}, func(_ *server, p *httpapi.Parts) {
		p.Account = "/account"
		p.Auth = authFunc(func(*http.Request) (auth.User, error) { return auth.User{Name: "alice"}, nil })
	})
	f := func(accept, token string, status int, location string) {
		t.Helper()
		if code, got := s.sent(http.MethodGet, "/api/v1/metrics", accept, token); code != status || got != location {
			t.Errorf("%s, %q: got %d to %q, want %d to %q", accept, token, code, got, status, location)
		}
	}
	f("text/html,*/*;q=0.8", "", http.StatusSeeOther, "/account?needs=viewer")
	f("text/html,*/*;q=0.8", "x", http.StatusForbidden, "")
	f("application/json", "", http.StatusForbidden, "")
}
