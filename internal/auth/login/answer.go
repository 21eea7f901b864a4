package login

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tallystick/internal/auth"
)

// A refusal is what is told to who is not let in.
type refusal struct {
	Status int
	Text   string
	Wait   time.Duration // before the next attempt; 0: none
}

// Error returns the text.
func (e *refusal) Error() string { return e.Text }

// refused returns what is told of err, or nil if it is a fault of ours.
func refused(err error) *refusal {
	var e *refusal
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, auth.ErrDenied):
		return &refusal{Status: http.StatusUnauthorized, Text: auth.ErrDenied.Error()}
	case errors.Is(err, auth.ErrUnavailable):
		return &refusal{Status: http.StatusServiceUnavailable, Text: "this " + auth.ErrUnavailable.Error()}
	}
	return nil
}

func (e *refusal) head(w http.ResponseWriter) {
	if e.Wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.Wait.Seconds()))))
	}
}

// code returns the word that the API has for the status.
func (e *refusal) code() string {
	switch e.Status {
	case http.StatusUnauthorized:
		return "unauthorized"
	case http.StatusForbidden:
		return "forbidden"
	case http.StatusNotFound:
		return "not_found"
	case http.StatusTooManyRequests:
		return "too_many_requests"
	case http.StatusServiceUnavailable:
		return "unavailable"
	case http.StatusInternalServerError:
		return "internal"
	}
	return "bad_request"
}

// handle adapts h to net/http, and answers with its error: a page, or JSON in the form of the API.
func (d *Dispatcher) handle(h func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		guardPage(w.Header(), "")
		if err := h(w, r); err != nil && r.Context().Err() == nil {
			d.fail(w, r, err)
		}
	})
}

func (d *Dispatcher) fail(w http.ResponseWriter, r *http.Request, err error) {
	e, incident := refused(err), ""
	if e == nil {
		incident = rand.Text()
		d.parts.Log.ErrorContext(r.Context(), "login failed", "path", r.URL.Path, "incident", incident, "err", err)
		e = &refusal{Status: http.StatusInternalServerError, Text: "internal error " + incident}
	}
	if wantsPage(r) && d.pages.login(w, e, d.parts.Elsewhere, "", start) == nil {
		return
	}
	e.head(w)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Status)
	type body struct {
		Code     string `json:"code"`
		Message  string `json:"message"`
		Incident string `json:"incident,omitempty"`
	}
	_ = json.NewEncoder(w).Encode(map[string]body{"error": {e.code(), e.Text, incident}}) //nolint:errchkjson // a client that has gone is not told
}

// wantsPage reports whether r is of a browser, which shows a page to somebody.
func wantsPage(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

// guardPage says what a browser may do with an answer: nothing but show it, here, and send its
// forms here and to where an answer to one sends it on (Chromium holds both against form-action).
func guardPage(h http.Header, onward string) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"+onward+
		"; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}
