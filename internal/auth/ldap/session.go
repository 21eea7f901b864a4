package ldap

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"tallystick/internal/auth"
	"tallystick/internal/bus"
)

// A session is a connection to one server, with the questions that are asked on it.
type session struct {
	conn *ldap.Conn
	cfg  Config
}

// errNobody is the error of a name that the directory does not know.
var errNobody = fmt.Errorf("%w: the directory knows nobody of that name", auth.ErrDenied)

// login returns who name is, if password is theirs.
func (s *session) login(name, password string) (auth.Identity, error) {
	dn, err := s.find(name)
	if err != nil {
		return auth.Identity{}, err
	}
	known := dn != ""
	if !known {
		dn = "cn=unknown," + s.cfg.BaseDN
	}
	if err := s.conn.Bind(dn, password); err != nil {
		return auth.Identity{}, refused(err)
	}
	if !known { // whose password it was that fits nobody is of no interest
		return auth.Identity{}, errNobody
	}
	if err := s.read(); err != nil {
		return auth.Identity{}, err
	}
	return s.identity(name, dn)
}

// lookup returns who name is, without their password. The error wraps auth.ErrDenied if there is
// nobody.
func (s *session) lookup(name string) (auth.Identity, error) {
	dn, err := s.find(name)
	if err != nil {
		return auth.Identity{}, err
	}
	if dn == "" {
		return auth.Identity{}, errNobody
	}
	if err := s.read(); err != nil {
		return auth.Identity{}, err
	}
	return s.identity(name, dn)
}

// refused returns the error of a bind with somebody's password. Result codes are those of
// RFC 4511, appendix A: these say that it is not to be, the others that it could not be found out.
func refused(err error) error {
	if ldap.IsErrorAnyOf(err, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultNoSuchObject,
		ldap.LDAPResultInvalidDNSyntax, ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultConstraintViolation,
		ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultUnwillingToPerform, ldap.LDAPResultReferral,
		ldap.ErrorEmptyPassword) {
		return fmt.Errorf("%w: %w", auth.ErrDenied, err)
	}
	return fmt.Errorf("bind: %w", err)
}

// read makes the session one of who looks people up, if there is anybody.
func (s *session) read() error {
	if s.cfg.BindDN == "" {
		return nil
	}
	password, err := bus.ReadSecret(s.cfg.BindPasswordFile)
	if err != nil {
		return err
	}
	if err := s.conn.Bind(s.cfg.BindDN, password); err != nil {
		return fmt.Errorf("bind as %s: %w", s.cfg.BindDN, err)
	}
	return nil
}

// find returns the DN of name, or none if there is nobody, or more than one.
func (s *session) find(name string) (string, error) {
	if s.cfg.UserDN != "" {
		return s.cfg.userDN(name), nil
	}
	if err := s.read(); err != nil {
		return "", err
	}
	entries, err := s.search(s.cfg.BaseDN, ldap.ScopeWholeSubtree, 2, s.cfg.userFilter(name), "1.1") // no attribute: RFC 4511, 4.5.1.8
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("look for the user: %w", err)
	case len(entries) != 1:
		return "", nil
	}
	return entries[0].DN, nil
}

// search returns the entries of this server; what is on others is left there.
func (s *session) search(base string, scope, limit int, filter string, attributes ...string) ([]*ldap.Entry, error) {
	seconds := max(1, int(s.cfg.Timeout.Seconds()))
	found, err := s.conn.Search(ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, limit, seconds, false, filter, attributes, nil))
	if found == nil {
		return nil, err
	}
	return found.Entries, err
}

// identity returns who is at dn.
func (s *session) identity(name, dn string) (auth.Identity, error) {
	filter := "(objectClass=*)"
	if s.cfg.UserFilter != "" {
		filter = s.cfg.userFilter(name)
	}
	entries, err := s.search(dn, ldap.ScopeBaseObject, 1, filter,
		s.cfg.IDAttribute, s.cfg.NameAttribute, s.cfg.FullAttribute, s.cfg.MailAttribute, s.cfg.GroupAttribute)
	if err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		return auth.Identity{}, fmt.Errorf("read the user's entry: %w", err)
	}
	if len(entries) != 1 {
		return auth.Identity{}, fmt.Errorf("%w: there is no entry that fits user_filter, or none that can be read", auth.ErrDenied)
	}
	e := entries[0]
	groups, err := s.groups(name, e)
	if err != nil {
		return auth.Identity{}, fmt.Errorf("look for the user's groups: %w", err)
	}
	return auth.Identity{
		Subject: printable(e.GetRawAttributeValue(s.cfg.IDAttribute)),
		User: auth.User{
			Name: called(name, e.GetAttributeValues(s.cfg.NameAttribute)), Source: Source,
			DisplayName: e.GetAttributeValue(s.cfg.FullAttribute), Email: e.GetAttributeValue(s.cfg.MailAttribute),
			Roles: s.cfg.Roles.Of(groups.Has),
		},
	}, nil
}

// printable returns an identifier as text: Active Directory's has 16 bytes of any kind.
func printable(id []byte) string {
	if !utf8.Valid(id) || slices.ContainsFunc([]rune(string(id)), func(c rune) bool { return !unicode.IsPrint(c) }) {
		return hex.EncodeToString(id)
	}
	return string(id)
}

// called returns the name of somebody as the directory writes it, which finds them in any case.
func called(typed string, names []string) string {
	for _, name := range names {
		if strings.EqualFold(name, typed) {
			return name
		}
	}
	if len(names) > 0 {
		return names[0]
	}
	return typed
}

// groups returns the groups that somebody is in.
func (s *session) groups(name string, e *ldap.Entry) (Groups, error) {
	if s.cfg.GroupBaseDN == "" {
		return e.GetAttributeValues(s.cfg.GroupAttribute), nil
	}
	found, err := s.search(s.cfg.GroupBaseDN, ldap.ScopeWholeSubtree, 0, s.cfg.groupFilter(name, e.DN), "1.1")
	if err != nil {
		return nil, err
	}
	groups := make(Groups, len(found))
	for i, g := range found {
		groups[i] = g.DN
	}
	return groups, nil
}
