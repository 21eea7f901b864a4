package ldap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
)

// Accounts are those of people, of the directory and others.
type Accounts interface {
	List(ctx context.Context) ([]accounts.Account, error)
	Change(ctx context.Context, id int64, do func(*accounts.Account)) error
}

// A Syncer makes accounts follow the directory: who is not there any more is disabled, and their
// sessions end. It enables nobody: an operator may have had another reason.
type Syncer struct {
	provider *Provider
	accounts Accounts
	log      *slog.Logger
}

// NewSyncer returns one of the accounts that p has let in.
func NewSyncer(p *Provider, a Accounts, log *slog.Logger) *Syncer { return &Syncer{p, a, log} }

// Run syncs in the configured interval until ctx ends. What fails is told, and tried again then.
func (s *Syncer) Run(ctx context.Context) error {
	t := time.NewTicker(s.provider.cfg.Sync)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			if err := s.Sync(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("accounts do not follow the directory for now", "err", err)
			}
		}
	}
}

// Sync compares all accounts with the directory once. As long as that does not answer, nothing
// changes. Nor does it if none of the people is there: rather than that all have left, we cannot
// see them.
func (s *Syncer) Sync(ctx context.Context) error {
	all, err := s.accounts.List(ctx)
	if err != nil {
		return err
	}
	ours := slices.DeleteFunc(all, func(a accounts.Account) bool { return a.Source != Source || a.Disabled })
	if len(ours) == 0 {
		return nil
	}
	now := make(map[int64]auth.Identity, len(ours))
	for _, a := range ours {
		switch id, err := s.provider.Lookup(ctx, a.Name); {
		case err == nil && (id.Subject == a.Subject || id.Subject == "" && id.Name == a.Subject):
			now[a.ID] = id
		case err != nil && !errors.Is(err, auth.ErrDenied):
			return err
		}
	}
	if len(now) == 0 {
		return fmt.Errorf("ldap: none of %d people can be seen in the directory: nobody is disabled", len(ours))
	}
	for _, a := range ours {
		id, there := now[a.ID]
		if err := s.follow(ctx, a, id, there); err != nil {
			return err
		}
	}
	return nil
}

// follow makes an account what the directory says.
func (s *Syncer) follow(ctx context.Context, a accounts.Account, id auth.Identity, there bool) error {
	same := slices.Equal(a.Roles, id.Roles) && a.DisplayName == id.DisplayName && a.Email == id.Email
	if there && (same || !s.provider.cfg.Update) {
		return nil
	}
	err := s.accounts.Change(ctx, a.ID, func(a *accounts.Account) {
		if !there {
			a.Disabled = true
			return
		}
		a.Roles, a.DisplayName, a.Email = id.Roles, id.DisplayName, id.Email
	})
	if errors.Is(err, accounts.ErrNotFound) { // deleted since
		return nil
	}
	if err == nil && !there {
		s.log.Info("an account was disabled: its owner has gone from the directory", "name", a.Name)
	}
	return err
}
