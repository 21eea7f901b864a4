package auth

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// maxKeys bounds how many keys come from one source: each costs a signature check for every
// token that names none.
const maxKeys = 100

// A NamedKey is a public key and a name that tokens call it by (kid), besides its ID.
type NamedKey struct {
	Name string // empty: none but the ID
	Key  ed25519.PublicKey
}

// equal reports whether k and l are the same.
func (k NamedKey) equal(l NamedKey) bool { return k.Name == l.Name && k.Key.Equal(l.Key) }

// A keySet is what tokens are checked with. It is not changed.
type keySet struct {
	byName map[string][]jwt.VerificationKey
	// unnamed are for tokens that name no key, as cc-backend's: only those of the
	// configuration, so that whoever fills a JWKS does not choose what such a token costs.
	unnamed []jwt.VerificationKey
}

func newKeySet(configured, fetched []NamedKey) *keySet {
	s := &keySet{byName: make(map[string][]jwt.VerificationKey)}
	for _, k := range slices.Concat(configured, fetched) {
		s.name(keyID(k.Key), k.Key)
		if k.Name != "" {
			s.name(k.Name, k.Key)
		}
	}
	for _, k := range configured {
		s.unnamed = with(s.unnamed, k.Key)
	}
	return s
}

func (s *keySet) name(name string, key ed25519.PublicKey) { s.byName[name] = with(s.byName[name], key) }

// with returns the keys with one more, if it is not among them.
func with(keys []jwt.VerificationKey, key ed25519.PublicKey) []jwt.VerificationKey {
	if slices.ContainsFunc(keys, func(k jwt.VerificationKey) bool { return key.Equal(k) }) {
		return keys
	}
	return append(keys, key)
}

// UseConfigured replaces the keys of the configuration. From then on a token of a key that is
// gone is refused, however often it was good.
func (v *Verifier) UseConfigured(keys []NamedKey) {
	v.replace(&v.configured, keys)
}

// UseFetched replaces the keys of the JWKS, as UseConfigured does.
func (v *Verifier) UseFetched(keys []NamedKey) {
	v.replace(&v.fetched, keys)
}

// replace makes the set of keys again, if it is another: with the set goes what it has checked.
func (v *Verifier) replace(those *[]NamedKey, keys []NamedKey) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.keys.Load() != nil && slices.EqualFunc(*those, keys, NamedKey.equal) {
		return
	}
	*those = keys
	v.keys.Store(newKeySet(v.configured, v.fetched))
}

// Keys returns how many keys there are of the configuration and of the JWKS.
func (v *Verifier) Keys() (configured, fetched int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.configured), len(v.fetched)
}

// LoadKeys reads the keys of the configuration, those of files as they are now. The error has
// all that is wrong.
func (c Config) LoadKeys() ([]NamedKey, error) {
	var (
		keys []NamedKey
		errs []error
	)
	if c.PublicKey != "" {
		key, err := ParsePublicKey(c.PublicKey)
		keys, errs = append(keys, NamedKey{Key: key}), append(errs, err)
	}
	if c.KeyFile != "" {
		key, err := LoadKey(c.KeyFile)
		keys, errs = append(keys, NamedKey{Key: key.Public()}), append(errs, err)
	}
	files, err := keyFiles(c.KeyFiles)
	errs = append(errs, err)
	for _, path := range files {
		key, err := LoadKey(path)
		keys = append(keys, NamedKey{strings.TrimSuffix(filepath.Base(path), ".pem"), key.Public()})
		errs = append(errs, err)
	}
	if len(keys) > maxKeys {
		errs = append(errs, fmt.Errorf("%d keys, more than %d", len(keys), maxKeys))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return keys, nil
}

// keyFiles returns the files of a list, in which a folder stands for those in it whose names
// end in .pem, sorted by name.
func keyFiles(list []string) (files []string, err error) {
	for _, path := range list {
		info, e := os.Stat(path)
		switch {
		case e != nil:
			err = errors.Join(err, fmt.Errorf("load keys: %w", e))
		case !info.IsDir():
			files = append(files, path)
		default:
			in, e := pemFiles(path)
			files, err = append(files, in...), errors.Join(err, e)
		}
	}
	return files, err
}

func pemFiles(dir string) (files []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("load keys: %w", err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".pem") && !strings.HasPrefix(e.Name(), ".") {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, nil
}

// of returns the keys that may have signed the token: the one it names, or any
// if it names none, as cc-backend's do. The parser has checked the algorithm.
func (s *keySet) of(t *jwt.Token) (any, error) {
	kid, there := t.Header["kid"]
	if !there && len(s.unnamed) > 0 {
		return jwt.VerificationKeySet{Keys: s.unnamed}, nil
	}
	if name, ok := kid.(string); ok && len(s.byName[name]) > 0 {
		return jwt.VerificationKeySet{Keys: s.byName[name]}, nil
	}
	return nil, KeyError("was signed with a key (kid) that is not known here")
}
