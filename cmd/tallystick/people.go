package main

import (
	"context"
	"net/http"
	"time"

	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
	"tallystick/internal/auth/local"
	"tallystick/internal/auth/login"
	"tallystick/internal/auth/password"
	"tallystick/internal/auth/proxies"
	"tallystick/internal/auth/throttle"
	"tallystick/internal/httpapi"
)

// loginPath is where people log in.
const loginPath = "/login"

// makePeople makes, if there are accounts, what lets people in besides those who have tokens.
func (s *server) makePeople(ctx context.Context, tokens *auth.Verifier) (err error) {
	if s.cfg.Auth.Accounts.Database == "" {
		return nil
	}
	if s.accounts, err = accounts.Open(ctx, s.cfg.Auth.Accounts, time.Now); err != nil {
		return err
	}
	if err := s.heed(ctx, tokens); err != nil {
		return err
	}
	sources, err := s.sources()
	if err != nil {
		return err
	}
	trusted, err := proxies.Parse(s.cfg.HTTP.TrustedProxies)
	if err != nil {
		return err
	}
	slow, err := throttle.New(s.cfg.Auth.Throttle)
	if err != nil {
		return err
	}
	s.people, err = login.New(s.cfg.Auth.Sessions, login.Parts{
		Accounts: s.accounts, Sessions: s.accounts.Sessions(s.cfg.Auth.Sessions.Max),
		Throttle: slow, Tokens: tokens, Sources: sources, From: trusted.Of, Now: time.Now, Log: s.log,
	})
	return err
}

// sources returns who finds out whether people are who they say, in the order in which they are asked.
func (s *server) sources() ([]login.Source, error) {
	hasher, err := password.New(s.cfg.Auth.Hashes)
	if err != nil {
		return nil, err
	}
	sources, err := s.tokenSources()
	if err != nil {
		return nil, err
	}
	return append(sources, login.Source{Provider: &local.Provider{Accounts: s.accounts, Hasher: hasher}}), nil
}

// admitPeople lets the API know people, and sends to the login who is not known, if there are accounts.
func (s *server) admitPeople(p *httpapi.Parts) {
	if s.people != nil {
		p.Auth, p.Login = s.people, loginPath
	}
}

// handler returns what answers requests.
func (s *server) handler() http.Handler {
	if s.people == nil {
		return s.api
	}
	return s.people.Handler(s.api)
}
