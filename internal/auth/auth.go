// Package auth knows who is calling and what they may do.
//
// A caller shows a token: a JSON Web Token (RFC 7519) signed with Ed25519
// (EdDSA, RFC 8037) by a holder of the private key, with a subject, roles and,
// unless Config.WithoutExpiry allows for none, an end.
//
//	Authorization: Bearer eyJhbGciOiJFZERTQSIs…
//
// Rules:
//
//   - Closed by default: what is not known to be good is refused. A Verifier
//     without keys, as the zero value is, refuses all.
//   - The token says which key it was signed with (kid), but only chooses among
//     the keys that were configured; nothing in it is taken as a path, a URL or a
//     key, and only one algorithm is accepted.
//   - Keys change without a restart, and with a key that is gone its tokens are gone.
//   - Errors say what is wrong, without any part of the token's signature or of a key.
//   - Two texts can be the same token (JSON has many spellings), so a list of
//     revoked ones must go by User.TokenID, never by the text.
//   - Time comes from a function, so that tests can have their own.
package auth

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"
)

// ErrNoToken is the error of a request that shows no token.
var ErrNoToken = errors.New("no token")

// ErrBadToken is wrapped by the error of a request whose token is refused.
var ErrBadToken = errors.New("bad token")

// Config is what an operator may choose.
type Config struct {
	// PublicKey is the Ed25519 public key of who signs tokens: base64 of its 32
	// bytes, as in cc-metric-store's jwt-public-key.
	PublicKey string `koanf:"public_key"`
	// KeyFile is a PEM file with an Ed25519 key, private (PKCS #8) or public. With
	// a private one, this server's operator can make tokens. If PublicKey is set
	// too, tokens of both keys are good.
	KeyFile string `koanf:"key_file"`
	// KeyFiles are more such files, and folders whose *.pem are. They are looked at
	// again every 10 s: a key that is new is good then, and one that is gone is not.
	// Tokens call it by its ID, or by the name of its file without .pem.
	KeyFiles []string `koanf:"key_files"`
	// JWKS has keys of others.
	JWKS JWKS `koanf:"jwks"`
	// Certificates are machines that show one by TLS instead of a token, by name.
	Certificates map[string]Certificate `koanf:"certificates"`
	// Issuer must be the token's iss; empty: not checked.
	Issuer string `koanf:"issuer"`
	// Audience must be in the token's aud; empty: not checked.
	Audience string `koanf:"audience"`
	// WithoutExpiry takes tokens that have no end (exp) too, as cc-backend makes them
	// where its jwts.max-age is not set. Nothing but another key takes such a token
	// back from who has it.
	WithoutExpiry bool `koanf:"without_expiry"`
}

// Default returns the configuration of an operator who chooses nothing: no key.
func Default() Config {
	return Config{KeyFiles: []string{}, JWKS: JWKS{Every: 10 * time.Minute}}
}

// HasKey reports whether there is a place to get keys from, or a certificate to go without.
func (c Config) HasKey() bool {
	return c.PublicKey != "" || c.KeyFile != "" || len(c.KeyFiles) > 0 || c.JWKS.URL != "" || len(c.Certificates) > 0
}

// JWKS is where the keys of others are: a JSON Web Key Set (RFC 7517), of which the Ed25519
// ones are used (RFC 8037). A token of such a key must name it (kid).
type JWKS struct {
	// URL is https://, or http:// to this host; empty: none.
	URL string `koanf:"url"`
	// Every is how often it is fetched. While that fails, the keys that were there last
	// are good.
	Every time.Duration `koanf:"every"`
}

// Check returns what is wrong with the URL, or nil.
func (j JWKS) Check() error {
	if j.URL == "" {
		return nil
	}
	u, err := url.Parse(j.URL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return errors.New("not https://host/path, without a user")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return errors.New("keys come by https, or from this host (loopback) by http")
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// A User is who is calling.
type User struct {
	Name    string
	Roles   []Role
	TokenID string // jti of the token; empty if it has none

	// What people have besides.
	DisplayName string
	Email       string
	Projects    []string
	Source      string // which provider knows them, such as "local" or "ldap"; empty: a token

	Bounds Bounds // of what a writer may write
}

// Has reports whether u may act in role r; an admin may in every one.
func (u User) Has(r Role) bool {
	for _, have := range u.Roles {
		if have == r || have == Admin {
			return true
		}
	}
	return false
}

// ParsePublicKey reads an Ed25519 public key from the base64 of its 32 bytes.
func ParsePublicKey(text string) (ed25519.PublicKey, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errors.New("public key is not base64")
	}
	key := ed25519.PublicKey(raw)
	return key, CheckPublicKey(key)
}

// CheckPublicKey refuses what cannot be a key, and the one value that somebody
// may leave as a placeholder: 32 zero bytes are a point of small order, for which
// anybody can make signatures.
func CheckPublicKey(key ed25519.PublicKey) error {
	switch {
	case len(key) == ed25519.PrivateKeySize:
		return errors.New("public key has 64 bytes, not 32: it may be a private key, which does not belong here")
	case len(key) != ed25519.PublicKeySize:
		return fmt.Errorf("public key has %d bytes, not %d", len(key), ed25519.PublicKeySize)
	case key.Equal(make(ed25519.PublicKey, ed25519.PublicKeySize)):
		return errors.New("public key is all zero")
	}
	return nil
}
