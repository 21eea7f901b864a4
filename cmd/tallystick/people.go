package main

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
	"tallystick/internal/auth/github"
	"tallystick/internal/auth/ldap"
	"tallystick/internal/auth/local"
	"tallystick/internal/auth/login"
	"tallystick/internal/auth/oidc"
	"tallystick/internal/auth/password"
	"tallystick/internal/auth/proxies"
	"tallystick/internal/auth/throttle"
	"tallystick/internal/httpapi"
)

// Where people log in, and see who they are.
const loginPath, accountPath = "/login", "/account"

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
	elsewhere, err := s.elsewhere()
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
		Throttle: slow, Tokens: tokens, Sources: sources, Elsewhere: elsewhere, From: trusted.Of, Now: time.Now, Log: s.log,
	})
	return err
}

// sources returns who finds out whether people are who they say, in the order in which they are asked.
func (s *server) sources() ([]login.Source, error) {
	hasher, err := password.New(s.cfg.Auth.Hashes)
	if err != nil {
		return nil, err
	}
	sources, err := s.directory()
	if err != nil {
		return nil, err
	}
	tokens, err := s.tokenSources()
	if err != nil {
		return nil, err
	}
	here := login.Source{Provider: &local.Provider{Accounts: s.accounts, Hasher: hasher}}
	return append(append(sources, tokens...), here), nil
}

// directory returns the directory that knows people, if there is one.
func (s *server) directory() ([]login.Source, error) {
	cfg := s.cfg.Auth.LDAP
	if !cfg.On() {
		return nil, nil
	}
	d, err := ldap.New(cfg)
	if err != nil {
		return nil, err
	}
	if cfg.Sync > 0 {
		s.syncer = ldap.NewSyncer(d, s.accounts, s.log)
	}
	return []login.Source{{Provider: d, Policy: cfg.Policy}}, nil
}

// elsewhere returns where browsers may be sent to, in the order in which the login page has them.
func (s *server) elsewhere() (places []login.Elsewhere, err error) {
	for _, name := range slices.Sorted(maps.Keys(s.cfg.Auth.OIDC)) {
		cfg := s.cfg.Auth.OIDC[name]
		p, err := oidc.New(cfg)
		if err != nil {
			return nil, err
		}
		places = append(places, login.Elsewhere{Name: name, Title: cmp.Or(cfg.Title, name), Redirector: p, Policy: auth.Policy{Sync: cfg.Sync, Update: cfg.Update}})
	}
	if cfg := s.cfg.Auth.GitHub; cfg.On() {
		p, err := github.New(cfg)
		if err != nil {
			return nil, err
		}
		places = append(places, login.Elsewhere{Name: github.Source, Title: "GitHub", Redirector: p, Policy: auth.Policy{Sync: cfg.Sync, Update: cfg.Update}})
	}
	return places, nil
}

// admitPeople lets the API know people, and sends to the login who is not known, if there are accounts.
func (s *server) admitPeople(p *httpapi.Parts) {
	if s.people != nil {
		p.Auth, p.Login, p.Account = s.people, loginPath, accountPath
	}
}

// handler returns what answers requests.
func (s *server) handler() http.Handler {
	if s.people == nil {
		return s.api
	}
	return s.people.Handler(s.api, func(own http.Handler) http.Handler { return s.api.Around("login", own) })
}
