package github_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"

	"tallystick/internal/auth"
	"tallystick/internal/auth/github"
)

// A hub answers as GitHub does: the shapes are those of its REST API, version 2022-11-28, and of
// "Authorizing OAuth apps" in its documentation.
type hub struct {
	*httptest.Server
	name         string
	id           int64
	orgs, teams  []int64
	challenge    string // of the login under way
	spent        bool   // its code
	status       int    // of the API, if not 200
	scope, asked string // what was asked for; which paths
}

func newHub(t *testing.T) *hub {
	t.Helper()
	h := &hub{name: "alice", id: 583231}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login/oauth/access_token", h.token)
	mux.HandleFunc("GET /user", h.api(func(*http.Request) any {
		return map[string]any{"login": h.name, "id": h.id, "node_id": "MDQ6VXNlcjE=", "type": "User", "name": "Alice A", "email": nil}
	}))
	mux.HandleFunc("GET /user/orgs", h.api(func(r *http.Request) any { return page(r, h.orgs) }))
	mux.HandleFunc("GET /user/teams", h.api(func(r *http.Request) any { return page(r, h.teams) }))
	h.Server = httptest.NewServer(mux)
	t.Cleanup(h.Close)
	return h
}

// token answers errors with 200, as GitHub does.
func (h *hub) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	good := r.FormValue("code") == "c0de" && !h.spent && r.FormValue("client_secret") == "s3cret" &&
		oauth2.S256ChallengeFromVerifier(r.FormValue("code_verifier")) == h.challenge
	if !good {
		fmt.Fprint(w, `{"error":"bad_verification_code","error_description":"The code passed is incorrect or expired."}`)
		return
	}
	h.spent = true
	fmt.Fprintf(w, `{"access_token":"gho_16C7e42F292c6912E7710c838347Ae178B4a","scope":%q,"token_type":"bearer"}`, h.scope)
}

func (h *hub) api(answer func(*http.Request) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h.asked += r.URL.Path + " "
		if r.Header.Get("Authorization") != "Bearer gho_16C7e42F292c6912E7710c838347Ae178B4a" {
			http.Error(w, `{"message":"Bad credentials"}`, http.StatusUnauthorized)
			return
		}
		if h.status != 0 {
			http.Error(w, `{"message":"API rate limit exceeded"}`, h.status)
			return
		}
		json.NewEncoder(w).Encode(answer(r))
	}
}

// page returns organisations, or teams, which have the same names as others of other numbers.
func page(r *http.Request, numbers []int64) any {
	per, _ := strconv.Atoi(r.FormValue("per_page"))
	n, _ := strconv.Atoi(r.FormValue("page"))
	out := []any{}
	for _, id := range numbers[min(len(numbers), (n-1)*per):min(len(numbers), n*per)] {
		out = append(out, map[string]any{"login": "wlcg", "slug": "wlcg", "id": id, "description": ""})
	}
	return out
}

