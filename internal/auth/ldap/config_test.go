package ldap_test

import (
	"testing"
	"time"

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
