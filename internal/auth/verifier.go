package auth

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// maxToken bounds what is decoded before the signature has been checked. Ours
	// have about 350 bytes; servers refuse headers above 8 KiB anyway.
	maxToken = 8 << 10

	// leeway is how far the clocks of the signer and of this host may differ.
	leeway = 30 * time.Second
)

// A Verifier checks tokens. It may be used by several goroutines at the same time.
type Verifier struct {
	certs  map[string]Certificate
	parser *jwt.Parser
	now    func() time.Time
	seen   seen
	keys   atomic.Pointer[keySet] // nil: none

	mu                  sync.Mutex // for what keys is made of
	configured, fetched []NamedKey
}

// NewVerifier returns a verifier with the keys of cfg. None is an error, unless there is a
// JWKS: then it refuses all until UseFetched brings some.
func NewVerifier(cfg Config, now func() time.Time) (*Verifier, error) {
	keys, err := cfg.LoadKeys()
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 && cfg.JWKS.URL == "" && len(cfg.Certificates) == 0 { // also an empty folder
		return nil, errors.New("no key to check tokens with")
	}
	v := &Verifier{certs: cfg.Certificates, parser: parser(cfg, now), now: now}
	v.UseConfigured(keys)
	return v, nil
}

func parser(cfg Config, now func() time.Time) *jwt.Parser {
	options := []jwt.ParserOption{
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithIssuedAt(),
		jwt.WithStrictDecoding(),
		jwt.WithLeeway(leeway),
		jwt.WithTimeFunc(now),
	}
	if !cfg.WithoutExpiry {
		options = append(options, jwt.WithExpirationRequired())
	}
	if cfg.Issuer != "" {
		options = append(options, jwt.WithIssuer(cfg.Issuer))
	}
	if cfg.Audience != "" {
		options = append(options, jwt.WithAudience(cfg.Audience))
	}
	return jwt.NewParser(options...)
}

// Authenticate returns the user of the request's token: X-Auth-Token, or
// Authorization: Bearer; without one, that of the client certificate of its connection.
// The error is ErrNoToken, or wraps ErrBadToken or ErrBadCertificate and says
// what is wrong with it, without secrets.
func (v *Verifier) Authenticate(r *http.Request) (User, error) {
	text, err := tokenOf(r.Header)
	if errors.Is(err, ErrNoToken) {
		return certified(r, v.certs)
	}
	if err != nil {
		return User{}, err
	}
	u, err := v.verify(text)
	if err != nil {
		return User{}, fmt.Errorf("%w: %w", ErrBadToken, err)
	}
	return u, nil
}

// tokenOf returns the one token of the request. Two that differ are refused,
// since a proxy may have looked at the other one.
func tokenOf(h http.Header) (string, error) {
	own, bearer := h.Values("X-Auth-Token"), h.Values("Authorization")
	switch {
	case len(own) == 0 && len(bearer) == 0:
		return "", ErrNoToken
	case len(own) > 1 || len(bearer) > 1:
		return "", fmt.Errorf("%w: more than one header of a kind", ErrBadToken)
	case len(bearer) == 0:
		return own[0], nil
	}
	scheme, token, _ := strings.Cut(bearer[0], " ")
	token = strings.Trim(token, " ")
	switch {
	case !strings.EqualFold(scheme, "bearer"):
		return "", fmt.Errorf("%w: authorization is not by bearer", ErrBadToken)
	case len(own) == 1 && own[0] != token:
		return "", fmt.Errorf("%w: X-Auth-Token and Authorization differ", ErrBadToken)
	}
	return token, nil
}

// claims is what a token says, as far as it matters here.
type claims struct {
	jwt.RegisteredClaims
	bounds
	Roles []string `json:"roles"`
}

