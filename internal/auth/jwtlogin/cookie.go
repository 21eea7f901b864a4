package jwtlogin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"tallystick/internal/auth"
)

// CookieConfig is about tokens in a cookie, which a portal of the same site has set.
type CookieConfig struct {
	// Name is that of the cookie; empty: there are no such logins.
	Name string `koanf:"name"`
	// Domain is that of the cookie, where the portal sets one; empty: this host.
	Domain string `koanf:"domain"`
	// KeyFile has the Ed25519 key of tokens that name no issuer; empty: there are none.
	KeyFile string `koanf:"key_file"`
	// TrustedIssuer is the other one whose tokens are good, by their iss, and
	// TrustedKeyFile has its key.
	TrustedIssuer  string `koanf:"trusted_issuer"`
	TrustedKeyFile string `koanf:"trusted_key_file"`

	auth.Policy `koanf:",squash"`
}

// Check returns what is wrong with c, the files aside.
func (c CookieConfig) Check() error {
	switch {
	case c.Name == "":
		return nil
	case c.KeyFile == "" && c.TrustedKeyFile == "":
		return errors.New("neither key_file nor trusted_key_file has a key")
	case (c.TrustedIssuer == "") != (c.TrustedKeyFile == ""):
		return errors.New("trusted_issuer and trusted_key_file go together")
	}
	return (&http.Cookie{Name: c.Name, Value: "x", Domain: c.Domain}).Valid()
}

// A Cookie is the provider for tokens in a cookie.
type Cookie struct {
	cfg    CookieConfig
	reader *auth.Reader
	keys   map[string]jwt.VerificationKey // by issuer; that of nobody is ours
	spend  Spender
}

// NewCookie returns the provider.
func NewCookie(cfg CookieConfig, spend Spender, now func() time.Time) (*Cookie, error) {
	c := &Cookie{cfg: cfg, keys: make(map[string]jwt.VerificationKey), spend: spend}
	for _, k := range []struct{ issuer, file string }{{"", cfg.KeyFile}, {cfg.TrustedIssuer, cfg.TrustedKeyFile}} {
		if k.file == "" {
			continue
		}
		key, err := auth.LoadKey(k.file)
		if err != nil {
			return nil, err
		}
		c.keys[k.issuer] = key.Public()
	}
	c.reader = auth.NewReader(auth.Rules{Methods: []string{jwt.SigningMethodEdDSA.Alg()}}, now)
	return c, nil
}

// CanLogin reports whether the request has the cookie, and nothing else to log in with.
func (c *Cookie) CanLogin(a *auth.Attempt) bool {
	return a.Name == "" && len(a.Request.CookiesNamed(c.cfg.Name)) > 0
}

// Login returns who the token is of. The cookie is deleted, whether it is good or not.
func (c *Cookie) Login(ctx context.Context, a *auth.Attempt) (auth.Identity, error) {
	a.Spent = &http.Cookie{Name: c.cfg.Name, Domain: c.cfg.Domain, Path: "/", MaxAge: -1, HttpOnly: true}
	cookies := a.Request.CookiesNamed(c.cfg.Name)
	if len(cookies) != 1 { // those of a path or domain above: nobody knows which is the portal's
		return auth.Identity{}, fmt.Errorf("%w: %d login cookies, not one", auth.ErrDenied, len(cookies))
	}
	text := cookies[0].Value
	t, err := c.reader.Read(text, c.key)
	if err != nil {
		return auth.Identity{}, fmt.Errorf("%w: login cookie: %w", auth.ErrDenied, err)
	}
	return identity(ctx, c.spend, text, t)
}

// key returns the key of the issuer that the token names, ours if it names none. What it says
// chooses only among those that were configured.
func (c *Cookie) key(t *jwt.Token) (any, error) {
	issuer, err := t.Claims.GetIssuer()
	if err != nil {
		return nil, auth.KeyError("has an issuer (iss) that cannot be read")
	}
	key, ok := c.keys[issuer]
	if !ok {
		return nil, auth.KeyError("is of an issuer (iss) that is not trusted")
	}
	return key, nil
}
