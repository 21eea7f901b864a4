package ldap

import (
	"strings"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
)

// Groups are distinguished names, as a directory writes them.
type Groups []string

// Has reports whether one of them is meant by a name: its DN, or what its DN begins with (ops is
// cn=ops,ou=groups,…). Case does not count, as it does not in directories. A DN that cannot be
// read is nobody's.
func (g Groups) Has(name string) bool {
	want, whole := parse(name)
	for _, text := range g {
		dn, ok := parse(text)
		if !ok {
			continue
		}
		if whole && dn.EqualFold(want) || !whole && begins(dn, name) {
			return true
		}
	}
	return false
}

// parse reads a DN. What is no text (RFC 4514, section 2.4) is none: to strings.EqualFold all bytes
// that are not UTF-8 are alike. Nor is what begins with a value, of which the library makes a type.
func parse(text string) (*ldap.DN, bool) {
	dn, err := ldap.ParseDN(text)
	return dn, err == nil && len(dn.RDNs) > 0 && utf8.ValidString(text) && !strings.HasPrefix(strings.TrimSpace(text), "=")
}

func begins(dn *ldap.DN, name string) bool {
	first := dn.RDNs[0].Attributes
	return len(first) == 1 && name != "" && strings.EqualFold(first[0].Value, name)
}
