package standing_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
	"tallystick/internal/auth/standing"
)

// A desk is a register in front of a real database.
type desk struct {
	*testing.T
	*standing.Register
	db    *accounts.DB
	clock time.Time
	log   strings.Builder
}

func newDesk(t *testing.T, validate bool) *desk {
	t.Helper()
	d := &desk{T: t, clock: time.Unix(1_700_000_000, 0)}
	var err error
	if d.db, err = accounts.Open(t.Context(), accounts.Config{Database: filepath.Join(t.TempDir(), "a.db")}, d.now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.db.Close() })
	if d.Register, err = standing.New(t.Context(), d.db, validate, d.now, slog.New(slog.NewTextHandler(&d.log, nil))); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) now() time.Time { return d.clock }

func (d *desk) revoke(id string) {
	d.Helper()
	if _, err := d.db.Revoke(d.Context(), id, d.clock.Add(time.Hour)); err != nil {
		d.Fatal(err)
	}
}

// want checks whether the token of an ID is refused, and why.
func (d *desk) want(what, id, why string) {
	d.Helper()
	u, err := d.Now(d.Context(), auth.User{Name: "ada", Roles: []auth.Role{auth.Viewer}, TokenID: id})
	if (err == nil) != (why == "") || err != nil && (!strings.Contains(err.Error(), why) || u.Name != "") {
		d.Errorf("%s: got %+v and error %v, want %q", what, u, err, why)
	}
}

// Ensure a token that another process has revoked is refused a second later, that it stays so
// while the database does not answer, and that no other is.
func TestRevoked(t *testing.T) {
	d := newDesk(t, false)
	d.want("before", "one", "")
	d.revoke("one")
	d.Step(t.Context())
	d.want("a step later", "one", "revoked")
	d.want("another", "two", "")
	d.want("one without ID", "", "")

	d.clock = d.clock.Add(2 * time.Minute)
	d.Step(t.Context()) // all are read again
	d.want("after all were read again", "one", "revoked")
	d.clock = d.clock.Add(2 * time.Hour)
	d.Step(t.Context())
	d.want("after it has ended, which the token says itself", "one", "")

	d.revoke("three")
	d.Step(t.Context())
	if err := d.db.Close(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		d.clock = d.clock.Add(time.Hour / 4)
		d.Step(t.Context())
	}
	d.want("without a database", "three", "revoked")
	d.want("another, without a database", "two", "")
	if n := strings.Count(d.log.String(), "revocations are those of before"); n != 1 {
		t.Errorf("the log tells it %d times, want once:\n%s", n, d.log.String())
	}
	if _, err := standing.New(t.Context(), d.db, false, d.now, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a start without revocations: got no error")
	}
}

// many is a database with more revocations than are held.
type many struct {
	standing.Database
	asked int
}

func (*many) Revocations(_ context.Context, after int64, limit int) (out []accounts.Revocation, err error) {
	for n := after + 1; n <= 100_010 && len(out) < limit; n++ {
		out = append(out, accounts.Revocation{Serial: n, ID: strconv.FormatInt(n, 10)})
	}
	return out, nil
}

func (m *many) Revoked(_ context.Context, id string) (bool, error) {
	m.asked++
	if id == "broken" {
		return false, errors.New("no answer")
	}
	return id == "100010", nil
}

// Ensure no more is held than may be, and that the database is asked for what is not.
func TestRevokedTooMany(t *testing.T) {
	m := new(many)
	r, err := standing.New(t.Context(), m, false, func() time.Time { return time.Unix(1_700_000_000, 0) }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	f := func(id, why string, asked int) {
		t.Helper()
		_, err := r.Now(t.Context(), auth.User{Name: "ada", TokenID: id})
		if (err == nil) != (why == "") || err != nil && !strings.Contains(err.Error(), why) || m.asked != asked {
			t.Errorf("%s: got error %v after asking %d times, want %q and %d", id, err, m.asked, why, asked)
		}
	}
	f("7", "revoked", 0)
	f("100010", "revoked", 1)
	f("good", "", 2)
	f("broken", "cannot be found out", 3)
	f("", "", 3)
	registry := prometheus.NewRegistry()
	if err := r.Register(registry); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if v := f.GetMetric()[0].GetGauge().GetValue(); f.GetName() == "tallystick_auth_revoked_tokens" && v != 100_000 {
			t.Errorf("%v are held, want 100000", v)
		}
	}
}

// Ensure that with validateUser the account's roles count, at most a second old, and that who has
// none, or a disabled one, is refused; who comes by a certificate has none.
func TestValidate(t *testing.T) {
	d := newDesk(t, true)
	d.want("no account", "one", "no account")
	account := accounts.Account{User: auth.User{Name: "ada", Source: "local", Roles: []auth.Role{auth.Writer}}, Subject: "ada"}
	if err := d.db.Add(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	d.want("no account, as it was a moment ago", "one", "no account")
	d.clock = d.clock.Add(time.Second)
	f := func(want auth.User, bounds auth.Bounds) {
		t.Helper()
		u, err := d.Now(t.Context(), auth.User{Name: "ada", Roles: []auth.Role{auth.Admin}, Bounds: bounds, TokenID: "one"})
		if diff := cmp.Diff(want, u); diff != "" || err != nil {
			t.Errorf("got error %v, user (-want +got):\n%s", err, diff)
		}
	}
	f(auth.User{Name: "ada", Roles: []auth.Role{auth.Writer}, TokenID: "one"}, auth.Bounds{})
	change := func(do func(*accounts.Account)) {
		t.Helper()
		a, err := d.db.Account(t.Context(), "ada")
		if err == nil {
			err = d.db.Change(t.Context(), a.ID, do)
		}
		if err != nil {
			t.Fatal(err)
		}
		d.clock = d.clock.Add(time.Second)
	}
	change(func(a *accounts.Account) {
		a.Roles, a.Bounds = []auth.Role{auth.Viewer}, auth.Bounds{Clusters: []string{"a", "b"}}
	})
	f(auth.User{Name: "ada", Roles: []auth.Role{auth.Viewer}, TokenID: "one", Bounds: auth.Bounds{Clusters: []string{"a", "b"}}}, auth.Bounds{})
	f(auth.User{Name: "ada", Roles: []auth.Role{auth.Viewer}, TokenID: "one", Bounds: auth.Bounds{Clusters: []string{"b"}}},
		auth.Bounds{Clusters: []string{"b", "c"}, Client: "x"})
	if _, err := d.Now(t.Context(), auth.User{Name: "ada", Bounds: auth.Bounds{Client: "x"}}); err == nil {
		t.Error("a token that is bound to what its account is not: got no error, though it would be bound to nothing")
	}
	d.revoke("one")
	d.Step(t.Context())
	d.want("revoked", "one", "revoked")
	change(func(a *accounts.Account) { a.Disabled = true })
	d.want("disabled", "two", "disabled")
	if err := d.db.Close(); err != nil {
		t.Fatal(err)
	}
	d.want("still believed", "two", "disabled")
	d.clock = d.clock.Add(time.Second)
	d.want("not believed any more", "two", "cannot be asked")
	if u, err := d.Now(t.Context(), auth.User{Name: "agent7", Source: "certificate"}); err != nil || u.Name != "agent7" {
		t.Errorf("by a certificate: got %+v and error %v", u, err)
	}
}

// Ensure what is in memory costs nothing.
func TestNowAllocs(t *testing.T) {
	d := newDesk(t, false)
	u := auth.User{Name: "ada", TokenID: "one"}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := d.Now(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}); n >= 1 {
		t.Errorf("a token that was not revoked costs %v allocations, want none", n)
	}
}
