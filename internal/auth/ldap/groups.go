package ldap

import (
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// Groups are distinguished names, as a directory writes them.
type Groups []string

// Has reports whether one of them is meant by a name: its DN, or what its DN begins with (ops is
// cn=ops,ou=groups,…). Case does not count, as it does not in directories. A DN that cannot be
// read is nobody's.
func (g Groups) Has(name string) bool {
	want, err := ldap.ParseDN(name)
	whole := err == nil && len(want.RDNs) > 0
	for _, text := range g {
		dn, err := ldap.ParseDN(text)
		if err != nil || len(dn.RDNs) == 0 {
			continue
		}
		if whole && dn.EqualFold(want) || !whole && begins(dn, name) {
			return true
		}
	}
	return false
}

func begins(dn *ldap.DN, name string) bool {
	first := dn.RDNs[0].Attributes
	return len(first) == 1 && name != "" && strings.EqualFold(first[0].Value, name)
}
