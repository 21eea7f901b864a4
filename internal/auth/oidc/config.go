// Package oidc knows people by a provider of OpenID Connect, such as Keycloak, Indigo IAM or
// CILogon: a browser goes there and comes back with a code, which is changed for a token that says
// who it is.
//
// Rules (RFC 9700, and OpenID Connect Core 1.0, section 3.1):
//
//   - State, nonce and PKCE (S256) always, new for each login.
//   - Who it is, is iss and sub. Mail and name are told to people, and found by nothing.
//   - An iss in the answer must be the provider's; one that promises it must send it (RFC 9207).
//   - Only what is configured makes a role of a claim.
//   - The provider need not be up when the server starts; it is asked for its keys when the first
//     person comes.
package oidc

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"tallystick/internal/auth"
	"tallystick/internal/auth/peer"
	"tallystick/internal/bus"
)

// Config is one provider.
type Config struct {
	Title            string   `koanf:"title"`  // for people; empty: its name
	Issuer           string   `koanf:"issuer"` // its iss, below which .well-known/openid-configuration is
	ClientID         string   `koanf:"client_id"`
	ClientSecretFile string   `koanf:"client_secret_file"` // empty: a public client
	RedirectURL      string   `koanf:"redirect_url"`       // of this server, as people see it: …/login/NAME/callback
	LogoutURL        string   `koanf:"logout_url"`         // where the provider sends who has logged out there; empty: nowhere
	Scopes           []string `koanf:"scopes"`             // besides openid; empty: profile and email
	CAFile           string   `koanf:"ca_file"`            // PEM; empty: the system's
	UserInfo         bool     `koanf:"user_info"`          // claims are not in the token, but at the provider

	NameClaim  string      `koanf:"name_claim"`  // empty: preferred_username
	RolesClaim string      `koanf:"roles_claim"` // as of Claim; empty: none
	Roles      auth.Grants `koanf:"roles"`       // by the values of that claim

	// Of auth.Policy. There is no Validate: an account would be found by a name that its owner may
	// have chosen there.
	Sync   bool `koanf:"sync_user_on_login"`
	Update bool `koanf:"update_user_on_login"`
}

// Check returns what is wrong with c, each with its key, if it is reached by a name.
func (c Config) Check(name string) (problems []bus.Problem) {
	wrong := func(bad bool, key, format string, args ...any) {
		if bad {
			problems = append(problems, bus.Problem{Key: key, Err: fmt.Errorf(format, args...)})
		}
	}
	err := peer.CheckURL(c.Issuer)
	wrong(err != nil, "issuer", "%w", err)
	wrong(c.ClientID == "", "client_id", "is empty")
	err = peer.CheckRedirect(c.RedirectURL, name)
	wrong(err != nil, "redirect_url", "%w", err)
	if c.LogoutURL != "" {
		err = peer.CheckURL(c.LogoutURL)
		wrong(err != nil, "logout_url", "%w", err)
	}
	path, err := ParseClaim(c.RolesClaim)
	wrong(err != nil, "roles_claim", "%w", err)
	wrong(len(path) == 1 && path[0] == resource, "roles_claim", "%q is not a list; use /%s/CLIENT/roles", c.RolesClaim, resource)
	wrong(len(path) > 1 && path[0] == resource && path[1] != c.ClientID, "roles_claim",
		"%q are the roles of another client than client_id", c.RolesClaim)
	groups := c.Roles.Groups()
	wrong(len(groups) == 0, "roles", "nobody has a role, and so nobody is let in")
	wrong(slices.Contains(groups, ""), "roles", "a value is empty")
	wrong(c.RolesClaim == "" && slices.ContainsFunc(groups, func(g string) bool { return g != auth.Everybody }),
		"roles_claim", "is empty, and so nobody has any value of it")
	return problems
}

// resource is the claim that Keycloak keeps the roles of clients in. There is no short way to all
// of them: a role of another application is none here.
const resource = "resource_access"

// A Claim is a path of names: into the claims, and further into what is there.
type Claim []string

// ParseClaim reads the name of a claim (groups, https://example.org/roles), or a JSON pointer
// (RFC 6901) to what is inside of one (/resource_access/tallystick/roles).
func ParseClaim(text string) (Claim, error) {
	inside, ok := strings.CutPrefix(text, "/")
	switch {
	case text == "":
		return nil, nil
	case !ok:
		return Claim{text}, nil
	}
	path := strings.Split(inside, "/")
	for i, name := range path {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(name), "~") {
			return nil, fmt.Errorf("%q has a ~ that is neither ~0 nor ~1", text)
		}
		path[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
	}
	return path, nil
}

// Values returns the words at the end of the path: a text, or those of a list. What is anything
// else is none.
func (c Claim) Values(claims map[string]any) []string {
	if len(c) == 0 {
		return nil
	}
	var at any = claims
	for _, name := range c {
		inside, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = inside[name]
	}
	switch at := at.(type) {
	case string:
		return []string{at}
	case []any:
		var words []string
		for _, v := range at {
			if word, ok := v.(string); ok {
				words = append(words, word)
			}
		}
		return words
	}
	return nil
}

// logout returns where a browser logs out at the provider, if that has such a place (OpenID
// Connect RP-Initiated Logout 1.0, section 2).
func (c Config) logout(endpoint, token string) string {
	u, err := url.Parse(endpoint)
	if endpoint == "" || err != nil || peer.CheckURL(u.Scheme+"://"+u.Host) != nil {
		return ""
	}
	q := u.Query()
	q.Set("client_id", c.ClientID)
	q.Set("id_token_hint", token)
	if c.LogoutURL != "" {
		q.Set("post_logout_redirect_uri", c.LogoutURL)
	}
	u.RawQuery = q.Encode()
	return u.String()
}
