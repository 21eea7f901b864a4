package login

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/alexedwards/scs/v2"

	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
)

// Config is what an operator may choose.
type Config struct {
	// Idle is how long a session lasts that nobody uses, Lifetime how long any.
	Idle     time.Duration `koanf:"idle"`
	Lifetime time.Duration `koanf:"lifetime"`
	// Max is how many sessions one person may have; the oldest makes room for one more.
	Max int `koanf:"max"`
	// Plain is for browsers that speak to us, or to a proxy in front, without TLS: the cookie is
	// not marked Secure then. In development it is true.
	Plain bool `koanf:"plain"`
}

// Default returns what is good for a site.
func Default() Config { return Config{Idle: 8 * time.Hour, Lifetime: 7 * 24 * time.Hour, Max: 10} }

// Accounts are what is known of people.
type Accounts interface {
	Account(ctx context.Context, name string) (accounts.Account, error)
	ByID(ctx context.Context, id int64) (accounts.Account, error)
	BySubject(ctx context.Context, source, subject string) (accounts.Account, error)
	Add(ctx context.Context, a accounts.Account) error
	Change(ctx context.Context, id int64, do func(*accounts.Account)) error
}

// A Throttle slows down who tries too often.
type Throttle interface {
	Begin(now time.Time, who string, from netip.Addr) (wait time.Duration)
	Succeeded(who string, from netip.Addr)
}

// Tokens knows who calls with a token.
type Tokens interface {
	Authenticate(r *http.Request) (auth.User, error)
}

// A Source is a provider, and what becomes of the accounts of those it lets in.
type Source struct {
	Provider Provider
	Policy   auth.Policy
}

// An Elsewhere is a place that browsers are sent to, by the name that is in its routes.
type Elsewhere struct {
	Name, Title string // Title is for people: "Log in with Title"
	Redirector  Redirector
	Policy      auth.Policy
}

// Parts are what a Dispatcher uses. All but Elsewhere must be there.
type Parts struct {
	Accounts  Accounts
	Sessions  scs.CtxStore
	Throttle  Throttle
	Tokens    Tokens
	Sources   []Source // in the order in which they are asked
	Elsewhere []Elsewhere
	From      func(*http.Request) netip.Addr // where a request really comes from
	Now       func() time.Time
	Log       *slog.Logger
}

// A Dispatcher lets people in, and knows them again.
type Dispatcher struct {
	cfg      Config
	parts    Parts
	sessions *scs.SessionManager
	foreign  *http.CrossOriginProtection
	sealer   sealer
	pages    *pages
	mux      *http.ServeMux
	told     atomic.Int64 // Unix second of when it was logged that there are too many attempts
}

// New returns a dispatcher in front of the parts.
func New(cfg Config, p Parts) (*Dispatcher, error) {
	sealer, err := newSealer()
	if err != nil {
		return nil, err
	}
	pages, err := newPages()
	if err != nil {
		return nil, err
	}
	d := &Dispatcher{
		cfg: cfg, parts: p, sealer: sealer, pages: pages,
		foreign: http.NewCrossOriginProtection(), sessions: sessions(cfg, p.Sessions),
	}
	d.foreign.SetDenyHandler(d.handle(func(http.ResponseWriter, *http.Request) error {
		return &refusal{Status: http.StatusForbidden, Text: auth.ErrForeign.Error()}
	}))
	d.route()
	return d, nil
}

// Handler returns h with the routes of people in front of it. around is put around those, as h
// has it around its own: logs, ids of requests.
func (d *Dispatcher) Handler(h http.Handler, around func(http.Handler) http.Handler) http.Handler {
	own := around(d.foreign.Handler(d.mux))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ours := d.mux.Handler(r); ours == "" {
			h.ServeHTTP(w, r)
			return
		}
		own.ServeHTTP(w, r)
	})
}

func (d *Dispatcher) route() {
	d.mux = http.NewServeMux()
	for pattern, h := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /login":                 d.showLogin,
		"POST /login":                d.login,
		"/jwt-login":                 d.login,
		"GET /login/{name}":          d.begin,
		"GET /login/{name}/callback": d.finish,
		"POST /logout":               d.logout,
		"GET /account":               d.showAccount,
	} {
		d.mux.Handle(pattern, d.handle(h))
	}
}

// Authenticate returns who is calling: by a token, else by a session. A bad token is no
// obstacle to a good session. What another site lets a browser send is refused
// (auth.ErrForeign): the cookie would go with it.
func (d *Dispatcher) Authenticate(r *http.Request) (auth.User, error) {
	u, err := d.parts.Tokens.Authenticate(r)
	if err == nil {
		return u, nil
	}
	s, known := d.known(r)
	if known != nil {
		return auth.User{}, known
	}
	if s == nil {
		return auth.User{}, err
	}
	if d.foreign.Check(r) != nil {
		return auth.User{}, auth.ErrForeign
	}
	return s.User, nil
}
