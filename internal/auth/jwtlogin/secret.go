package jwtlogin

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"tallystick/internal/auth"
)

const (
	// maxSecretFile bounds what is read of a file, which may be named wrongly.
	maxSecretFile = 64 << 10
	// minSecret is how short a secret may be: as long as the hash of HS256 (RFC 7518, section 3.2).
	minSecret = 32
)

// loadSecret reads a key: an ed25519.PublicKey of a PEM file, or a []byte.
func loadSecret(path string) (any, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load login key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("load login key: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxSecretFile))
	if err != nil {
		return nil, fmt.Errorf("load login key: %w", err)
	}
	if strings.Contains(string(raw), "-----BEGIN") {
		key, err := auth.LoadKey(path)
		return key.Public(), err
	}
	secret, err := parseSecret(string(raw))
	if err == nil && info.Mode().Perm()&0o007 != 0 {
		err = fmt.Errorf("everybody may use this secret (mode %v); chmod 600 it", info.Mode().Perm())
	}
	if err != nil {
		return nil, fmt.Errorf("load login key %s: %w", path, err)
	}
	return secret, nil
}

func parseSecret(text string) ([]byte, error) {
	secret, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(text))
	if err != nil {
		return nil, errors.New("neither a PEM file nor base64")
	}
	if len(secret) < minSecret {
		return nil, fmt.Errorf("the secret has %d bytes, fewer than %d: `openssl rand -base64 32` makes one", len(secret), minSecret)
	}
	return secret, nil
}

// methods returns the algorithms of a key. A key has one kind of them: else a public key could be
// taken for a secret.
func methods(key any) []string {
	if _, ok := key.(ed25519.PublicKey); ok {
		return []string{jwt.SigningMethodEdDSA.Alg()}
	}
	return []string{jwt.SigningMethodHS256.Alg(), jwt.SigningMethodHS512.Alg()}
}
