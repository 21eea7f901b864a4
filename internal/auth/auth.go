// Package auth knows who is calling and what they may do.
package auth

import "net/http"

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

// A User is who is calling.
type User struct {
	Name  string
	Roles []Role
}

// Has reports whether u may act in role r; an admin may in every one.
func (u User) Has(r Role) bool { return false }

// A Verifier checks tokens.
type Verifier struct{}

// Authenticate returns the user of the request's token: X-Auth-Token, or
// Authorization: Bearer. The error says what is wrong with it, without secrets.
func (v *Verifier) Authenticate(r *http.Request) (User, error) { return User{}, nil }
