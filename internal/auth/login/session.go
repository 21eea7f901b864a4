package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/alexedwards/scs/v2"

	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
)

// sessionKey is under which scs has all that a session knows.
const sessionKey = "session"

// A session is what is known of who has logged in.
type session struct {
	Account    int64     `json:"account,omitempty"` // id; 0: there is none, and User is all
	Generation int64     `json:"generation,omitempty"`
	User       auth.User `json:"user"`             // with an account, as it is now
	Logout     string    `json:"logout,omitempty"` // where the browser goes afterwards
	Seen       time.Time `json:"seen"`             // about when it was used last
}

// owner returns who the session is one of.
func (s *session) owner() string {
	if s.Account != 0 {
		return "account " + strconv.FormatInt(s.Account, 10)
	}
	return "user " + s.User.Source + " " + s.User.Name
}

// sessions returns a manager without what scs.New has besides: a store in memory, with a goroutine
// that nobody ends.
func sessions(cfg Config, store scs.CtxStore) *scs.SessionManager {
	return &scs.SessionManager{
		IdleTimeout: cfg.Idle, Lifetime: cfg.Lifetime, Store: store, Codec: scs.GobCodec{}, HashTokenInStore: true,
	}
}

// cookie returns the one of a session. Its name makes browsers refuse one that is not Secure or
// was set by another host of the domain (RFC 6265bis, section 4.1.3.2). It goes when the
// browser is closed.
func (d *Dispatcher) cookie(value string) *http.Cookie {
	c := &http.Cookie{
		Name: "__Host-session", Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if d.cfg.Plain {
		c.Name, c.Secure = "session", false
	}
	return c
}

// open begins a session under a new token; one that the browser had before ends.
func (d *Dispatcher) open(w http.ResponseWriter, r *http.Request, s *session) error {
	ctx, err := d.load(r)
	if err != nil {
		return err
	}
	if err := d.sessions.RenewToken(ctx); err != nil {
		return fmt.Errorf("renew session: %w", err)
	}
	s.Seen = d.parts.Now()
	token, err := d.keep(accounts.Owned(ctx, s.owner()), s)
	if err != nil {
		return err
	}
	http.SetCookie(w, d.cookie(token))
	return nil
}

// load returns a context with the session that the request's cookie names, or a new one.
func (d *Dispatcher) load(r *http.Request) (context.Context, error) {
	token := ""
	if c, err := r.Cookie(d.cookie("").Name); err == nil {
		token = c.Value
	}
	ctx, err := d.sessions.Load(r.Context(), token)
	if err != nil {
		return nil, fmt.Errorf("load session: %w", err)
	}
	return ctx, nil
}

func (d *Dispatcher) keep(ctx context.Context, s *session) (token string, err error) {
	text, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	d.sessions.Put(ctx, sessionKey, string(text))
	token, _, err = d.sessions.Commit(ctx)
	return token, err
}

// known returns the session of a request, or nil if there is none that is good.
func (d *Dispatcher) known(r *http.Request) (*session, error) {
	if _, err := r.Cookie(d.cookie("").Name); err != nil {
		return nil, nil //nolint:nilerr // no cookie, no session
	}
	ctx, err := d.load(r)
	if err != nil {
		return nil, err
	}
	text := d.sessions.GetString(ctx, sessionKey)
	if text == "" {
		return nil, nil
	}
	s := new(session)
	if err := json.Unmarshal([]byte(text), s); err != nil {
		return nil, fmt.Errorf("read session: %w", err)
	}
	if ok, err := d.refresh(ctx, s); !ok {
		return nil, err
	}
	return s, d.used(ctx, s)
}

// refresh takes the user of the account as it is now, or reports that the session ended with it.
func (d *Dispatcher) refresh(ctx context.Context, s *session) (ok bool, err error) {
	if s.Account == 0 {
		return true, nil
	}
	a, err := d.parts.Accounts.ByID(ctx, s.Account)
	switch {
	case errors.Is(err, accounts.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	}
	s.User = a.User
	return !a.Disabled && a.Generation == s.Generation, nil
}

// used notes that a session is used, once in a twentieth of the time after which it would end.
func (d *Dispatcher) used(ctx context.Context, s *session) error {
	now := d.parts.Now()
	if now.Sub(s.Seen) < d.cfg.Idle/20 {
		return nil
	}
	s.Seen = now
	_, err := d.keep(ctx, s)
	return err
}
