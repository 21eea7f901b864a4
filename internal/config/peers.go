package config

import (
	"maps"
	"slices"
	"strings"

	"tallystick/internal/auth/github"
	"tallystick/internal/bus"
	"tallystick/internal/settings"
)

// checkPeers checks how those are asked who know people elsewhere.
func (c Config) checkPeers(k *settings.Checker) {
	a := c.Auth
	tell := func(under string, problems []bus.Problem) {
		for _, p := range problems {
			k.Wrong(true, settings.Join(under, p.Key), "%v", p.Err)
		}
	}
	tell("auth.ldap", a.LDAP.Check())
	tell("auth.github", a.GitHub.Check())
	for _, name := range slices.Sorted(maps.Keys(a.OIDC)) {
		key := settings.Join("auth.oidc", name)
		k.Wrong(name == github.Source, key, "is the name of what auth.github is about")
		k.Wrong(strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "", key,
			"is not of a-z, 0-9 and -, as a name in a URL should be")
		tell(key, a.OIDC[name].Check(name))
	}
	k.Wrong(a.Accounts.Database == "" && (a.LDAP.On() || a.GitHub.On() || len(a.OIDC) > 0), "auth.accounts.database",
		"is empty, but people may log in by auth.ldap, auth.oidc or auth.github")
}
