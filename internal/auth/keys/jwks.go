package keys

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"tallystick/internal/auth"
)

const (
	// MaxBody bounds a JWKS, in bytes. An Ed25519 key has some 150, an RSA key 500.
	MaxBody = 256 << 10
	// maxKeys is how many keys may be in one.
	maxKeys = 100
	// maxName bounds a key's name, in bytes.
	maxName = 256
)

// A jwk is a JSON Web Key (RFC 7517, section 4), as far as it matters here.
type jwk struct {
	Type  string   `json:"kty"`
	Curve string   `json:"crv"` // RFC 8037, section 2
	X     string   `json:"x"`
	Use   string   `json:"use"`
	Ops   []string `json:"key_ops"`
	Alg   string   `json:"alg"`
	Name  string   `json:"kid"`
}

// usable reports whether it is one of ours: an Ed25519 key for signatures. RFC 9864 calls the
// algorithm Ed25519, RFC 8037 calls it EdDSA.
func (k *jwk) usable() bool {
	return k.Type == "OKP" && k.Curve == "Ed25519" && (k.Use == "" || k.Use == "sig") &&
		(k.Alg == "" || k.Alg == "EdDSA" || k.Alg == "Ed25519") &&
		(len(k.Ops) == 0 || slices.Contains(k.Ops, "verify"))
}

// Parse returns the Ed25519 keys of a JSON Web Key Set, and how many others there are in it,
// which are passed over. A set with one of ours that is broken, and one with none of ours,
// are errors: what was there before is better.
func Parse(body []byte) (keys []auth.NamedKey, others int, err error) {
	if len(body) > MaxBody {
		return nil, 0, fmt.Errorf("longer than %d bytes", MaxBody)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, 0, errors.New("not a JSON Web Key Set")
	}
	if len(set.Keys) > maxKeys {
		return nil, 0, fmt.Errorf("%d keys, more than %d", len(set.Keys), maxKeys)
	}
	for i, raw := range set.Keys {
		var k jwk
		if err := json.Unmarshal(raw, &k); err != nil || !k.usable() {
			others++ // a key of a kind of its own may have members of other types
			continue
		}
		key, err := k.key()
		if err != nil {
			return nil, 0, fmt.Errorf("key %d: %w", i+1, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, others, errors.New("has no Ed25519 key")
	}
	return keys, others, nil
}

func (k *jwk) key() (auth.NamedKey, error) {
	x, err := base64.RawURLEncoding.Strict().DecodeString(k.X)
	if err != nil {
		return auth.NamedKey{}, errors.New("x is not base64url")
	}
	if len(k.Name) > maxName || !utf8.ValidString(k.Name) {
		return auth.NamedKey{}, errors.New("kid is too long, or no text")
	}
	return auth.NamedKey{Name: k.Name, Key: x}, auth.CheckPublicKey(ed25519.PublicKey(x))
}
