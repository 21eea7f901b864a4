//go:build e2e

package ldap_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	client "github.com/go-ldap/ldap/v3"

	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
	"tallystick/internal/auth/ldap"
)

// admin returns a connection that may change anything.
func (s *slapd) admin(t *testing.T) *client.Conn {
	t.Helper()
	c, err := client.DialURL(s.plain)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Bind("cn=admin,dc=example,dc=org", "adminpw"); err != nil {
		t.Fatal(err)
	}
	return c
}

func people(t *testing.T) *accounts.DB {
	t.Helper()
	db, err := accounts.Open(t.Context(), accounts.Config{Database: filepath.Join(t.TempDir(), "a.db")}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// add makes the account of somebody who logs in.
func add(t *testing.T, db *accounts.DB, p *ldap.Provider, name, password string) {
	t.Helper()
	id, err := p.Login(t.Context(), &auth.Attempt{Name: name, Password: password})
	if err == nil {
		err = db.Add(t.Context(), accounts.Account{User: id.User, Subject: id.Subject})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestSync changes the directory while people have accounts.
func TestSync(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.config(t)
	p, db := open(t, c), people(t)
	sync := ldap.NewSyncer(p, db, slog.New(slog.DiscardHandler))
	for name, password := range map[string]string{"alice": "alicepw", "bob": "bobpw", "slow": "slowpw"} {
		add(t, db, p, name, password)
	}
	local := accounts.Account{User: auth.User{Name: "root", Source: "local", Roles: []auth.Role{auth.Admin}}, Subject: "root", Password: "x"}
	if err := db.Add(t.Context(), local); err != nil {
		t.Fatal(err)
	}
	f := func(name string, disabled bool, roles ...auth.Role) {
		t.Helper()
		a, err := db.Account(t.Context(), name)
		if err != nil || a.Disabled != disabled || !slices.Equal(a.Roles, roles) {
			t.Errorf("%s: got disabled %v, %v (%v), want %v, %v", name, a.Disabled, a.Roles, err, disabled, roles)
		}
	}
	do := func() {
		t.Helper()
		if err := sync.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	do()
	f("alice", false, auth.Viewer, auth.Validator, auth.Operator)
	f("bob", false, auth.Viewer, auth.Validator)

	admin := s.admin(t)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(admin.Del(client.NewDelRequest("uid=bob,ou=people,dc=example,dc=org", nil)))
	m := client.NewModifyRequest("cn=shifters,ou=groups,dc=example,dc=org", nil)
	m.Delete("uniqueMember", []string{"uid=alice,ou=people,dc=example,dc=org"})
	check(admin.Modify(m))
	// Somebody new with the name of somebody who has gone.
	check(admin.Del(client.NewDelRequest("uid=slow,ou=people,dc=example,dc=org", nil)))
	a := client.NewAddRequest("uid=slow,ou=people,dc=example,dc=org", nil)
	for name, value := range map[string]string{"objectClass": "inetOrgPerson", "uid": "slow", "cn": "Other", "sn": "O", "userPassword": "slowpw"} {
		a.Attribute(name, []string{value})
	}
	check(admin.Add(a))
	do()
	f("alice", false, auth.Viewer, auth.Operator)
	f("bob", true, auth.Viewer, auth.Validator)
	f("slow", true, auth.Viewer)
	f("root", false, auth.Admin)

	// Nobody can be seen: nothing happens, but that it is told.
	check(admin.ModifyDN(client.NewModifyDNRequest("uid=alice,ou=people,dc=example,dc=org", "uid=alicia", true, "")))
	if err := sync.Sync(t.Context()); err == nil {
		t.Error("nobody can be seen: got no error")
	}
	f("alice", false, auth.Viewer, auth.Operator)
	s.stop()
	if err := sync.Sync(t.Context()); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("directory down: got %v, want that it is not available", err)
	}
	f("alice", false, auth.Viewer, auth.Operator)
}

// TestRun syncs by itself.
func TestRun(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.config(t)
	c.Sync = 10 * time.Millisecond
	p, db := open(t, c), people(t)
	add(t, db, p, "alice", "alicepw")
	add(t, db, p, "bob", "bobpw")
	if err := s.admin(t).Del(client.NewDelRequest("uid=bob,ou=people,dc=example,dc=org", nil)); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- ldap.NewSyncer(p, db, slog.New(slog.DiscardHandler)).Run(ctx) }()
	for range time.Tick(c.Sync) {
		if a, err := db.Account(t.Context(), "bob"); err != nil || a.Disabled {
			break
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
}
