package ldap_test

import (
	"testing"
	"time"
	"unicode/utf8"

	goldap "github.com/go-ldap/ldap/v3"

	"tallystick/internal/auth"
	"tallystick/internal/auth/ldap"
)

func TestCheck(t *testing.T) {
	f := func(change func(*ldap.Config), keys ...string) {
		t.Helper()
		c := ldap.Default()
		c.URLs, c.BaseDN, c.Roles.Viewer = []string{"ldaps://ldap.example.org"}, "dc=example,dc=org", []string{auth.Everybody}
		change(&c)
		want := make(map[string]bool)
		for _, k := range keys {
			want[k] = true
		}
		for _, p := range c.Check() {
			if !want[p.Key] {
				t.Errorf("%v: got an error of %s: %v", keys, p.Key, p.Err)
			}
			delete(want, p.Key)
		}
		for key := range want {
			t.Errorf("got no error of %s, want one", key)
		}
	}
	f(func(*ldap.Config) {})
	f(func(c *ldap.Config) { *c = ldap.Default() }) // off
	f(func(c *ldap.Config) { c.URLs = []string{"ldap://ldap.example.org"} }, "urls")
	f(func(c *ldap.Config) { c.URLs, c.StartTLS = []string{"ldap://ldap.example.org"}, true })
	f(func(c *ldap.Config) { c.StartTLS = true }, "urls")
	f(func(c *ldap.Config) { c.URLs = []string{"ldap://localhost:389", "ldap://127.0.0.1", "ldap://[::1]/"} })
	f(func(c *ldap.Config) { c.URLs = []string{"ldaps://u:p@ldap.example.org"} }, "urls")
	f(func(c *ldap.Config) { c.URLs = []string{"ldaps://ldap.example.org/dc=example"} }, "urls")
	f(func(c *ldap.Config) { c.URLs = []string{"https://ldap.example.org"} }, "urls")
	f(func(c *ldap.Config) { c.BaseDN = "example.org" }, "base_dn")
	f(func(c *ldap.Config) { c.BaseDN = "" }, "base_dn")
	f(func(c *ldap.Config) { c.UserFilter = "(uid=*)" }, "user_filter")
	f(func(c *ldap.Config) { c.UserFilter = "(uid={user}" }, "user_filter")
	f(func(c *ldap.Config) { c.GroupFilter = "member={dn})" }, "group_filter")
	f(func(c *ldap.Config) { c.UserDN, c.Sync = "uid={user},dc=example", 0 })
	f(func(c *ldap.Config) { c.UserDN = "uid={user},dc=example" }, "sync_interval")
	f(func(c *ldap.Config) { c.UserDN, c.Sync = "uid=alice,dc=example", 0 }, "user_dn")
	f(func(c *ldap.Config) { c.BindDN = "cn=reader" }, "bind_dn")
	f(func(c *ldap.Config) { c.Roles = auth.Grants{} }, "roles")
	f(func(c *ldap.Config) { c.Roles, c.Validate = auth.Grants{}, true })
	f(func(c *ldap.Config) { c.Roles.Admin = []string{"ops"} }, "roles")
	f(func(c *ldap.Config) { c.Roles.Admin, c.GroupBaseDN = []string{"ops"}, "ou=groups" })
	f(func(c *ldap.Config) { c.Timeout, c.Sync, c.NameAttribute = 0, -time.Second, "" }, "timeout", "sync_interval", "name_attribute")
}

// FuzzName holds that a name is one value in a filter and in a distinguished name, whatever is in
// it: it says nothing to the directory.
func FuzzName(f *testing.F) {
	for _, name := range []string{"alice", "*", "alice)(uid=*", "alice,ou=people", "alice+uid=bob", "x\x00y", " {dn}", "#41", `a\`, "{user}"} {
		f.Add(name, "uid=alice,ou=people,dc=example,dc=org")
	}
	c := ldap.Config{UserFilter: "(uid={user})", UserDN: "uid={user},ou=people", GroupFilter: "(|(member={dn})(memberUid={user}))"}
	f.Fuzz(func(t *testing.T, name, dn string) {
		if name == "" || !utf8.ValidString(name) {
			return // nobody's: neither is the name of an account
		}
		equals := func(filter, attribute, value string) {
			t.Helper()
			p, err := goldap.CompileFilter(filter)
			if err != nil || p.Tag != goldap.FilterEqualityMatch || len(p.Children) != 2 {
				t.Fatalf("%q: the filter %q is not one comparison: %v", name, filter, err)
			}
			if of, is := p.Children[0].Data.String(), p.Children[1].Data.String(); of != attribute || is != value {
				t.Errorf("%q: the filter %q compares %q with %q", name, filter, of, is)
			}
		}
		equals(c.UserFilterOf(name), "uid", name)
		groups, err := goldap.CompileFilter(c.GroupFilterOf(name, dn))
		if err != nil || groups.Tag != goldap.FilterOr || len(groups.Children) != 2 {
			t.Fatalf("%q, %q: the filter is %q: %v", name, dn, c.GroupFilterOf(name, dn), err)
		}
		parsed, err := goldap.ParseDN(c.UserDNOf(name))
		if err != nil || len(parsed.RDNs) != 2 || len(parsed.RDNs[0].Attributes) != 1 || parsed.RDNs[0].Attributes[0].Value != name {
			t.Errorf("%q: the name is %q: %v", name, c.UserDNOf(name), err)
		}
	})
}
