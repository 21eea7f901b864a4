package login_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
	"tallystick/internal/auth/local"
	"tallystick/internal/auth/login"
	"tallystick/internal/auth/password"
	"tallystick/internal/auth/throttle"
)

// A desk is a dispatcher under test, with a real database, in front of an API that says who calls.
type desk struct {
	testing.TB
	db     *accounts.DB
	people *login.Dispatcher
	http   *httptest.Server
	log    *logBuffer
	hasher *password.Hasher
}

// A logBuffer may be read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// tokens knows one token, "good", which is the robot's.
type tokens struct{}

func (tokens) Authenticate(r *http.Request) (auth.User, error) {
	switch r.Header.Get("X-Auth-Token") {
	case "":
		return auth.User{}, auth.ErrNoToken
	case "good":
		return auth.User{Name: "robot", Roles: []auth.Role{auth.Writer}}, nil
	}
	return auth.User{}, auth.ErrBadToken
}

// lenient is a throttle that lets the tests try.
func lenient() throttle.Config {
	return throttle.Config{Names: 1e6, Networks: 1e6, Wait: time.Second, Longest: time.Minute, Rate: 1e6}
}

func newDesk(tb testing.TB, change func(*login.Config, *throttle.Config, *login.Parts)) *desk {
	tb.Helper()
	d := &desk{TB: tb, log: new(logBuffer)}
	var err error
	if d.db, err = accounts.Open(tb.Context(), accounts.Config{Database: filepath.Join(tb.TempDir(), "a.db")}, time.Now); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { d.db.Close() })
	if d.hasher, err = password.New(2); err != nil {
		tb.Fatal(err)
	}
	cfg, slow := login.Default(), lenient()
	cfg.Plain = true
	parts := login.Parts{
		Accounts: d.db, Sessions: d.db.Sessions(3), Tokens: tokens{}, Now: time.Now,
		Sources: []login.Source{{Provider: &local.Provider{Accounts: d.db, Hasher: d.hasher}}},
		From:    func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") },
		Log:     slog.New(slog.NewTextHandler(d.log, nil)),
	}
	change(&cfg, &slow, &parts)
	if parts.Throttle, err = throttle.New(slow); err != nil {
		tb.Fatal(err)
	}
	if d.people, err = login.New(cfg, parts); err != nil {
		tb.Fatal(err)
	}
	d.http = httptest.NewServer(d.people.Handler(http.HandlerFunc(d.api), bare))
	tb.Cleanup(d.http.Close)
	return d
}

func same(*login.Config, *throttle.Config, *login.Parts) {}

// api answers with who is calling.
func (d *desk) api(w http.ResponseWriter, r *http.Request) {
	u, err := d.people.Authenticate(r) //nolint:contextcheck // the context is that of the request
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	io.WriteString(w, u.Name)
	for _, role := range u.Roles {
		io.WriteString(w, " "+string(role))
	}
}

// add makes a local account.
func (d *desk) add(name, word string, roles ...auth.Role) {
	d.Helper()
	hash, err := d.hasher.Hash(d.Context(), word)
	if err != nil {
		d.Fatal(err)
	}
	d.addHash(name, hash, roles...)
}

func (d *desk) addHash(name, hash string, roles ...auth.Role) {
	d.Helper()
	err := d.db.Add(d.Context(), accounts.Account{
		User: auth.User{Name: name, Source: local.Source, Roles: roles}, Subject: name, Password: hash,
	})
	if err != nil {
		d.Fatal(err)
	}
}

func (d *desk) change(name string, do func(*accounts.Account)) {
	d.Helper()
	a, err := d.db.Account(d.Context(), name)
	if err == nil {
		err = d.db.Change(d.Context(), a.ID, do)
	}
	if err != nil {
		d.Fatal(err)
	}
}

// A browser has cookies, asks for pages and goes where it is sent, but to another host.
type browser struct {
	*desk
	client *http.Client
	header map[string]string
}

func (d *desk) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		d.Fatal(err)
	}
	stay := func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host != strings.TrimPrefix(d.http.URL, "http://") {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return &browser{d, &http.Client{Jar: jar, CheckRedirect: stay}, map[string]string{"Accept": "text/html,*/*;q=0.8"}}
}

// A told is an answer, and where it came from in the end.
type told struct {
	status int
	header http.Header
	body   string
	path   string
}

func (b *browser) do(method, path string, form url.Values) told {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, b.http.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for k, v := range b.header {
		r.Header.Set(k, v)
	}
	res, err := b.client.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	return told{res.StatusCode, res.Header, string(body), res.Request.URL.Path}
}

func (b *browser) login(name, word string) told {
	b.Helper()
	return b.do(http.MethodPost, "/login", url.Values{"username": {name}, "password": {word}})
}

// session returns the cookie of the browser's session.
func (b *browser) session() string {
	u, err := url.Parse(b.http.URL)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == "session" {
			return c.Value
		}
	}
	return ""
}

// is checks who the browser is for the API; empty: nobody.
func (b *browser) is(want string) {
	b.Helper()
	got := b.do(http.MethodGet, "/api/who", nil)
	if want == "" && got.status == http.StatusUnauthorized {
		return
	}
	if got.status != http.StatusOK || got.body != want {
		b.Errorf("got %d %q, want %q", got.status, got.body, want)
	}
}

// A provider is one whose answers a test makes up.
type provider struct {
	can   func(*auth.Attempt) bool
	login func(context.Context, *auth.Attempt) (auth.Identity, error)
}

func (p provider) CanLogin(a *auth.Attempt) bool { return p.can(a) }

func (p provider) Login(ctx context.Context, a *auth.Attempt) (auth.Identity, error) {
	return p.login(ctx, a)
}

// bare puts nothing around h.
func bare(h http.Handler) http.Handler { return h }
