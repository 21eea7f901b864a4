package login_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
	"tallystick/internal/auth/login"
	"tallystick/internal/auth/throttle"
)

// Ensure who has an account and its password is let in, and nobody else; all of those are told
// the same.
func TestLocal(t *testing.T) {
	t.Parallel()
	d := newDesk(t, same)
	d.add("alice", "sesame", auth.Viewer)
	d.add("zo\u00e9", "caf\u00e9", auth.Viewer)
	d.add("gone", "sesame", auth.Viewer)
	d.change("gone", func(a *accounts.Account) { a.Disabled = true })
	d.add("ldap", "sesame", auth.Viewer)
	long := strings.Repeat("x", 72)
	hash, err := bcrypt.GenerateFromPassword([]byte(long), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	d.addHash("bob", string(hash), auth.Viewer)
	d.addHash("nopass", "", auth.Viewer)

	wrong := d.browser().login("alice", "wrong")
	f := func(name, word, want string) {
		t.Helper()
		b := d.browser()
		got := b.login(name, word)
		b.is(want)
		switch {
		case want != "" && (got.status != http.StatusOK || got.path != "/account"):
			t.Errorf("%q: got %d at %s", name, got.status, got.path)
		case want == "" && (got.status != http.StatusUnauthorized || plain(got.body) != plain(wrong.body)):
			t.Errorf("%q, %.20q: got %d %q, want %q", name, word, got.status, got.body, wrong.body)
		}
	}
	f("alice", "sesame", "alice viewer")
	f("alice", "Sesame", "")
	f("Alice", "sesame", "")
	f("nobody", "sesame", "")
	f("alice", "", "")
	f("", "sesame", "")
	f("alice", "sesame\x00", "")
	f("alice\x00", "sesame", "")
	f("' OR 1=1 --", "sesame", "")
	f("alice", strings.Repeat("x", 2000), "")
	f("gone", "sesame", "")
	f("nopass", "", "")
	f("nopass", "x", "")
	f("zo\u00e9", "caf\u00e9", "zo\u00e9 viewer")
	f("zoe\u0301", "cafe\u0301", "zo\u00e9 viewer")
	f("bob", long+"y", "")
	f("bob", long, "bob viewer")
	if a, err := d.db.Account(t.Context(), "bob"); err != nil || !strings.HasPrefix(a.Password, "$argon2id$") || a.Generation != 1 {
		t.Errorf("after a login: got hash %.10q, generation %d, %v, want one of argon2id", a.Password, a.Generation, err)
	}
	f("bob", long, "bob viewer")
	if log := d.log.String(); strings.Contains(log, "sesame") || !strings.Contains(log, "disabled") {
		t.Errorf("the log has a password, or not why: %s", log)
	}
}

// plain returns a page without the name that was typed.
func plain(page string) string {
	_, after, _ := strings.Cut(page, `name="username" value="`)
	_, after, _ = strings.Cut(after, `"`)
	return after
}

// Ensure nobody can tell by the time of a refusal which names there are, nor how their passwords are
// kept: as a hash of ours, as one of bcrypt, as cc-backend makes it, or in a directory, which
// answers at once.
func TestSameTime(t *testing.T) {
	d := newDesk(t, func(_ *login.Config, _ *throttle.Config, p *login.Parts) {
		p.Sources = append([]login.Source{{Provider: provider{
			can:   func(a *auth.Attempt) bool { return a.Name == "elsewhere" },
			login: func(context.Context, *auth.Attempt) (auth.Identity, error) { return auth.Identity{}, auth.ErrDenied },
		}}}, p.Sources...)
	})
	d.add("alice", "sesame", auth.Viewer)
	hash, err := bcrypt.GenerateFromPassword([]byte("sesame"), bcrypt.DefaultCost)
	if err != nil {
		t.Fatal(err)
	}
	d.addHash("bob", string(hash), auth.Viewer)
	for _, name := range []string{"alice", "bob", "elsewhere", "nobody"} {
		var took time.Duration
		for range 5 { // a machine under load wakes up late
			begin := time.Now()
			d.browser().login(name, "wrong")
			if took = time.Since(begin); took >= login.Step && took%login.Step < login.Step/10 {
				break
			}
		}
		if took < login.Step || took%login.Step >= login.Step/10 {
			t.Errorf("%s is refused after %v, want a multiple of %v", name, took, login.Step)
		}
	}
}

// Ensure who guesses has to wait, even with the right password, and who waited is let in.
func TestThrottle(t *testing.T) {
	d := newDesk(t, func(_ *login.Config, c *throttle.Config, _ *login.Parts) {
		c.Names = 3
	})
	d.add("alice", "sesame", auth.Viewer)
	b := d.browser()
	for range 3 {
		if got := b.login("alice", "wrong"); got.status != http.StatusUnauthorized {
			t.Fatalf("got %d", got.status)
		}
	}
	got := b.login("alice", "sesame")
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "1" || !strings.Contains(got.body, "too many attempts") {
		t.Errorf("got %d %q %q", got.status, got.header, got.body)
	}
	b.is("")
	b.header = map[string]string{"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9"}
	if got := b.login("alice", "sesame"); got.status != http.StatusTooManyRequests {
		t.Errorf("with another address in a header: got %d", got.status)
	}
}

// Ensure programs are told in JSON.
func TestPrograms(t *testing.T) {
	d := newDesk(t, same)
	d.add("alice", "sesame", auth.Viewer)
	b := d.browser()
	b.header = map[string]string{"Accept": "application/json"}
	got := b.login("alice", "wrong")
	if want := `{"error":{"code":"unauthorized","message":"wrong name or password"}}`; got.status != http.StatusUnauthorized || strings.TrimSpace(got.body) != want {
		t.Errorf("got %d %s, want %s", got.status, got.body, want)
	}
	if got := b.login("alice", "sesame"); got.status != http.StatusNoContent {
		t.Errorf("got %d %s", got.status, got.body)
	}
	b.is("alice viewer")
	if got := b.do(http.MethodPost, "/jwt-login", url.Values{}); got.status != http.StatusUnauthorized {
		t.Errorf("/jwt-login with nothing: got %d", got.status)
	}
	big := url.Values{"username": {"alice"}, "password": {strings.Repeat("x", 20<<10)}}
	if got := b.do(http.MethodPost, "/login", big); got.status != http.StatusBadRequest {
		t.Errorf("a form that is too large: got %d %s", got.status, got.body)
	}
}

// Ensure a login leads on to a path here, and nowhere else.
func TestRedirect(t *testing.T) {
	d := newDesk(t, same)
	d.add("alice", "sesame", auth.Viewer)
	f := func(next, want string) {
		t.Helper()
		b := d.browser()
		b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		got := b.do(http.MethodPost, "/login", url.Values{"username": {"alice"}, "password": {"sesame"}, "next": {next}})
		if loc := got.header.Get("Location"); got.status != http.StatusSeeOther || loc != want {
			t.Errorf("%q: got %d, to %q, want %q", next, got.status, loc, want)
		}
		page := b.do(http.MethodGet, "/login?next="+url.QueryEscape(next), nil)
		if !strings.Contains(page.body, `name="next" value="`+strings.ReplaceAll(want, "&", "&amp;")+`"`) {
			t.Errorf("%q: the page leads elsewhere: %s", next, page.body)
		}
	}
	f("", "/account")
	f("/api/v1/validation?from=1&to=2", "/api/v1/validation?from=1&to=2")
	f("/%5cevil.example", "/%5cevil.example")
	for _, next := range []string{
		`/\evil.example`, "//evil.example", `\\evil.example`, "https://evil.example", "javascript:alert(1)", "///evil.example",
		"/\t/evil.example", "/\n/evil.example", " //evil.example", "evil.example", "http:evil.example", "/login", "/logout?x", "%zz",
	} {
		f(next, "/account")
	}
}

// errPatience is the error of a place that would be waited for without an end.
var errPatience = errors.New("there is no deadline")

// A place is a redirector of a test.
type place struct {
	finish func(r *http.Request, kept string) (auth.Identity, error)
}

func (p place) Finish(r *http.Request, kept string) (auth.Identity, error) {
	if _, ends := r.Context().Deadline(); !ends {
		return auth.Identity{}, errPatience
	}
	return p.finish(r, kept)
}

func (place) Begin(ctx context.Context) (location, kept string, err error) {
	if _, ends := ctx.Deadline(); !ends {
		return "", "", errPatience
	}
	return "https://idp.example/authorize?x=1", "state and nonce", nil
}

// Ensure who was sent elsewhere from here, and only they, can come back, once.
func TestElsewhere(t *testing.T) {
	d := newDesk(t, func(_ *login.Config, _ *throttle.Config, p *login.Parts) {
		p.Elsewhere = []login.Elsewhere{
			{Name: "idp", Title: "The <IdP>", Policy: auth.Policy{Sync: true}, Redirector: place{func(r *http.Request, kept string) (auth.Identity, error) {
				if kept != "state and nonce" || r.FormValue("code") != "good" {
					return auth.Identity{}, fmt.Errorf("%w: code or state", auth.ErrDenied)
				}
				return auth.Identity{
					User:    auth.User{Name: "carol", Source: "oidc", Roles: []auth.Role{auth.Viewer}},
					Subject: "https://idp.example 17", Logout: "https://idp.example/logout?hint=x",
				}, nil
			}}},
			{Name: "down", Title: "Down", Redirector: place{func(*http.Request, string) (auth.Identity, error) {
				return auth.Identity{}, auth.ErrUnavailable
			}}},
		}
	})
	b := d.browser()
	if page := b.do(http.MethodGet, "/login", nil); !strings.Contains(page.body, `<a href="/login/idp?next=%2Faccount">Log in with The &lt;IdP&gt;</a>`) {
		t.Errorf("the page has no link: %s", page.body)
	}
	visit := func(b *browser, path string, status int) told {
		t.Helper()
		got := b.do(http.MethodGet, path, nil)
		if got.status != status {
			t.Errorf("%s: got %d %s, want %d", path, got.status, got.body, status)
		}
		return got
	}
	visit(b, "/login/idp/callback?code=good", http.StatusUnauthorized) // was never sent
	got := visit(b, "/login/idp?next=/api/who", http.StatusSeeOther)
	if got.header.Get("Location") != "https://idp.example/authorize?x=1" {
		t.Errorf("sent to %q", got.header.Get("Location"))
	}
	visit(d.browser(), "/login/idp/callback?code=good", http.StatusUnauthorized) // another browser
	if got := visit(b, "/login/idp/callback?code=good", http.StatusOK); got.path != "/api/who" || got.body != "carol viewer" {
		t.Errorf("got %q at %s", got.body, got.path)
	}
	visit(b, "/login/idp/callback?code=good", http.StatusUnauthorized) // a second time

	other := d.browser()
	visit(other, "/login/idp", http.StatusSeeOther)
	visit(other, "/login/down/callback?code=good", http.StatusUnauthorized) // back from another place
	visit(other, "/login/idp", http.StatusSeeOther)
	visit(other, "/login/idp/callback?code=bad", http.StatusUnauthorized)
	visit(other, "/login/down", http.StatusSeeOther)
	visit(other, "/login/down/callback", http.StatusServiceUnavailable)
	visit(other, "/login/none", http.StatusNotFound)
	visit(other, "/login/none/callback", http.StatusNotFound)
	other.is("")

	account := visit(b, "/account", http.StatusOK)
	if csp := account.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https://idp.example;") {
		t.Errorf("the browser may not be sent to log out there: %s", csp)
	}
	if got := b.do(http.MethodPost, "/logout", url.Values{}); got.header.Get("Location") != "https://idp.example/logout?hint=x" {
		t.Errorf("logged out to %q", got.header.Get("Location"))
	}
	b.is("")
}

// Ensure who was sent to their account for want of a role is told which, and nothing else that
// somebody puts into the address.
func TestNeeds(t *testing.T) {
	_, b := aliceIn(t)
	f := func(needs string, want bool) {
		t.Helper()
		got := b.do(http.MethodGet, "/account?needs="+url.QueryEscape(needs), nil)
		if got.status != http.StatusOK || strings.Contains(got.body, "needs the role "+needs+".") != want || strings.Contains(got.body, "alert") != want {
			t.Errorf("%s: got %d %q", needs, got.status, got.body)
		}
	}
	f("operator", true)
	f("viewer", false) // she has it
	f("money: pay at evil.example", false)
	f("", false)
}

// Ensure pages may do nothing but be shown, and are kept nowhere.
func TestHeaders(t *testing.T) {
	d := newDesk(t, same)
	for _, path := range []string{"/login", "/account"} {
		h := d.browser().do(http.MethodGet, path, nil).header
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Content-Type": "text/html; charset=utf-8",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, h.Get(name), want)
			}
		}
		if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: Content-Security-Policy is %q", path, csp)
		}
	}
}
