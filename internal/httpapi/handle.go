package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"time"

	"tallystick/internal/auth"
)

type handlerFunc func(w http.ResponseWriter, r *http.Request) error

// handler adapts h to net/http: it is the only place that makes statuses of
// errors, and the only one that logs and counts requests.
func (a *API) handler(route string, h handlerFunc) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		w := newResponse(rw, a.cfg.Stall)
		w.writers = &a.writers
		a.begin(w, r)
		hurry(w, r)
		defer w.release()
		defer func() { a.done(w, r, route, time.Since(begin)) }()
		err := a.restoring(route)
		if err == nil {
			err = call(h, w, r)
		}
		if err != nil {
			a.fail(w, r, err)
		}
	})
}

// call makes an error of a panic, so that it is answered, logged and counted
// as one.
func call(h handlerFunc, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return h(w, r)
}

// statusGone is what the metrics have for a client that did not wait, or that
// the server did not wait for when it stopped.
const statusGone = 499

// fail answers with what the caller is told of err. If an answer has begun
// already, or there is nobody left to wait for one, the connection is cut
// instead, so that what was sent cannot be taken for whole.
func (a *API) fail(w *response, r *http.Request, err error) {
	e := known(err)
	switch ours := e.incident != ""; {
	case ours && r.Context().Err() != nil:
		w.status = statusGone
		panic(http.ErrAbortHandler) // net/http's word for it
	case ours && !errors.Is(err, errWrite):
		a.parts.Log.ErrorContext(r.Context(), "request failed",
			w.origin.log("method", r.Method, "path", r.URL.Path, "incident", e.incident, "err", err)...)
	}
	if w.status != 0 {
		panic(http.ErrAbortHandler)
	}
	// Also where the context has ended: net/http ends it when a body breaks off,
	// and who closed only that half of the connection waits for the answer.
	w.tell(e)
}

func (a *API) done(w *response, r *http.Request, route string, took time.Duration) {
	a.stats.request(route, r.Method, w.code(), took)
	log := a.parts.Log
	if !log.Enabled(r.Context(), slog.LevelDebug) {
		return
	}
	log.DebugContext(r.Context(), "request", w.origin.log("method", r.Method, "path", r.URL.Path, "status", w.code(),
		"bytes", w.bytes, "took", took, "user", w.user, "remote", r.RemoteAddr)...)
}

// admit returns r with its caller in the context (auth.From), or an error unless the caller is
// who it says and has the role.
func (a *API) admit(w http.ResponseWriter, r *http.Request, role auth.Role) (*http.Request, error) {
	if role == "" {
		return r, nil
	}
	u, err := a.parts.Auth.Authenticate(r)
	if err != nil {
		return nil, a.stranger(w, r, err)
	}
	if rw, ok := w.(*response); ok {
		rw.user = u.Name
		if err := a.limit(rw, u); err != nil {
			return nil, err
		}
	}
	if !u.Has(role) {
		return nil, a.lacks(w, r, role)
	}
	return r.WithContext(auth.With(r.Context(), u)), nil
}

// stranger returns what is told to who is not known, for the reason err: people are sent to where
// they can log in. An error that is not the caller's is ours, and stays so.
func (a *API) stranger(w http.ResponseWriter, r *http.Request, err error) error {
	switch {
	case errors.Is(err, auth.ErrForeign):
		return &Error{Status: http.StatusForbidden, Message: err.Error()}
	case !errors.Is(err, auth.ErrNoToken) && !errors.Is(err, auth.ErrBadToken):
		return err
	case errors.Is(err, auth.ErrNoToken) && a.parts.Login != "" && isPage(r):
		w.Header().Set("Location", a.parts.Login+"?next="+url.QueryEscape(r.URL.RequestURI()))
		return &Error{Status: http.StatusSeeOther, instead: http.StatusUnauthorized, Message: "log in at " + a.parts.Login}
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="tallystick"`)
	return &Error{Status: http.StatusUnauthorized, Message: err.Error()}
}

// lacks returns what is told to who does not have the role: people who have logged in are sent to
// where they see what they have.
func (a *API) lacks(w http.ResponseWriter, r *http.Request, role auth.Role) error {
	message := fmt.Sprintf("this needs the role %s", role)
	if a.parts.Account != "" && isPage(r) && r.Header.Get("Authorization") == "" && r.Header.Get("X-Auth-Token") == "" {
		w.Header().Set("Location", a.parts.Account+"?needs="+string(role))
		return &Error{Status: http.StatusSeeOther, instead: http.StatusForbidden, Message: message}
	}
	return &Error{Status: http.StatusForbidden, Message: message}
}

// isPage reports whether r is of a browser that shows the answer to somebody.
func isPage(r *http.Request) bool {
	best, err := accept(r, typeJSON, "text/html")
	return err == nil && best == "text/html" && (r.Method == http.MethodGet || r.Method == http.MethodHead)
}