func (h *hub) config(t *testing.T) github.Config {
	t.Helper()
	c := github.Default()
	c.URL, c.APIURL, c.ClientID = h.URL, h.URL, "Iv1.8a61f9b3a7aba766"
	c.RedirectURL, c.ClientSecretFile = "https://tally.example.org/login/github/callback", filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(c.ClientSecretFile, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

func open(t *testing.T, c github.Config) *github.Provider {
	t.Helper()
	for _, p := range c.Check() {
		t.Fatalf("%s: %v", p.Key, p.Err)
	}
	p, err := github.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// login goes there and comes back; change may change what the browser comes back with.
func (h *hub) login(t *testing.T, c github.Config, change func(url.Values)) (auth.Identity, error) {
	t.Helper()
	p := open(t, c)
	location, kept, err := p.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	h.challenge, h.scope, h.spent, h.asked = u.Query().Get("code_challenge"), u.Query().Get("scope"), false, ""
	q := url.Values{"code": {"c0de"}, "state": {u.Query().Get("state")}}
	if change != nil {
		change(q)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/login/github/callback?"+q.Encode(), http.NoBody)
	id, err := p.Finish(r, kept)
	if err == nil {
		if _, again := p.Finish(r, kept); !errors.Is(again, auth.ErrDenied) {
			t.Errorf("a code again: got %v, want that it is denied", again)
		}
	}
	return id, err
}

func TestIdentity(t *testing.T) {
	h := newHub(t)
	c := h.config(t)
	c.Roles.Viewer = []string{"user:583231"}
	got, err := h.login(t, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := auth.Identity{
		Subject: "583231", User: auth.User{Name: "alice", DisplayName: "Alice A", Source: "github", Roles: []auth.Role{auth.Viewer}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
	if h.scope != "" || h.asked != "/user " {
		t.Errorf("where only users matter: got scope %q and requests for %s, want no more than the user", h.scope, h.asked)
	}
	h.name = "renamed"
	if id, err := h.login(t, c, nil); err != nil || id.Subject != "583231" || id.Name != "renamed" {
		t.Errorf("after another name was taken: got %+v, %v", id, err)
	}
	h.name, h.id = "alice", 7 // somebody took the name
	if id, err := h.login(t, c, nil); !errors.Is(err, auth.ErrDenied) {
		t.Errorf("somebody else with the name: got %+v, %v, want that it is denied", id, err)
	}
}

func TestRoles(t *testing.T) {
	h := newHub(t)
	c := h.config(t)
	c.Roles = auth.Grants{Viewer: []string{"org:9919"}, Operator: []string{"team:12"}, Admin: []string{"user:1"}}
	f := func(id int64, orgs, teams []int64, want ...auth.Role) {
		t.Helper()
		h.id, h.orgs, h.teams = id, orgs, teams
		got, err := h.login(t, c, nil)
		if !slices.Equal(got.Roles, want) || (err == nil) != (len(want) > 0) {
			t.Errorf("user %d of %v and %v: got %v, %v, want %v", id, orgs, teams, got.Roles, err, want)
		}
		if err != nil && !errors.Is(err, auth.ErrDenied) {
			t.Errorf("user %d: got %v, want that it is denied", id, err)
		}
	}
	var many []int64
	for i := range int64(250) {
		many = append(many, 100_000+i)
	}
	f(2, nil, nil)
	f(9919, []int64{12}, []int64{9919, 1}) // numbers of other kinds
	f(2, []int64{9919}, nil, auth.Viewer)
	f(2, append(many, 9919), nil, auth.Viewer)
	f(2, nil, []int64{12}, auth.Operator)
	f(1, nil, nil, auth.Admin)
	if h.scope != "read:org" {
		t.Errorf("scope: got %q, want read:org", h.scope)
	}
	h.status = http.StatusForbidden
	if _, err := h.login(t, c, nil); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("with GitHub's limit reached: got %v, want that it is not available", err)
	}
}

func TestAnswers(t *testing.T) {
	h := newHub(t)
	c := h.config(t)
	c.Roles.Viewer = []string{"user:583231"}
	f := func(what string, change func(url.Values)) {
		t.Helper()
		if _, err := h.login(t, c, change); !errors.Is(err, auth.ErrDenied) {
			t.Errorf("%s: got %v, want that it is denied", what, err)
		}
	}
	f("no state", func(q url.Values) { q.Del("state") })
	f("wrong state", func(q url.Values) { q.Set("state", "x") })
	f("no code", func(q url.Values) { q.Del("code") })
	f("wrong code", func(q url.Values) { q.Set("code", "x") })
	f("wrong verifier", func(url.Values) { h.challenge = "x" })
	f("said no", func(q url.Values) { q.Set("error", "access_denied") })

	h.Close()
	if _, err := h.login(t, c, nil); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("GitHub down: got %v, want that it is not available", err)
	}
}

func TestCheck(t *testing.T) {
	f := func(change func(*github.Config), keys ...string) {
		t.Helper()
		c := github.Default()
		c.ClientID, c.ClientSecretFile, c.RedirectURL = "a", "f", "https://tally.example.org/login/github/callback"
		c.Roles.Viewer = []string{"user:1", "org:2", "team:3"}
		change(&c)
		var got []string
		for _, p := range c.Check() {
			got = append(got, p.Key)
		}
		if diff := cmp.Diff(keys, got); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
	}
	f(func(*github.Config) {})
	f(func(c *github.Config) { *c = github.Config{} }) // off
	f(func(c *github.Config) { c.ClientSecretFile = "" }, "client_secret_file")
	f(func(c *github.Config) { c.URL = "http://github.com" }, "url")
	f(func(c *github.Config) { c.APIURL = "" }, "api_url")
	f(func(c *github.Config) { c.RedirectURL = "https://tally.example.org/" }, "redirect_url")
	f(func(c *github.Config) { c.Roles = auth.Grants{} }, "roles")
	for _, g := range []string{"*", "user:alice", "user:-1", "org:", "9919", "alice", ""} {
		f(func(c *github.Config) { c.Roles.Admin = []string{g} }, "roles")
	}
}

// FuzzUser holds that whatever the API says of who somebody is, they have a role by their number,
// or are not let in.
func FuzzUser(f *testing.F) {
	f.Add(`{"login":"alice","id":583231}`)
	f.Add(`{"login":"alice","id":5832310e-1}`)
	f.Add(`{"login":"alice","id":"583231"}`)
	f.Add(`{"login":"","id":583231}{"login":"alice"}`)
	f.Add(`[null]`)
	f.Fuzz(func(t *testing.T, text string) {
		var token string
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if r.URL.Path == "/user" {
				token = r.Header.Get("Authorization")
				io.WriteString(w, text)
				return
			}
			io.WriteString(w, `{"access_token":"gho_x","token_type":"bearer"}`)
		}))
		defer s.Close()
		h := &hub{Server: s}
		c := h.config(t)
		c.Roles = auth.Grants{Admin: []string{"user:583231"}}
		p := open(t, c)
		location, kept, err := p.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(location)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?code=c&state="+u.Query().Get("state"), http.NoBody)
		id, err := p.Finish(r, kept)
		if token != "Bearer gho_x" {
			t.Errorf("the API was asked with %q", token)
		}
		if err == nil && (id.Subject != "583231" || id.Name == "" || !id.Has(auth.Admin)) {
			t.Errorf("%q: let %+v in", text, id)
		}
		if err != nil && !errors.Is(err, auth.ErrDenied) && !errors.Is(err, auth.ErrUnavailable) {
			t.Errorf("%q: got %v", text, err)
		}
	})
}
