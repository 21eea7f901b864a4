package login_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
	"tallystick/internal/auth/login"
	"tallystick/internal/auth/throttle"
)

// aliceIn returns a desk with alice, and a browser in which she has logged in.
func aliceIn(t *testing.T) (*desk, *browser) {
	t.Helper()
	d := newDesk(t, same)
	d.add("alice", "sesame", auth.Viewer)
	b := d.browser()
	b.login("alice", "sesame")
	b.is("alice viewer")
	return d, b
}

// Ensure what changes of an account counts at once for those who are in.
func TestChangesCountAtOnce(t *testing.T) {
	f := func(want string, change func(d *desk)) {
		t.Helper()
		d, b := aliceIn(t)
		change(d)
		b.is(want)
	}
	f("alice admin", func(d *desk) {
		d.change("alice", func(a *accounts.Account) { a.Roles = []auth.Role{auth.Admin} })
	})
	f("", func(d *desk) { d.change("alice", func(a *accounts.Account) { a.Password = "other" }) })
	f("", func(d *desk) { d.change("alice", func(a *accounts.Account) { a.Disabled = true }) })
	f("", func(d *desk) {
		d.change("alice", func(a *accounts.Account) { a.Disabled = true })
		d.change("alice", func(a *accounts.Account) { a.Disabled = false })
	})
	f("", func(d *desk) {
		if err := d.db.Delete(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
	})
	f("", func(d *desk) { // another alice is not her
		if err := d.db.Delete(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		d.add("alice", "sesame", auth.Admin)
	})
}

// Ensure logging out ends the session on the server, not just the cookie.
func TestLogout(t *testing.T) {
	d, b := aliceIn(t)
	kept := b.session()
	if got := b.do(http.MethodGet, "/logout", nil); got.status == http.StatusSeeOther || got.body != "alice viewer" {
		t.Errorf("GET /logout: got %d %q, want it not to be a route", got.status, got.body)
	}
	b.is("alice viewer")
	if got := b.do(http.MethodPost, "/logout", url.Values{}); got.path != "/login" {
		t.Errorf("after it: got %d at %s", got.status, got.path)
	}
	b.is("")
	if b.session() != "" {
		t.Error("the cookie is still there")
	}
	thief := d.browser()
	thief.header["Cookie"] = "session=" + kept
	thief.is("")
	if got := thief.do(http.MethodPost, "/logout", url.Values{}); got.path != "/login" {
		t.Errorf("of nobody: got %d at %s", got.status, got.path)
	}
}

// Ensure a login gives a new token: one that somebody else planted is worth nothing.
func TestFixation(t *testing.T) {
	d, b := aliceIn(t)
	before := b.session()
	b.login("alice", "sesame")
	after := b.session()
	if before == after || after == "" {
		t.Errorf("got %q after %q, want another", after, before)
	}
	old := d.browser()
	old.header["Cookie"] = "session=" + before
	old.is("")

	planted := d.browser()
	planted.header["Cookie"] = "session=planted"
	planted.login("alice", "sesame")
	planted.header["Cookie"] = "session=planted"
	delete(planted.header, "Accept")
	victim := d.browser()
	victim.header["Cookie"] = "session=planted"
	victim.is("")
}

// Ensure a cookie that was not given out is nobody's.
func TestTampering(t *testing.T) {
	d, b := aliceIn(t)
	good := b.session()
	for _, value := range []string{"", "x", good[:len(good)-1], good + "x", strings.ToUpper(good), strings.Repeat("x", 4000), "' OR 1=1 --", good[1:]} {
		other := d.browser()
		other.header["Cookie"] = "session=" + value
		other.is("")
	}
	var hash string
	if rows, err := d.db.List(t.Context()); err == nil {
		hash = rows[0].Password
	}
	other := d.browser()
	other.header["Cookie"] = "session=" + hash
	other.is("")
}

// Ensure one person has no more sessions than allowed: the oldest ends.
func TestMany(t *testing.T) {
	d, first := aliceIn(t)
	browsers := make([]*browser, 3)
	for i := range browsers {
		browsers[i] = d.browser()
		browsers[i].login("alice", "sesame")
	}
	n := 0 // which of those of one second is the oldest is not known
	for _, b := range append([]*browser{first}, browsers...) {
		if b.do(http.MethodGet, "/api/who", nil).status == http.StatusOK {
			n++
		}
	}
	if n != 3 {
		t.Errorf("got %d sessions, want 3", n)
	}
}

// Ensure cookies are what they should be, with TLS and without.
func TestCookie(t *testing.T) {
	f := func(plain bool, want string) {
		t.Helper()
		d := newDesk(t, func(c *login.Config, _ *throttle.Config, _ *login.Parts) { c.Plain = plain })
		d.add("alice", "sesame", auth.Viewer)
		b := d.browser()
		b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		got := b.login("alice", "sesame").header.Get("Set-Cookie")
		name, rest, _ := strings.Cut(got, "=")
		_, rest, _ = strings.Cut(rest, ";")
		if got := name + ";" + rest; got != want {
			t.Errorf("plain %v: got %q, want %q", plain, got, want)
		}
	}
	f(false, "__Host-session; Path=/; HttpOnly; Secure; SameSite=Lax")
	f(true, "session; Path=/; HttpOnly; SameSite=Lax")
}

// Ensure what another site lets a browser send does nothing, though the cookie goes with it.
func TestForeign(t *testing.T) {
	f := func(name, value string, foreign bool) {
		t.Helper()
		_, b := aliceIn(t)
		b.header[name] = value
		got := b.do(http.MethodPost, "/api/who", url.Values{"x": {"y"}})
		if want := http.StatusOK; (got.status == want) == foreign || foreign && !strings.Contains(got.body, "another site") {
			t.Errorf("%s %s: POST to the API gave %d %q", name, value, got.status, got.body)
		}
		if got := b.login("alice", "sesame"); (got.status == http.StatusForbidden) != foreign {
			t.Errorf("%s %s: POST /login gave %d", name, value, got.status)
		}
		if got := b.do(http.MethodPost, "/logout", url.Values{}); strings.Contains(got.body, "was sent by another site") != foreign {
			t.Errorf("%s %s: POST /logout gave %d %q", name, value, got.status, got.body)
		}
		delete(b.header, name)
		if foreign {
			b.is("alice viewer")
		} else {
			b.is("")
		}
	}
	f("Sec-Fetch-Site", "cross-site", true)
	f("Sec-Fetch-Site", "same-site", true)
	f("Origin", "https://evil.example", true)
	f("Origin", "null", true)
	f("Sec-Fetch-Site", "same-origin", false)
	f("Sec-Fetch-Site", "none", false)
}

// Ensure a token counts before a session, and a bad one does not stand in the way of a good session.
func TestTokenAndSession(t *testing.T) {
	d, b := aliceIn(t)
	b.header["X-Auth-Token"] = "good"
	b.is("robot writer")
	b.header["X-Auth-Token"] = "bad"
	b.is("alice viewer")
	stranger := d.browser()
	stranger.header["X-Auth-Token"] = "bad"
	if got := stranger.do(http.MethodGet, "/api/who", nil); !strings.Contains(got.body, auth.ErrBadToken.Error()) {
		t.Errorf("got %q, want what is wrong with the token", got.body)
	}
}

// Ensure sessions end when nobody used them, and in the end in any case.
func TestTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, func(c *login.Config, _ *throttle.Config, _ *login.Parts) {
			c.Idle, c.Lifetime = time.Hour, 3*time.Hour
		})
		d.http.Close() // requests go past the network here
		d.add("alice", "sesame", auth.Viewer)
		cookie := func() *http.Cookie {
			form := strings.NewReader(url.Values{"username": {"alice"}, "password": {"sesame"}}.Encode())
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/login", form)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			d.people.Handler(http.NotFoundHandler(), bare).ServeHTTP(w, r)
			cookies := w.Result().Cookies()
			if len(cookies) != 1 {
				t.Fatalf("got %d %q", w.Code, w.Body)
			}
			return cookies[0]
		}
		in := func(c *http.Cookie) bool {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
			r.AddCookie(c)
			_, err := d.people.Authenticate(r)
			return err == nil
		}
		idle, used := cookie(), cookie()
		for range 5 {
			time.Sleep(35 * time.Minute)
			if !in(used) {
				t.Fatal("a session in use has ended")
			}
		}
		if in(idle) {
			t.Error("a session that nobody used has not ended")
		}
		time.Sleep(10 * time.Minute)
		if in(used) {
			t.Error("a session has not ended with its lifetime")
		}
	})
}

