// Package ldap knows people by a directory (LDAP, RFC 4511): who can bind as somebody with a
// password is that somebody.
//
// Rules:
//
//   - An empty password is refused here: to a directory it is a bind of nobody that succeeds
//     (RFC 4513, section 5.1.2).
//   - What somebody types goes into a filter or a name of the directory escaped.
//   - Passwords go over TLS or loopback. With StartTLS there is no way on without it.
//   - Referrals are not followed: passwords are for the configured servers only.
//   - Refusals take whole steps of time, unknown names like wrong passwords.
//   - A directory that does not answer is auth.ErrUnavailable, never a wrong password.
package ldap

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"tallystick/internal/auth"
	"tallystick/internal/bus"
)

// Config is how the directory is asked.
type Config struct {
	URLs     []string      `koanf:"urls"` // ldaps:// or ldap://; the first that answers is asked; none: no LDAP
	StartTLS bool          `koanf:"start_tls"`
	CAFile   string        `koanf:"ca_file"` // PEM; empty: the system's
	Timeout  time.Duration `koanf:"timeout"` // of one server, for all that a login asks it

	BindDN           string `koanf:"bind_dn"` // who looks people up; empty: nobody, and they look themselves up
	BindPasswordFile string `koanf:"bind_password_file"`

	BaseDN     string `koanf:"base_dn"`     // below it people are looked for
	UserFilter string `koanf:"user_filter"` // who {user} is, and that they may come
	UserDN     string `koanf:"user_dn"`     // where {user} is, if everybody is in one place: no search

	IDAttribute    string `koanf:"id_attribute"` // never changes, and is never given to somebody else
	NameAttribute  string `koanf:"name_attribute"`
	FullAttribute  string `koanf:"full_name_attribute"`
	MailAttribute  string `koanf:"mail_attribute"`
	GroupAttribute string `koanf:"group_attribute"` // the groups' DNs, if there is no group_base_dn

	GroupBaseDN string      `koanf:"group_base_dn"` // below it groups are looked for
	GroupFilter string      `koanf:"group_filter"`  // those of the entry {dn}, or of {user}
	Roles       auth.Grants `koanf:"roles"`         // groups by DN, or by the name that their DN begins with

	// Sync is how often accounts are compared with the directory; 0: never.
	Sync        time.Duration `koanf:"sync_interval"`
	auth.Policy `koanf:",squash"`
}

// Default returns what fits OpenLDAP and 389 Directory Server with inetOrgPerson.
func Default() Config {
	return Config{
		URLs: []string{}, Timeout: 5 * time.Second, UserFilter: "(&(objectClass=inetOrgPerson)(uid={user}))",
		IDAttribute: "entryUUID", NameAttribute: "uid", FullAttribute: "cn", MailAttribute: "mail", GroupAttribute: "memberOf",
		GroupFilter: "(|(member={dn})(uniqueMember={dn})(memberUid={user}))",
		Roles:       auth.NoGrants(), Sync: time.Hour, Policy: auth.Policy{Sync: true, Update: true},
	}
}

// On reports whether there is a directory.
func (c Config) On() bool { return len(c.URLs) > 0 }

// Check returns what is wrong with c, each with its key. Without a directory nothing is.
func (c Config) Check() (problems []bus.Problem) {
	if !c.On() {
		return nil
	}
	wrong := func(bad bool, key, format string, args ...any) {
		if bad {
			problems = append(problems, bus.Problem{Key: key, Err: fmt.Errorf(format, args...)})
		}
	}
	for _, text := range c.URLs {
		err := c.checkURL(text)
		wrong(err != nil, "urls", "%w", err)
	}
	wrong(c.Timeout <= 0, "timeout", "%v is not more than 0", c.Timeout)
	wrong(c.Sync < 0, "sync_interval", "%v is less than 0", c.Sync)
	wrong(c.Sync > 0 && c.UserDN != "" && c.BindDN == "", "sync_interval", "needs a bind_dn: people are not there to look themselves up")
	wrong((c.BindDN == "") != (c.BindPasswordFile == ""), "bind_dn", "goes together with bind_password_file")
	wrong(c.UserDN != "" && !strings.Contains(c.UserDN, user), "user_dn", "has no %s", user)
	wrong(c.UserDN == "" && c.BaseDN == "", "base_dn", "is empty, as is user_dn: one says where people are")
	wrong(c.UserDN == "" && !strings.Contains(c.UserFilter, user), "user_filter", "has no %s", user)
	wrong(c.NameAttribute == "", "name_attribute", "is empty")
	for key, dn := range map[string]string{"bind_dn": c.BindDN, "base_dn": c.BaseDN, "user_dn": c.UserDN, "group_base_dn": c.GroupBaseDN} {
		_, err := ldap.ParseDN(strings.ReplaceAll(dn, user, "u"))
		wrong(err != nil, key, "%q is not a distinguished name such as ou=people,dc=example,dc=org", dn)
	}
	for key, filter := range map[string]string{"user_filter": c.userFilter("u"), "group_filter": c.groupFilter("u", "cn=u")} {
		_, err := ldap.CompileFilter(filter)
		wrong(err != nil, key, "%w", err)
	}
	groups := c.Roles.Groups()
	wrong(len(groups) == 0 && !c.Validate, "roles", "nobody has a role, and so nobody is let in")
	for _, g := range groups {
		_, err := ldap.ParseDN(g)
		wrong(g == "", "roles", "a group has no name")
		wrong(g != auth.Everybody && err != nil && c.GroupBaseDN == "", "roles",
			"%q is not a distinguished name, and groups of one name may be anywhere: give it, or group_base_dn", g)
	}
	return problems
}

func (c Config) checkURL(text string) error {
	if err := bus.CheckURL(text, "636", "ldaps", "ldap"); err != nil {
		return err
	}
	u, err := url.Parse(text)
	if err != nil {
		return err
	}
	ip := net.ParseIP(u.Hostname())
	switch {
	case strings.Trim(u.Path, "/") != "":
		return fmt.Errorf("%q has a path; base_dn says where people are", text)
	case u.Scheme == "ldaps" && c.StartTLS:
		return fmt.Errorf("%q has TLS already, without start_tls", text)
	case u.Scheme == "ldap" && !c.StartTLS && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()):
		return fmt.Errorf("%q is not loopback, and passwords would be sent in cleartext: use ldaps:// or start_tls", text)
	}
	return nil
}

// What is replaced in filters and names.
const (
	user  = "{user}"
	entry = "{dn}"
)

func (c Config) userFilter(name string) string {
	return strings.ReplaceAll(c.UserFilter, user, ldap.EscapeFilter(name))
}

func (c Config) userDN(name string) string {
	return strings.ReplaceAll(c.UserDN, user, ldap.EscapeDN(name))
}

func (c Config) groupFilter(name, dn string) string {
	return strings.NewReplacer(user, ldap.EscapeFilter(name), entry, ldap.EscapeFilter(dn)).Replace(c.GroupFilter)
}
