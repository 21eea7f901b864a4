package oidc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"tallystick/internal/auth"
	"tallystick/internal/auth/peer"
	"tallystick/internal/bus"
)

// Source is the User.Source of who is known by a provider.
const Source = "oidc"

// A Provider lets in who comes back from it.
type Provider struct {
	cfg    Config
	client *http.Client
	roles  Claim

	turn  chan struct{} // is full while somebody uses found: who waits for it may give up
	found *discovered   // nil: it was not reached yet
}

// discovered is what the provider tells of itself.
type discovered struct {
	provider *oidc.Provider
	Logout   string   `json:"end_session_endpoint"`
	Iss      bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207, section 3
	Methods  []string `json:"token_endpoint_auth_methods_supported"`
}

// New returns a Provider, which it does not ask for anything yet: it need not be up.
func New(cfg Config) (*Provider, error) {
	client, err := peer.Client(cfg.CAFile)
	if err != nil {
		return nil, fmt.Errorf("oidc: %w", err)
	}
	roles, err := ParseClaim(cfg.RolesClaim)
	return &Provider{cfg: cfg, client: client, roles: roles, turn: make(chan struct{}, 1)}, err
}

// discover asks the provider about itself, until it has answered once. Its keys are asked for
// again by the library, when a token is signed with another.
func (p *Provider) discover(ctx context.Context) (*discovered, error) {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", auth.ErrUnavailable, context.Cause(ctx))
	}
	if p.found != nil {
		return p.found, nil
	}
	provider, err := oidc.NewProvider(p.with(ctx), p.cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", auth.ErrUnavailable, err)
	}
	d := &discovered{provider: provider}
	if err := provider.Claims(d); err != nil {
		return nil, fmt.Errorf("%w: %w", auth.ErrUnavailable, err)
	}
	for _, u := range []string{provider.Endpoint().AuthURL, provider.Endpoint().TokenURL} {
		if parsed, err := url.Parse(u); err != nil || peer.CheckURL(parsed.Scheme+"://"+parsed.Host) != nil {
			return nil, fmt.Errorf("%w: the endpoint %.100q is neither https://… nor on loopback", auth.ErrUnavailable, u)
		}
	}
	p.found = d
	return d, nil
}

// with returns ctx with the client that the libraries are to use.
func (p *Provider) with(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.client)
}

func (p *Provider) oauth(d *discovered) (*oauth2.Config, error) {
	c := &oauth2.Config{
		ClientID: p.cfg.ClientID, Endpoint: d.provider.Endpoint(), RedirectURL: p.cfg.RedirectURL,
		Scopes: append([]string{oidc.ScopeOpenID}, p.scopes()...),
	}
	c.Endpoint.AuthStyle = d.style(p.cfg.ClientSecretFile != "")
	if p.cfg.ClientSecretFile == "" {
		return c, nil
	}
	secret, err := bus.ReadSecret(p.cfg.ClientSecretFile)
	c.ClientSecret = secret
	return c, err
}

// style returns how the token endpoint is told who we are. Trying both would spend the code.
func (d *discovered) style(secret bool) oauth2.AuthStyle {
	basic := len(d.Methods) == 0 || slices.Contains(d.Methods, "client_secret_basic") // Discovery 1.0, section 3
	if secret && basic {
		return oauth2.AuthStyleInHeader
	}
	return oauth2.AuthStyleInParams
}

func (p *Provider) scopes() []string {
	if len(p.cfg.Scopes) == 0 {
		return []string{"profile", "email"}
	}
	return p.cfg.Scopes
}

// Begin is as of login.Redirector.
func (p *Provider) Begin(ctx context.Context) (location, kept string, err error) {
	location, kept, err = p.begin(ctx)
	return location, kept, wrap(err)
}

func (p *Provider) begin(ctx context.Context) (location, kept string, err error) {
	d, err := p.discover(ctx)
	if err != nil {
		return "", "", err
	}
	c, err := p.oauth(d)
	if err != nil {
		return "", "", err
	}
	t := peer.NewTrip()
	return c.AuthCodeURL(t.State, oidc.Nonce(t.Nonce), oauth2.S256ChallengeOption(t.Verifier)), t.String(), nil
}

// Finish is as of login.Redirector.
func (p *Provider) Finish(r *http.Request, kept string) (auth.Identity, error) {
	id, err := p.finish(r.Context(), r.URL.Query(), kept)
	return id, wrap(err)
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("oidc: %w", err)
	}
	return nil
}

