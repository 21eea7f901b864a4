package ldap_test

import (
	"strings"
	"testing"

	"tallystick/internal/auth/ldap"
)

func TestGroups(t *testing.T) {
	groups := ldap.Groups{"cn=ops,ou=groups,dc=example,dc=org", "CN=Data Managers, OU=x", "cn=a+sn=b,ou=x", "broken", ""}
	f := func(name string, want bool) {
		t.Helper()
		if got := groups.Has(name); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
	f("ops", true)
	f("OPS", true)
	f("data managers", true)
	f("cn=Ops, ou=groups, dc=example, dc=org", true)
	f("cn=ops,ou=groups,dc=example,dc=net", false)
	f("cn=ops", false)
	f("groups", false)
	f("a", false) // one of two values
	f("broken", false)
	f("", false)
}

// FuzzGroups looks for names of groups that are taken for others: a name without = is only ever the
// beginning of a DN.
func FuzzGroups(f *testing.F) {
	f.Add("cn=ops,ou=groups,dc=example,dc=org", "ops")
	f.Add(`cn=a\2cb,ou=x`, "a,b")
	f.Add("cn=#0401ff,ou=x", "cn=x")
	f.Add("cn=a+sn=b", "a")
	f.Add("cn=\x82,ou=x", "\x99") // no UTF-8, and alike to strings.EqualFold
	f.Add("=a=ops", "ops")
	f.Fuzz(func(t *testing.T, dn, name string) {
		if !(ldap.Groups{dn}).Has(name) || strings.ContainsAny(dn, `\#+`) || strings.Contains(name, "=") {
			return
		}
		_, rest, _ := strings.Cut(dn, "=")
		first, _, _ := strings.Cut(rest, ",")
		first, _, _ = strings.Cut(first, ";")
		if !strings.EqualFold(strings.TrimSpace(first), strings.TrimSpace(name)) {
			t.Errorf("%q is taken for %q", dn, name)
		}
	})
}
