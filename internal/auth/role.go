package auth

import (
	"errors"
	"fmt"
	"slices"
)

// A Role is a permission to do one kind of thing.
type Role string

// The roles.
const (
	Viewer    Role = "viewer"    // query
	Writer    Role = "writer"    // ingest
	Validator Role = "validator" // transfers, claims, reports
	Operator  Role = "operator"  // free, debug, metrics of the server itself
	Admin     Role = "admin"     // everything
)

// Roles returns all roles.
func Roles() []Role { return []Role{Viewer, Writer, Validator, Operator, Admin} }

// cockpit returns what the roles of cc-backend's tokens may do here, nothing for
// a name that is none of them. cc-metric-store takes any token for anything; here
// collectors, which have "api", may write and read, people may read, and "admin"
// is Admin in both. There is no translation of "anonymous": it is who showed no token.
func cockpit(name string) []Role {
	switch name {
	case "api":
		return []Role{Viewer, Writer}
	case "user", "manager", "support":
		return []Role{Viewer}
	}
	return nil
}

// ParseRoles returns the roles with the given names, each once. No role at all
// and a name that is none are errors.
//
// It is the one place where names become roles: Tallystick's own, and those of
// ClusterCockpit's cc-backend, so that the tokens it makes are good here.
func ParseRoles(names []string) ([]Role, error) {
	if len(names) == 0 {
		return nil, errors.New("no roles")
	}
	var roles []Role
	for _, name := range names {
		means := cockpit(name)
		if role := Role(name); slices.Contains(Roles(), role) {
			means = []Role{role}
		}
		if means == nil {
			return nil, fmt.Errorf("role %.40q is none of %v", name, Roles())
		}
		for _, role := range means {
			if !slices.Contains(roles, role) {
				roles = append(roles, role)
			}
		}
	}
	return roles, nil
}
