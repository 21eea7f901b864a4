package peer

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"tallystick/internal/auth"
)

// A Trip is what only the browser that was sent away, and this server, know: it makes an answer
// that was meant for another browser, or another login, useless here.
type Trip struct {
	State    string // comes back with the browser (RFC 6749, section 10.12)
	Nonce    string // comes back in the token (OpenID Connect Core 1.0, section 3.1.2.1)
	Verifier string // is shown with the code (RFC 7636)
}

// NewTrip returns one that nobody can guess.
func NewTrip() Trip { return Trip{rand.Text(), rand.Text(), oauth2.GenerateVerifier()} }

// String returns what ParseTrip reads. It is secret.
func (t Trip) String() string { return t.State + "." + t.Nonce + "." + t.Verifier }

// ParseTrip reads what String returned.
func ParseTrip(text string) (Trip, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
		return Trip{}, fmt.Errorf("%w: the browser was not sent away from here", auth.ErrDenied)
	}
	return Trip{parts[0], parts[1], parts[2]}, nil
}

// Code returns the code that a browser came back with, if it came back from this trip. The error
// wraps auth.ErrDenied.
func (t Trip) Code(q url.Values) (string, error) {
	if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(t.State)) != 1 || len(q["state"]) != 1 {
		return "", fmt.Errorf("%w: the answer is not to what was asked (state)", auth.ErrDenied)
	}
	if reason := q.Get("error"); reason != "" {
		return "", fmt.Errorf("%w: %.40q: %.200q", auth.ErrDenied, reason, q.Get("error_description"))
	}
	if q.Get("code") == "" || len(q["code"]) != 1 {
		return "", fmt.Errorf("%w: the answer has no code", auth.ErrDenied)
	}
	return q.Get("code"), nil
}
