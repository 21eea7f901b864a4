// Package jwtlogin lets people in who show a token that somebody else has made for them: in a
// header (or, if that is switched on, in the URL), or in a cookie that a portal has set.
//
// Rules:
//
//   - A token is read as one for the API is (auth.Reader): it has a subject, roles and an end, and one
//     algorithm is good, which the key says and not the token.
//   - It is good once: it is spent before anybody is let in.
//   - What is wrong with it is an auth.ErrDenied, so that the caller is told nothing of it.
package jwtlogin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"tallystick/internal/auth"
)

// Path is where tokens in a header or the URL are taken.
const Path = "/jwt-login"

// Parameter is the one of the URL, as in cc-backend.
const Parameter = "login-token"

// SessionConfig is about tokens in the header Authorization.
type SessionConfig struct {
	// KeyFile is a PEM file with an Ed25519 public key, for EdDSA, or has a secret of at
	// least 32 bytes in base64, for HS256 and HS512. Empty: there are no such logins.
	KeyFile string `koanf:"key_file"`
	// Issuer and Audience are what iss must be and aud must have; empty: not checked.
	Issuer   string `koanf:"issuer"`
	Audience string `koanf:"audience"`
	// InURL takes the token in the parameter login-token too, where logs and the next page's
	// Referer may have it.
	InURL bool `koanf:"in_url"`

	auth.Policy `koanf:",squash"`
}

// A Spender knows what was used up: accounts.DB. Of two that use up the same at the same time,
// one is told that it was fresh.
type Spender interface {
	Revoke(ctx context.Context, id string, ends time.Time) (fresh bool, err error)
}

// A Session is the provider for tokens in the header Authorization.
type Session struct {
	cfg    SessionConfig
	reader *auth.Reader
	key    any
	spend  Spender
}

// NewSession returns the provider.
func NewSession(cfg SessionConfig, spend Spender, now func() time.Time) (*Session, error) {
	key, err := loadSecret(cfg.KeyFile)
	if err != nil {
		return nil, err
	}
	rules := auth.Rules{Methods: methods(key), Issuer: cfg.Issuer, Audience: cfg.Audience}
	return &Session{cfg: cfg, reader: auth.NewReader(rules, now), key: key, spend: spend}, nil
}

// CanLogin reports whether the request shows a token where such are taken.
func (s *Session) CanLogin(a *auth.Attempt) bool {
	r := a.Request
	if a.Name != "" || r.URL.Path != Path {
		return false
	}
	return len(r.Header.Values("Authorization")) > 0 || s.cfg.InURL && r.URL.Query().Has(Parameter)
}

// Login returns who the token is of.
func (s *Session) Login(ctx context.Context, a *auth.Attempt) (auth.Identity, error) {
	text, err := s.token(a.Request)
	if err != nil {
		return auth.Identity{}, fmt.Errorf("%w: %w", auth.ErrDenied, err)
	}
	t, err := s.reader.Read(text, func(*jwt.Token) (any, error) { return s.key, nil })
	if err != nil {
		return auth.Identity{}, fmt.Errorf("%w: login token: %w", auth.ErrDenied, err)
	}
	return identity(ctx, s.spend, text, t)
}

// token returns the one token of the request. Two are refused, since whoever looked at the
// request before may have looked at the other one.
func (s *Session) token(r *http.Request) (string, error) {
	given := r.Header.Values("Authorization")
	var inURL []string
	if s.cfg.InURL {
		inURL = r.URL.Query()[Parameter]
	}
	switch {
	case len(given)+len(inURL) != 1:
		return "", fmt.Errorf("%d login tokens, not one", len(given)+len(inURL))
	case len(inURL) == 1:
		return inURL[0], nil
	}
	scheme, text, _ := strings.Cut(given[0], " ")
	if !strings.EqualFold(scheme, "bearer") {
		return "", fmt.Errorf("login token: authorization is by %.20q, not by bearer", scheme)
	}
	return strings.Trim(text, " "), nil
}

// source is what accounts of such people have as theirs.
const source = "jwt"

// identity spends a good token, and returns who it is of.
func identity(ctx context.Context, spend Spender, text string, t auth.Token) (auth.Identity, error) {
	fresh, err := spend.Revoke(ctx, spentID(text, t), t.Ends)
	switch {
	case err != nil:
		return auth.Identity{}, fmt.Errorf("spend login token: %w", err)
	case !fresh:
		return auth.Identity{}, fmt.Errorf("%w: the login token was used before", auth.ErrDenied)
	}
	t.Source = source
	t.TokenID = "" // it is spent, and the session is no token
	return auth.Identity{User: t.User}, nil
}

// spentID names a token among those that are spent: by its issuer and ID (jti), so that it is
// the same however it is written; without an ID by what was signed.
func spentID(text string, t auth.Token) string {
	what := "login\x00id\x00" + t.Issuer + "\x00" + t.TokenID
	if t.TokenID == "" {
		what = "login\x00text\x00" + text[:strings.LastIndexByte(text, '.')]
	}
	sum := sha256.Sum256([]byte(what))
	return "login-" + hex.EncodeToString(sum[:])
}
