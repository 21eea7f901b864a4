package login_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
	"tallystick/internal/auth/login"
	"tallystick/internal/auth/throttle"
)

// Ensure the three switches of cc-backend do what they do there, and an account is made for nobody
// who was not let in.
func TestPolicy(t *testing.T) {
	t.Parallel()
	theirs := func(policy auth.Policy, id auth.Identity, err error) *desk {
		t.Helper()
		return newDesk(t, func(_ *login.Config, _ *throttle.Config, p *login.Parts) {
			p.Sources = append([]login.Source{{Policy: policy, Provider: provider{
				can:   func(a *auth.Attempt) bool { return a.Account == nil || a.Account.Source != "local" },
				login: func(context.Context, *auth.Attempt) (auth.Identity, error) { return id, err },
			}}}, p.Sources...)
		})
	}
	dave := auth.Identity{User: auth.User{Name: "dave", Source: "ldap", Roles: []auth.Role{auth.Viewer}, Email: "d@example.org"}, Subject: "7"}
	f := func(what string, policy auth.Policy, id auth.Identity, err error, before func(*desk), want string, accountsAfter int) {
		t.Helper()
		d := theirs(policy, id, err)
		before(d)
		b := d.browser()
		b.login("dave", "x")
		if got := b.do(http.MethodGet, "/api/who", nil); want == "" && got.status == http.StatusOK || want != "" && got.body != want {
			t.Errorf("%s: got %d %q, want %q", what, got.status, got.body, want)
		}
		if all, err := d.db.List(t.Context()); len(all) != accountsAfter || err != nil {
			t.Errorf("%s: got %d accounts, %v, want %d", what, len(all), err, accountsAfter)
		}
	}
	nobody := func(*desk) {}
	has := func(source, subject string, roles ...auth.Role) func(*desk) {
		return func(d *desk) {
			err := d.db.Add(t.Context(), accounts.Account{User: auth.User{Name: "dave", Source: source, Roles: roles}, Subject: subject})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	var none, validate, sync, update auth.Policy
	validate.Validate, sync.Sync, update.Update = true, true, true

	f("no account, none made", none, dave, nil, nobody, "dave viewer", 0)
	f("no account, one made", sync, dave, nil, nobody, "dave viewer", 1)
	f("no account, needed", validate, dave, nil, nobody, "", 0)
	f("denied: none is made", sync, auth.Identity{}, auth.ErrDenied, nobody, "", 0)
	f("unavailable: none is made", sync, auth.Identity{}, auth.ErrUnavailable, nobody, "", 0)
	f("account, its roles count", none, dave, nil, has("ldap", "7", auth.Operator), "dave operator", 1)
	f("account, brought up to date", update, dave, nil, has("ldap", "7", auth.Operator), "dave viewer", 1)
	f("another one's account", sync, dave, nil, has("oidc", "7", auth.Admin), "", 1)
	f("another one's account, which validates", validate, dave, nil, has("oidc", "7", auth.Admin), "dave admin", 1)
	f("another subject's name", sync, dave, nil, has("ldap", "8", auth.Admin), "", 1)
	f("disabled", update, dave, nil, func(d *desk) {
		has("ldap", "7", auth.Admin)(d)
		d.change("dave", func(a *accounts.Account) { a.Disabled = true })
	}, "", 1)
	without := dave
	without.Roles = nil
	f("no role", sync, without, nil, nobody, "", 0)
	odd := dave
	odd.Name = "da\nve"
	f("no name", sync, odd, nil, nobody, "", 0)
	renamed := dave
	renamed.Name = "david"
	f("the subject counts, not the name", update, renamed, nil, has("ldap", "7", auth.Operator), "dave viewer", 1)
}

// Ensure the first provider that can is the one that counts.
func TestOrder(t *testing.T) {
	var asked []string
	says := func(name string, can bool, err error) login.Source {
		return login.Source{Provider: provider{
			can: func(*auth.Attempt) bool { asked = append(asked, name); return can },
			login: func(context.Context, *auth.Attempt) (auth.Identity, error) {
				return auth.Identity{User: auth.User{Name: name, Source: name, Roles: []auth.Role{auth.Viewer}}}, err
			},
		}}
	}
	d := newDesk(t, func(_ *login.Config, _ *throttle.Config, p *login.Parts) {
		p.Sources = []login.Source{says("a", false, nil), says("b", true, auth.ErrDenied), says("c", true, nil)}
	})
	b := d.browser()
	if got := b.login("x", "y"); got.status != http.StatusUnauthorized || len(asked) != 2 {
		t.Errorf("got %d, asked %q", got.status, asked)
	}
	b.is("")
	if got := b.do(http.MethodPost, "/login", url.Values{}); got.status != http.StatusUnauthorized {
		t.Errorf("nothing shown: got %d", got.status)
	}
}