func (p *Provider) finish(ctx context.Context, q url.Values, kept string) (auth.Identity, error) {
	t, err := peer.ParseTrip(kept)
	if err != nil {
		return auth.Identity{}, err
	}
	d, err := p.discover(ctx)
	if err != nil {
		return auth.Identity{}, err
	}
	if err := p.from(q, d); err != nil {
		return auth.Identity{}, err
	}
	code, err := t.Code(q)
	if err != nil {
		return auth.Identity{}, err
	}
	c, err := p.oauth(d)
	if err != nil {
		return auth.Identity{}, err
	}
	answer, err := c.Exchange(p.with(ctx), code, oauth2.VerifierOption(t.Verifier))
	if err != nil {
		return auth.Identity{}, peer.Failed(err)
	}
	return p.identity(ctx, d, answer, t)
}

// from checks that an answer is of this provider: else a code of one may be shown to another, who
// should not have it (a mix-up; RFC 9207).
func (p *Provider) from(q url.Values, d *discovered) error {
	iss := q["iss"]
	switch {
	case len(iss) == 0 && d.Iss:
		return fmt.Errorf("%w: the answer does not say who it is of (iss)", auth.ErrDenied)
	case len(iss) > 1 || len(iss) == 1 && iss[0] != p.cfg.Issuer:
		return fmt.Errorf("%w: the answer is of another provider (iss)", auth.ErrDenied)
	}
	return nil
}

// identity returns who a token is of.
func (p *Provider) identity(ctx context.Context, d *discovered, answer *oauth2.Token, t peer.Trip) (auth.Identity, error) {
	raw, ok := answer.Extra("id_token").(string)
	if !ok {
		return auth.Identity{}, fmt.Errorf("%w: there is no id_token in the answer", auth.ErrUnavailable)
	}
	token, err := d.provider.Verifier(&oidc.Config{ClientID: p.cfg.ClientID}).Verify(p.with(ctx), raw)
	if err != nil {
		return auth.Identity{}, unverified(err)
	}
	claims, err := p.claims(token, t)
	if err != nil {
		return auth.Identity{}, fmt.Errorf("%w: %w", auth.ErrDenied, err)
	}
	if p.cfg.UserInfo {
		if claims, err = p.ask(ctx, d, answer, token.Subject, claims); err != nil {
			return auth.Identity{}, fmt.Errorf("%w: %w", auth.ErrUnavailable, err)
		}
	}
	return p.describe(token, claims, p.cfg.logout(d.Logout, raw)), nil
}

// unverified returns the error of a token that was not found good: auth.ErrDenied, or
// auth.ErrUnavailable where the keys were not to be had, which is no fault of who logs in. The
// library tells that by its text only (jwks.go and verify.go of go-oidc v3.21.0).
func unverified(err error) error {
	if strings.HasPrefix(err.Error(), "failed to verify signature: fetching keys") {
		return fmt.Errorf("%w: %w", auth.ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %w", auth.ErrDenied, err)
}

// claims returns those of a token, if it is of this login, and for us.
func (p *Provider) claims(token *oidc.IDToken, t peer.Trip) (map[string]any, error) {
	claims := make(map[string]any)
	if err := token.Claims(&claims); err != nil {
		return nil, err
	}
	azp, shown := claims["azp"]
	switch {
	case token.Nonce != t.Nonce:
		return nil, errors.New("the token is not of this login (nonce)")
	case token.Subject == "":
		return nil, errors.New("the token is of nobody (sub)")
	case shown && azp != p.cfg.ClientID, !shown && len(token.Audience) > 1: // Core 1.0, section 3.1.3.7, 4 and 5
		return nil, errors.New("the token is for another client (azp)")
	}
	return claims, nil
}

// ask returns the claims with those that only the provider has.
func (p *Provider) ask(ctx context.Context, d *discovered, answer *oauth2.Token, sub string, claims map[string]any) (map[string]any, error) {
	info, err := d.provider.UserInfo(p.with(ctx), oauth2.StaticTokenSource(answer))
	if err != nil {
		return nil, err
	}
	if info.Subject != sub { // Core 1.0, section 5.3.2
		return nil, errors.New("the user info is of somebody else (sub)")
	}
	more := make(map[string]any)
	if err := info.Claims(&more); err != nil {
		return nil, err
	}
	maps.Copy(more, claims)
	return more, nil
}

func (p *Provider) describe(token *oidc.IDToken, claims map[string]any, logout string) auth.Identity {
	word := func(name string) string {
		text, _ := claims[name].(string)
		return text
	}
	values := p.roles.Values(claims)
	return auth.Identity{
		Subject: token.Issuer + " " + token.Subject,
		Logout:  logout,
		User: auth.User{
			Name:        cmp.Or(word(cmp.Or(p.cfg.NameClaim, "preferred_username")), token.Subject),
			DisplayName: word("name"), Email: word("email"), Source: Source,
			Roles: p.cfg.Roles.Of(func(value string) bool { return slices.Contains(values, value) }),
		},
	}
}
