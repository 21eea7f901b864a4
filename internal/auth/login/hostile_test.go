package login_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
	"tallystick/internal/auth/login"
	"tallystick/internal/auth/throttle"
)

// A nobody has no accounts, and needs no database to know that.
type nobody struct{ login.Accounts }

func (nobody) Account(context.Context, string) (accounts.Account, error) {
	return accounts.Account{}, accounts.ErrNotFound
}

// Ensure a load of hostile logins, each under another name and from another network, leaves memory
// flat, and no session behind. Time is not real here: each is refused as late as it would be.
func TestHostileLogins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		d := newDesk(t, func(_ *login.Config, _ *throttle.Config, p *login.Parts) {
			p.Sources = []login.Source{{Provider: provider{
				can:   func(*auth.Attempt) bool { return true },
				login: func(context.Context, *auth.Attempt) (auth.Identity, error) { return auth.Identity{}, auth.ErrDenied },
			}}}
			p.From = func(*http.Request) netip.Addr {
				return netip.AddrFrom4([4]byte{byte(n >> 16), byte(n >> 8), byte(n), 1})
			}
			p.Accounts = nobody{p.Accounts}
			p.Log = slog.New(slog.DiscardHandler)
		})
		d.http.Close() // requests go past the network here
		h := d.people.Handler(http.NotFoundHandler(), bare)
		load := func(attempts int) uint64 {
			for range attempts {
				n++
				form := url.Values{"username": {strings.Repeat("x", 100) + strconv.Itoa(n)}, "password": {"guess"}}
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/login", strings.NewReader(form.Encode()))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				r.Header.Set("Cookie", "session="+strconv.Itoa(n)+"; trip=x")
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != http.StatusUnauthorized || len(w.Result().Cookies()) > 0 {
					t.Fatalf("got %d %q", w.Code, w.Header())
				}
			}
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		full := load(9000) // more than the throttle remembers
		after := load(20_000)
		if after > full+(1<<20) {
			t.Errorf("20,000 more made %d bytes of %d", after, full)
		}
	})
}

// Ensure who has no role is answered once: with one refusal, and nothing behind it.
func TestOneAnswer(t *testing.T) {
	d := newDesk(t, func(_ *login.Config, _ *throttle.Config, p *login.Parts) {
		p.Sources = []login.Source{{Provider: provider{
			can: func(*auth.Attempt) bool { return true },
			login: func(context.Context, *auth.Attempt) (auth.Identity, error) {
				return auth.Identity{User: auth.User{Name: "dave", Source: "ldap"}}, nil
			},
		}}}
	})
	b := d.browser()
	b.header["Accept"] = "application/json"
	got := b.login("dave", "x")
	if got.status != http.StatusUnauthorized || !json.Valid([]byte(got.body)) || got.header.Get("Set-Cookie") != "" {
		t.Errorf("got %d %q %q, want one refusal", got.status, got.header, got.body)
	}
	b.header["Accept"] = "text/html"
	if got := b.login("dave", "x"); got.status != http.StatusUnauthorized || strings.Count(got.body, "</html>") != 1 {
		t.Errorf("got %d %q, want one page", got.status, got.body)
	}
}