// FuzzSession holds that no cookie but a given one is anybody's.
func FuzzSession(f *testing.F) {
	for _, seed := range []string{"", "x", "a=b; session=c", "\x00", strings.Repeat("x", 100)} {
		f.Add(seed)
	}
	d := newDesk(f, same)
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header["Cookie"] = []string{"session=" + value, "trip=" + value}
		if u, err := d.people.Authenticate(r); err == nil {
			t.Errorf("%q is %+v", value, u)
		}
	})
}

// FuzzForm holds that no form is answered with a fault, and none leads to another host.
func FuzzForm(f *testing.F) {
	f.Add("username=alice&password=x&next=/a")
	f.Add("username=%00&password=%ff")
	f.Add("next=%2f%5cevil.example&%zz")
	d := newDesk(f, same)
	f.Fuzz(func(t *testing.T, form string) {
		r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept", "text/html")
		w := httptest.NewRecorder()
		d.people.Handler(http.NotFoundHandler(), bare).ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized && w.Code != http.StatusBadRequest {
			t.Errorf("%q: got %d", form, w.Code)
		}
		_, next, _ := strings.Cut(w.Body.String(), `name="next" value="`)
		if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.HasPrefix(next, `/\`) {
			t.Errorf("%q: leads to %.40q", form, next)
		}
	})
}

// FuzzWayBack holds that nobody comes back from elsewhere who was not sent there, whatever they
// bring, though the place would let everybody in.
func FuzzWayBack(f *testing.F) {
	f.Add("", "code=x&state=y")
	f.Add("AAAA", "")
	f.Add(strings.Repeat("A", 200), "iss=%zz")
	d := newDesk(f, func(_ *login.Config, _ *throttle.Config, p *login.Parts) {
		p.Elsewhere = []login.Elsewhere{{Name: "idp", Redirector: place{func(*http.Request, string) (auth.Identity, error) {
			return auth.Identity{User: auth.User{Name: "mallory", Source: "oidc", Roles: []auth.Role{auth.Admin}}}, nil
		}}}}
	})
	f.Fuzz(func(t *testing.T, value, query string) {
		r := httptest.NewRequest(http.MethodGet, "/login/idp/callback", http.NoBody)
		r.URL.RawQuery = query
		r.Header["Cookie"] = []string{"trip=" + value}
		w := httptest.NewRecorder()
		d.people.Handler(http.NotFoundHandler(), bare).ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized || strings.Contains(w.Header().Get("Set-Cookie"), "session=") {
			t.Errorf("%q, %q: got %d %q", value, query, w.Code, w.Header())
		}
	})
}
