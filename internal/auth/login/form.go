package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
	"tallystick/internal/auth/password"
	"tallystick/internal/run"
)

// maxForm bounds the body of a login: a name, a password, a path to go to, or a token.
const maxForm = 16 << 10

// patience is how long a login may take: a turn to compute a hash, a directory that is slow.
const patience = 20 * time.Second

// Step is what the time of a refusal is a multiple of. It is more than it takes to compare a
// password, in whatever way (argon2id, bcrypt, a directory), so that nobody sees which it was, or
// that there was none to compare: what names there are is not to be found out.
const Step = 250 * time.Millisecond

// attempt returns what somebody shows to be let in. What cannot be a name or a password is
// nobody's: it is answered like any that is wrong.
func attempt(w http.ResponseWriter, r *http.Request) (*auth.Attempt, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, &refusal{http.StatusBadRequest, "the form cannot be read", 0}
	}
	a := &auth.Attempt{Request: r}
	if !r.PostForm.Has("username") && !r.PostForm.Has("password") {
		return a, nil // by a token
	}
	name, err := accounts.Name(r.PostForm.Get("username"))
	word, errWord := password.Normal(r.PostForm.Get("password"))
	if err = errors.Join(err, errWord); err != nil {
		return a, fmt.Errorf("%w: %w", auth.ErrDenied, err)
	}
	a.Name, a.Password = name, word
	return a, nil
}

// login is POST /login and /jwt-login.
func (d *Dispatcher) login(w http.ResponseWriter, r *http.Request) error {
	a, err := attempt(w, r)
	if err == nil {
		err = d.enter(w, r, a)
	}
	if err == nil {
		d.home(w, r, localPath(r.PostForm.Get("next")))
		return nil
	}
	if e := refused(err); e != nil && wantsPage(r) {
		return d.pages.login(w, e, d.parts.Elsewhere, r.PostForm.Get("username"), localPath(r.PostForm.Get("next")))
	}
	return err
}

// enter finds out who a is of, within the throttle, and begins their session.
func (d *Dispatcher) enter(w http.ResponseWriter, r *http.Request, a *auth.Attempt) error {
	from := d.parts.From(r)
	if err := d.admitted(r, a.Name, from); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	began := time.Now()
	id, policy, err := d.ask(ctx, a)
	if a.Spent != nil {
		http.SetCookie(w, a.Spent)
	}
	if err != nil {
		d.denied(r, a.Name, err)
		if a.Name != "" && errors.Is(err, auth.ErrDenied) {
			run.Wait(ctx, Step-time.Since(began)%Step)
		}
		return err
	}
	d.parts.Throttle.Succeeded(a.Name, from)
	return d.welcome(w, r, id, policy)
}

// admitted returns an error if there were too many attempts. It is told once a second at most:
// they may be very many.
func (d *Dispatcher) admitted(r *http.Request, name string, from netip.Addr) error {
	now := d.parts.Now()
	wait := d.parts.Throttle.Begin(now, name, from)
	if wait <= 0 {
		return nil
	}
	if told := d.told.Load(); now.Unix() > told && d.told.CompareAndSwap(told, now.Unix()) {
		d.parts.Log.WarnContext(r.Context(), "too many attempts to log in", "user", name, "from", from, "wait", wait)
	}
	return &refusal{http.StatusTooManyRequests, "too many attempts", wait}
}

// ask asks the first provider that can tell who a is of.
func (d *Dispatcher) ask(ctx context.Context, a *auth.Attempt) (auth.Identity, auth.Policy, error) {
	if a.Name != "" {
		switch account, err := d.parts.Accounts.Account(ctx, a.Name); {
		case err == nil:
			a.Account = &account.User
		case !errors.Is(err, accounts.ErrNotFound):
			return auth.Identity{}, auth.Policy{}, err
		}
	}
	for _, s := range d.parts.Sources {
		if s.Provider.CanLogin(a) {
			id, err := s.Provider.Login(ctx, a)
			return id, s.Policy, err
		}
	}
	if a.Name == "" {
		return auth.Identity{}, auth.Policy{}, &refusal{http.StatusUnauthorized, "there is neither a name and a password here, nor a token to log in with", 0}
	}
	return auth.Identity{}, auth.Policy{}, fmt.Errorf("%w: there is no provider for it", auth.ErrDenied)
}

// welcome is for an identity that has logged in, wherever: it begins their session.
func (d *Dispatcher) welcome(w http.ResponseWriter, r *http.Request, id auth.Identity, p auth.Policy) error {
	s, err := d.admit(r.Context(), id, p)
	if err != nil {
		d.denied(r, id.Name, err)
		return err
	}
	if err := d.open(w, r, s); err != nil { //nolint:contextcheck // the context is that of the request
		return err
	}
	d.parts.Log.InfoContext(r.Context(), "logged in", "user", s.User.Name, "source", s.User.Source, "from", d.parts.From(r))
	return nil
}

// denied logs why somebody was not let in, of which they are told less.
func (d *Dispatcher) denied(r *http.Request, name string, err error) {
	if errors.Is(err, auth.ErrDenied) || errors.Is(err, auth.ErrUnavailable) {
		d.parts.Log.WarnContext(r.Context(), "not logged in", "user", name, "from", d.parts.From(r), "why", err)
	}
}

// logout ends the session, here and, where there is one, at the place that it came from.
func (d *Dispatcher) logout(w http.ResponseWriter, r *http.Request) error {
	s, err := d.known(r)
	if err != nil {
		return err
	}
	ctx, err := d.load(r)
	if err != nil {
		return err
	}
	if err := d.sessions.Destroy(ctx); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	gone := d.cookie("")
	gone.MaxAge = -1
	http.SetCookie(w, gone)
	if s != nil && s.Logout != "" {
		http.Redirect(w, r, s.Logout, http.StatusSeeOther)
		return nil
	}
	d.home(w, r, "/login")
	return nil
}

// home sends a browser to path, and tells a program that all is well.
func (*Dispatcher) home(w http.ResponseWriter, r *http.Request, path string) {
	if wantsPage(r) {
		http.Redirect(w, r, path, http.StatusSeeOther)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
