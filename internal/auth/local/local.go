// Package local lets in who has an account with a password here.
package local

import (
	"context"
	"fmt"

	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
	"tallystick/internal/auth/password"
)

// Source is the Source of accounts whose password is here.
const Source = "local"

// Accounts are where the hashes are.
type Accounts interface {
	Account(ctx context.Context, name string) (accounts.Account, error)
	Rehash(ctx context.Context, id int64, old, hash string) error
}

// A Provider knows the local accounts.
type Provider struct {
	Accounts Accounts
	Hasher   *password.Hasher
}

// CanLogin reports whether a has a password and an account here, or none anywhere: who is not
// known is told what who mistypes a password is, after the same time.
func (*Provider) CanLogin(a *auth.Attempt) bool {
	return a.Password != "" && (a.Account == nil || a.Account.Source == Source)
}

// Login checks the password. A hash that is not as new ones are is replaced by one that is.
func (p *Provider) Login(ctx context.Context, a *auth.Attempt) (auth.Identity, error) {
	var account accounts.Account // none: its hash is nobody's
	if a.Account != nil {
		var err error
		if account, err = p.Accounts.Account(ctx, a.Name); err != nil {
			return auth.Identity{}, err
		}
	}
	good, stale, err := p.Hasher.Check(ctx, account.Password, a.Password)
	switch {
	case err != nil:
		return auth.Identity{}, err
	case !good && a.Account == nil:
		return auth.Identity{}, fmt.Errorf("%w: there is no such account", auth.ErrDenied)
	case !good:
		return auth.Identity{}, fmt.Errorf("%w: it is not the account's password", auth.ErrDenied)
	case stale:
		err = p.rehash(ctx, account, a.Password)
	}
	return auth.Identity{User: account.User}, err
}

func (p *Provider) rehash(ctx context.Context, account accounts.Account, word string) error {
	hash, err := p.Hasher.Hash(ctx, word)
	if err != nil {
		return err
	}
	return p.Accounts.Rehash(ctx, account.ID, account.Password, hash)
}
