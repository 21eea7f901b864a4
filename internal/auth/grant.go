package auth

import "slices"

// Everybody is the group of all whom a provider knows.
const Everybody = "*"

// Grants are the groups whose members have each role, as whoever knows the groups calls them.
type Grants struct {
	Viewer    []string `koanf:"viewer"`
	Writer    []string `koanf:"writer"`
	Validator []string `koanf:"validator"`
	Operator  []string `koanf:"operator"`
	Admin     []string `koanf:"admin"`
}

// NoGrants returns those of nobody.
func NoGrants() Grants {
	return Grants{Viewer: []string{}, Writer: []string{}, Validator: []string{}, Operator: []string{}, Admin: []string{}}
}

// groups returns the groups of a role.
func (g Grants) groups(r Role) []string {
	switch r {
	case Viewer:
		return g.Viewer
	case Writer:
		return g.Writer
	case Validator:
		return g.Validator
	case Operator:
		return g.Operator
	case Admin:
		return g.Admin
	}
	return nil
}

// Groups returns all groups that are named, each once.
func (g Grants) Groups() (groups []string) {
	for _, r := range Roles() {
		groups = append(groups, g.groups(r)...)
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// Of returns the roles of somebody: those with a group that they are in, by member, which is not
// asked about Everybody.
func (g Grants) Of(member func(group string) bool) (roles []Role) {
	in := func(group string) bool { return group == Everybody || member(group) }
	for _, r := range Roles() {
		if slices.ContainsFunc(g.groups(r), in) {
			roles = append(roles, r)
		}
	}
	return roles
}
