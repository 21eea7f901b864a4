// Package login lets people in: by a form, a token, or somewhere else, with a session that
// a browser has a cookie for.
package login

import (
	"context"
	"net/http"

	"tallystick/internal/auth"
)

// A Provider finds out whether somebody is who they say. Providers are asked in their order; the
// first that can is the one that counts, whatever it says.
type Provider interface {
	// CanLogin reports whether a is for this provider: by the Source of its account, by
	// whether it would know somebody without one, or by what the request shows.
	CanLogin(a *auth.Attempt) bool
	// Login returns who it is. The error wraps auth.ErrDenied or auth.ErrUnavailable; anything
	// else is a fault of ours. It takes the same time whether there is such a user or not.
	Login(ctx context.Context, a *auth.Attempt) (auth.Identity, error)
}

// A Redirector is a provider that a browser is sent to, and comes back from. Its routes are
// /login/NAME and /login/NAME/callback.
type Redirector interface {
	// Begin returns where to send the browser, and what Finish must have when it is back
	// (state, nonce, verifier). It is kept in a sealed cookie of some minutes, so it is short.
	Begin(ctx context.Context) (location, kept string, err error)
	// Finish returns who came back with r. The errors are those of Provider.Login.
	Finish(r *http.Request, kept string) (auth.Identity, error)
}
