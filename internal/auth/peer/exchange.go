package peer

import (
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/oauth2"

	"tallystick/internal/auth"
)

// Failed returns err, of an exchange of a code for a token, as one that wraps auth.ErrDenied if
// the code was refused, and auth.ErrUnavailable if nobody could say: it is not the fault of who
// logs in that nobody answers, or that we are not known there.
func Failed(err error) error {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return fmt.Errorf("%w: %w", auth.ErrUnavailable, err)
	}
	// What else the answer has may be secret.
	said := fmt.Errorf("status %d, %.40q: %.200q", refused.Response.StatusCode, refused.ErrorCode, refused.ErrorDescription)
	switch refused.ErrorCode {
	case "invalid_grant", "bad_verification_code": // RFC 6749, section 5.2; GitHub's
		return fmt.Errorf("%w: %w", auth.ErrDenied, said)
	}
	return fmt.Errorf("%w: %w", auth.ErrUnavailable, said)
}

// Unexpected returns the error of an answer that is none: auth.ErrUnavailable.
func Unexpected(resp *http.Response) error {
	return fmt.Errorf("%w: %s answers %s", auth.ErrUnavailable, resp.Request.URL.Redacted(), resp.Status)
}
