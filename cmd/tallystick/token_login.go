package main

import (
	"context"
	"time"

	"tallystick/internal/auth"
	"tallystick/internal/auth/jwtlogin"
	"tallystick/internal/auth/login"
	"tallystick/internal/auth/standing"
)

// tokenSources returns who lets people in by a token that somebody else has made for them.
func (s *server) tokenSources() (out []login.Source, err error) {
	if cfg := s.cfg.Auth.JWTSession; cfg.KeyFile != "" {
		p, err := jwtlogin.NewSession(cfg, s.accounts, time.Now)
		if err != nil {
			return nil, err
		}
		out = append(out, login.Source{Provider: p, Policy: cfg.Policy})
	}
	if cfg := s.cfg.Auth.JWTCookie; cfg.Name != "" {
		p, err := jwtlogin.NewCookie(cfg, s.accounts, time.Now)
		if err != nil {
			return nil, err
		}
		out = append(out, login.Source{Provider: p, Policy: cfg.Policy})
	}
	return out, nil
}

// heed has the tokens of v be good only as long as the accounts do not say otherwise.
func (s *server) heed(ctx context.Context, v *auth.Verifier) (err error) {
	if s.standing, err = standing.New(ctx, s.accounts, s.cfg.Auth.ValidateUser, time.Now, s.log); err != nil {
		return err
	}
	v.Heed(s.standing)
	return s.standing.Register(s.registry)
}