func (v *Verifier) verify(text string) (User, error) {
	if err := checkText(text); err != nil {
		return User{}, err
	}
	keys := v.keys.Load()
	if keys == nil {
		return User{}, errors.New("there is no key to check it with")
	}
	digest, now := sha256.Sum256([]byte(text)), v.now()
	if u, ok := v.seen.get(digest, keys, now); ok {
		return u, nil
	}
	var c claims
	if _, err := v.parser.ParseWithClaims(text, &c, keys.of); err != nil {
		return User{}, plain(err)
	}
	if err := checkSubject(c.Subject); err != nil {
		return User{}, err
	}
	roles, err := ParseRoles(c.Roles)
	if err != nil {
		return User{}, err
	}
	bounds, err := c.read()
	if err != nil {
		return User{}, err
	}
	g := good{keys: keys, user: User{Name: c.Subject, Roles: roles, Bounds: bounds, TokenID: c.ID}, since: now}
	if c.ExpiresAt != nil {
		g.ends = c.ExpiresAt.Add(leeway)
	}
	v.seen.put(digest, g)
	return g.user, nil
}

// checkText refuses what base64 decoding would let pass, such as line feeds.
func checkText(text string) error {
	switch {
	case text == "":
		return errors.New("empty")
	case len(text) > maxToken:
		return fmt.Errorf("longer than %d bytes", maxToken)
	}
	for _, c := range []byte(text) {
		if c != '.' && c != '-' && c != '_' && !isAlphanumeric(c) {
			return errors.New("malformed: has characters that no token has")
		}
	}
	return nil
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// checkSubject keeps names out that could not be written into a log or a page as
// they are.
func checkSubject(name string) error {
	if strings.TrimSpace(name) == "" {
		return errors.New("no subject (sub)")
	}
	if !printable(name) {
		return errors.New("the subject (sub) has characters that cannot be printed")
	}
	return nil
}

// keyError is an error about the header, in words that may be told.
type keyError string

func (e keyError) Error() string { return string(e) }

// of returns the keys that may have signed the token: the one it names, or any
// if it names none, as cc-backend's do. The parser has checked the algorithm.
func (s *keySet) of(t *jwt.Token) (any, error) {
	if _, there := t.Header["crit"]; there {
		return nil, keyError("has critical extensions (crit), which are not known here")
	}
	kid, there := t.Header["kid"]
	if !there && len(s.unnamed) > 0 {
		return jwt.VerificationKeySet{Keys: s.unnamed}, nil
	}
	if name, ok := kid.(string); ok && len(s.byName[name]) > 0 {
		return jwt.VerificationKeySet{Keys: s.byName[name]}, nil
	}
	return nil, keyError("was signed with a key (kid) that is not known here")
}

// plain says in words of ours what is wrong: the parser's may quote the token.
func plain(err error) error {
	if key := keyError(""); errors.As(err, &key) {
		return key
	}
	if t := (*json.UnmarshalTypeError)(nil); errors.As(err, &t) {
		return fmt.Errorf("malformed: %s is a %s, not a %v", t.Field, t.Value, t.Type)
	}
	for _, row := range []struct {
		err  error
		text string
	}{
		{jwt.ErrTokenSignatureInvalid, "the signature does not match, or is not EdDSA"},
		{jwt.ErrTokenUnverifiable, "the signature is not EdDSA"},
		{jwt.ErrTokenMalformed, "malformed"},
		{jwt.ErrTokenRequiredClaimMissing, "has no end (exp), issuer (iss) or audience (aud)"},
		{jwt.ErrTokenExpired, "has expired (exp)"},
		{jwt.ErrTokenNotValidYet, "is not valid yet (nbf)"},
		{jwt.ErrTokenUsedBeforeIssued, "was issued in the future (iat)"},
		{jwt.ErrTokenInvalidIssuer, "has another issuer (iss)"},
		{jwt.ErrTokenInvalidAudience, "is for another audience (aud)"},
	} {
		if errors.Is(err, row.err) {
			return errors.New(row.text)
		}
	}
	return errors.New("is not valid")
}
