package auth

import (
	"errors"
	"net/http"
)

// ErrDenied is wrapped by the error of a provider that does not let somebody in: unknown, wrong
// password, disabled. The caller is told this much and no more, whatever the reason.
var ErrDenied = errors.New("wrong name or password")

// ErrUnavailable is wrapped by the error of a provider that could not find out, since something
// that it asks does not answer.
var ErrUnavailable = errors.New("cannot be found out at the moment")

// ErrForeign is the error of a request that another site let a browser send with our cookie.
var ErrForeign = errors.New("this was sent by another site")

// An Attempt is what somebody shows to be let in.
type Attempt struct {
	Name     string // as typed, in Unicode's form NFC; empty if a token says it
	Password string // in form NFC; never logged
	Account  *User  // what is known under Name; nil: nothing
	Request  *http.Request

	// Spent is set by a provider whose cookie has been used up: the browser is told so, to
	// forget it, whatever becomes of the attempt.
	Spent *http.Cookie
}

// An Identity is somebody whom a provider knows to be who they say.
type Identity struct {
	User
	// Subject is what the provider calls them by, for ever: a GitHub user's number, an issuer
	// and its sub. It, not Name, is what an account is found by. Empty: Name.
	Subject string
	// Logout is where a browser goes after it has logged out here; empty: nowhere.
	Logout string
}

// A Policy is what becomes of the account of somebody who has logged in, as in cc-backend.
type Policy struct {
	// Validate lets in only who has an account; the account's roles count, not the provider's.
	Validate bool `koanf:"validate_user"`
	// Sync makes an account for who has none, after they were let in.
	Sync bool `koanf:"sync_user_on_login"`
	// Update writes what the provider says (name, mail, roles, projects) into the account.
	Update bool `koanf:"update_user_on_login"`
}
