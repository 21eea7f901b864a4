package login

import (
	"context"
	"errors"
	"fmt"

	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
)

// admit returns the session of somebody whom a provider has let in: the one place where an
// account is made, changed or asked for. What it says is as in cc-backend: validateUser,
// syncUserOnLogin, updateUserOnLogin.
func (d *Dispatcher) admit(ctx context.Context, id auth.Identity, p auth.Policy) (*session, error) {
	a, err := d.account(ctx, id)
	if errors.Is(err, accounts.ErrNotFound) {
		return d.newcomer(ctx, id, p)
	}
	if err != nil {
		return nil, err
	}
	if a.Disabled {
		return nil, fmt.Errorf("%w: the account %q is disabled", auth.ErrDenied, a.Name)
	}
	if p.Update && a.Source == id.Source {
		if err := d.parts.Accounts.Change(ctx, a.ID, func(a *accounts.Account) { update(a, id) }); err != nil {
			return nil, err
		}
		if a, err = d.parts.Accounts.ByID(ctx, a.ID); err != nil {
			return nil, err
		}
	}
	if a.Source != id.Source && !p.Validate {
		return nil, fmt.Errorf("%w: the name %q has an account of another source (%s)", auth.ErrDenied, a.Name, a.Source)
	}
	return &session{Account: a.ID, Generation: a.Generation, User: a.User, Logout: id.Logout}, nil
}

// account returns the account of an identity: the one of its subject, else one that has its name.
func (d *Dispatcher) account(ctx context.Context, id auth.Identity) (accounts.Account, error) {
	a, err := d.parts.Accounts.BySubject(ctx, id.Source, subject(id))
	if !errors.Is(err, accounts.ErrNotFound) {
		return a, err
	}
	a, err = d.parts.Accounts.Account(ctx, id.Name)
	if err == nil && a.Source == id.Source { // somebody else's, who had the name before
		return accounts.Account{}, fmt.Errorf("%w: the name %q has an account of another subject", auth.ErrDenied, id.Name)
	}
	return a, err
}

func subject(id auth.Identity) string {
	if id.Subject != "" {
		return id.Subject
	}
	return id.Name
}

// newcomer is for who has no account.
func (d *Dispatcher) newcomer(ctx context.Context, id auth.Identity, p auth.Policy) (*session, error) {
	if p.Validate && !p.Sync {
		return nil, fmt.Errorf("%w: %q has no account", auth.ErrDenied, id.Name)
	}
	name, err := accounts.Name(id.Name)
	if err != nil || name != id.Name {
		return nil, fmt.Errorf("%w: %q cannot be the name of an account", auth.ErrDenied, id.Name)
	}
	if len(id.Roles) == 0 {
		return nil, fmt.Errorf("%w: %q has no role here", auth.ErrDenied, id.Name)
	}
	if !p.Sync {
		return &session{User: id.User, Logout: id.Logout}, nil
	}
	if err := d.parts.Accounts.Add(ctx, accounts.Account{User: id.User, Subject: subject(id)}); err != nil {
		return nil, err
	}
	a, err := d.parts.Accounts.BySubject(ctx, id.Source, subject(id))
	return &session{Account: a.ID, Generation: a.Generation, User: a.User, Logout: id.Logout}, err
}

// update writes into an account what its provider says now.
func update(a *accounts.Account, id auth.Identity) {
	a.DisplayName, a.Email, a.Roles, a.Projects = id.DisplayName, id.Email, id.Roles, id.Projects
}
