package ldap

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync/atomic"

	"tallystick/internal/auth"
	"tallystick/internal/bus"
)

// Source is the User.Source of who is known by the directory.
const Source = "ldap"

// A Provider lets in who the directory knows.
type Provider struct {
	cfg  Config
	tls  *tls.Config
	last atomic.Int64 // the server that answered last
}

// New returns a Provider. It does not ask the directory for anything yet: that need not be up.
func New(cfg Config) (*Provider, error) {
	config, err := bus.Files{CA: cfg.CAFile}.TLS()
	if err != nil {
		return nil, fmt.Errorf("ldap: %w", err)
	}
	return &Provider{cfg: cfg, tls: config}, nil
}

// CanLogin reports whether a is a name and a password of somebody who is known by the directory,
// or not at all.
func (*Provider) CanLogin(a *auth.Attempt) bool {
	return a.Name != "" && (a.Account == nil || a.Account.Source == Source)
}

// Login returns who binds with the name and the password of a.
func (p *Provider) Login(ctx context.Context, a *auth.Attempt) (id auth.Identity, err error) {
	if a.Password == "" {
		return auth.Identity{}, fmt.Errorf("ldap: %w: the password is empty", auth.ErrDenied)
	}
	err = p.ask(ctx, func(s *session) error {
		id, err = s.login(a.Name, a.Password)
		return err
	})
	if err != nil {
		return auth.Identity{}, fmt.Errorf("ldap: %w", err)
	}
	return id, nil
}

// Lookup returns who has a name, without a password. The error wraps auth.ErrDenied if there is
// nobody.
func (p *Provider) Lookup(ctx context.Context, name string) (id auth.Identity, err error) {
	err = p.ask(ctx, func(s *session) error {
		id, err = s.lookup(name)
		return err
	})
	if err != nil {
		return auth.Identity{}, fmt.Errorf("ldap: %w", err)
	}
	return id, nil
}
