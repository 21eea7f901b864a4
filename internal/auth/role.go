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

// ParseRoles returns the roles with the given names, each once. No role at all
// and a name that is none are errors.
//
// It is the one place where names become roles: those of cc-backend's tokens
// ("api" with "user", "manager" or "admin") will be translated here.
func ParseRoles(names []string) ([]Role, error) {
	if len(names) == 0 {
		return nil, errors.New("no roles")
	}
	var roles []Role
	for _, name := range names {
		role := Role(name)
		if !slices.Contains(Roles(), role) {
			return nil, fmt.Errorf("role %.40q is none of %v", name, Roles())
		}
		if !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	return roles, nil
}
