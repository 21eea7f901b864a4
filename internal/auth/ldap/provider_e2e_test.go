//go:build e2e

package ldap_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"tallystick/internal/auth"
	"tallystick/internal/auth/ldap"
	"tallystick/internal/bus/bustest"
)

// config returns one that looks people up as the reader does.
func (s *slapd) config(t *testing.T) ldap.Config {
	t.Helper()
	c := ldap.Default()
	c.URLs, c.CAFile = []string{s.tls}, s.ca
	c.BindDN, c.BindPasswordFile = "cn=reader,dc=example,dc=org", write(t, t.TempDir(), "password", "readerpw\n")
	c.BaseDN, c.GroupBaseDN = "dc=example,dc=org", "ou=groups,dc=example,dc=org"
	c.Roles = auth.Grants{Viewer: []string{auth.Everybody}, Validator: []string{"shifters"}, Operator: []string{"cn=OPS,ou=groups,dc=example,dc=org"}}
	return c
}

func TestLogin(t *testing.T) {
	t.Parallel()
	s := start(t)
	search := s.config(t)
	start := search
	start.URLs, start.StartTLS = []string{s.plain}, true
	template := search
	template.UserDN, template.BaseDN = "uid={user},ou=people,dc=example,dc=org", ""
	nobody := template // looks people up: they do it themselves, and cannot see groups
	nobody.BindDN, nobody.BindPasswordFile, nobody.GroupBaseDN, nobody.Sync = "", "", "", 0
	nobody.Roles = auth.Grants{Viewer: []string{auth.Everybody}}

	for name, c := range map[string]ldap.Config{"ldaps": search, "StartTLS": start, "template": template, "self": nobody} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t, c)
			f := func(name, password, want string) {
				t.Helper()
				got, err := login(t, p, name, password)
				if got != want || want == "" && !errors.Is(err, auth.ErrDenied) {
					t.Errorf("%q, %q: got %q (%v), want %q, or else that it is denied", name, password, got, err, want)
				}
			}
			more := c.BindDN != ""
			f("alice", "alicepw", map[bool]string{true: "alice viewer,validator,operator", false: "alice viewer"}[more])
			f("bob", "bobpw", map[bool]string{true: "bob viewer,validator", false: "bob viewer"}[more])
			f("ALICE", "alicepw", map[bool]string{true: "alice viewer,validator,operator", false: "alice viewer"}[more])
			f("alice", "bobpw", "")
			f("alice", "", "")
			f("alice", "alicepw\x00", "")
			f("nobody", "alicepw", "")
			f("carol", "carolpw", "") // a referral
			// Into the filter, and into the DN.
			f("*", "alicepw", "")
			f("alice)(uid=*", "alicepw", "")
			f("alice,ou=people", "alicepw", "")
			f("alice,ou=people,dc=example,dc=org", "alicepw", "")
			f("alice+uid=bob", "alicepw", "")
			f("x\x00y", "alicepw", "")
		})
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	s := start(t)
	id, err := open(t, s.config(t)).Login(t.Context(), &auth.Attempt{Name: "alice", Password: "alicepw"})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{id.Name, id.DisplayName, id.Email, id.Source}
	if want := []string{"alice", "Alice A", "alice@example.org", "ldap"}; !slices.Equal(got, want) {
		t.Errorf("identity: got %q, want %q", got, want)
	}
	if len(id.Subject) != 36 {
		t.Errorf("subject: got %q, want an entryUUID", id.Subject)
	}
	if got, err := login(t, open(t, s.config(t)), "twin", "twinpw"); !errors.Is(err, auth.ErrDenied) {
		t.Errorf("a name that two have: got %q (%v), want that it is denied", got, err)
	}
}

// TestReferral has somebody listen where the directory refers to.
func TestReferral(t *testing.T) {
	t.Parallel()
	s := start(t)
	_, asked := listen(t, s.elsewhere, nil)
	c := s.config(t)
	c.UserDN = "uid={user},ou=people,dc=example,dc=org"
	for _, c := range []ldap.Config{c, s.config(t)} {
		if _, err := login(t, open(t, c), "carol", "carolpw"); !errors.Is(err, auth.ErrDenied) {
			t.Errorf("somebody of another server: got %v, want that it is denied", err)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("connections to the other server: got %d, want 0", n)
	}
}

// TestUnavailable is about servers that cannot say whether a password is good.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	s := start(t)
	f := func(what string, change func(*ldap.Config)) {
		t.Helper()
		c := s.config(t)
		c.Timeout = 500 * time.Millisecond
		change(&c)
		began := time.Now()
		_, err := login(t, open(t, c), "alice", "alicepw")
		if !errors.Is(err, auth.ErrUnavailable) || errors.Is(err, auth.ErrDenied) || time.Since(began) > 5*time.Second {
			t.Errorf("%s: got %v after %v, want that it is not available", what, err, time.Since(began))
		}
	}
	f("wrong authority", func(c *ldap.Config) { c.CAFile = bustest.NewAuthority(t).File })
	f("wrong authority with StartTLS", func(c *ldap.Config) {
		c.URLs, c.StartTLS, c.CAFile = []string{s.plain}, true, bustest.NewAuthority(t).File
	})
	f("reader's password", func(c *ldap.Config) { c.BindPasswordFile = write(t, t.TempDir(), "p", "wrong") })
	f("no reader's password", func(c *ldap.Config) { c.BindPasswordFile = "no/such/file" })
	f("base", func(c *ldap.Config) { c.BaseDN = "dc=example,dc=net" })
}

func TestSeveralServers(t *testing.T) {
	t.Parallel()
	s := start(t)
	silent, asked := listen(t, 0, nil)
	c := s.config(t)
	c.URLs, c.Timeout = []string{silent, "ldap://127.0.0.1:1", s.tls}, 500*time.Millisecond
	p := open(t, c)
	for range 2 { // the second time begins with the one that answered
		if got, err := login(t, p, "bob", "bobpw"); got != "bob viewer,validator" {
			t.Errorf("with two servers down of three: got %q, %v", got, err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("messages to the silent server: got %d, want 1", n)
	}
	s.stop()
	if _, err := login(t, p, "bob", "bobpw"); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("with all down: got %v, want that it is not available", err)
	}
}
