package auth

import (
	"context"
	"crypto/sha256"
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
	reader *Reader
	now    func() time.Time
	seen   seen
	keys   atomic.Pointer[keySet] // nil: none

	standing Standing // nil: nobody keeps track

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
	reader := NewReader(Rules{
		Methods: []string{jwt.SigningMethodEdDSA.Alg()}, Issuer: cfg.Issuer, Audience: cfg.Audience, WithoutExpiry: cfg.WithoutExpiry,
	}, now)
	v := &Verifier{certs: cfg.Certificates, reader: reader, now: now}
	v.UseConfigured(keys)
	return v, nil
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
	if err == nil && v.standing != nil {
		u, err = v.standing.Now(r.Context(), u)
	}
	if err != nil {
		return User{}, fmt.Errorf("%w: %w", ErrBadToken, err)
	}
	return u, nil
}

// A Standing knows what has become of tokens and of who shows them since they were signed.
type Standing interface {
	// Now returns the user of a token as they are now, or an error that may be told. It is
	// asked for every request, so it does not wait for others for long.
	Now(ctx context.Context, u User) (User, error)
}

// Heed has v ask s of every token from now on. It is called before v is used.
func (v *Verifier) Heed(s Standing) { v.standing = s }

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
	t, err := v.reader.Read(text, keys.of)
	if err != nil {
		return User{}, err
	}
	v.seen.put(digest, good{keys: keys, user: t.User, since: now, ends: t.Ends})
	return t.User, nil
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
