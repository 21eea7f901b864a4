package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// maxKeyFile bounds what is read of a key file, which may be named wrongly.
const maxKeyFile = 64 << 10

// A Key is an Ed25519 key: the public half, and the private one if it is known.
type Key struct {
	public  ed25519.PublicKey
	private ed25519.PrivateKey // nil if not known
}

// Public returns the public half.
func (k Key) Public() ed25519.PublicKey { return k.public }

// CanSign reports whether the private half is known.
func (k Key) CanSign() bool { return k.private != nil }

// ID returns the name that tokens call the key by (kid): 16 hex digits made from
// the public half.
func (k Key) ID() string { return keyID(k.public) }

// String returns the ID, so that no log has the private half.
func (k Key) String() string { return "key " + k.ID() }

// GoString is String, for %#v.
func (k Key) GoString() string { return k.String() }

func keyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:8])
}

// LoadKey reads a PEM file with an Ed25519 key: "PRIVATE KEY" (PKCS #8) or
// "PUBLIC KEY". A private key that everybody may read is refused.
func LoadKey(path string) (Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return Key{}, fmt.Errorf("load key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Key{}, fmt.Errorf("load key: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return Key{}, fmt.Errorf("load key: %w", err)
	}
	key, err := parseKey(text)
	if err == nil && key.CanSign() && info.Mode().Perm()&0o007 != 0 {
		err = fmt.Errorf("everybody may use this private key (mode %v); chmod 600 it", info.Mode().Perm())
	}
	if err != nil {
		return Key{}, fmt.Errorf("load key %s: %w", path, err)
	}
	return key, nil
}

func parseKey(text []byte) (Key, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return Key{}, errors.New("not a PEM file")
	}
	switch block.Type {
	case "PRIVATE KEY":
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		key, ok := parsed.(ed25519.PrivateKey)
		if err != nil || !ok {
			return Key{}, errors.New("not an Ed25519 private key")
		}
		return keyOf(key), nil
	case "PUBLIC KEY":
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		key, ok := parsed.(ed25519.PublicKey)
		if err != nil || !ok {
			return Key{}, errors.New("not an Ed25519 public key")
		}
		return Key{public: key}, CheckPublicKey(key)
	}
	return Key{}, fmt.Errorf("a PEM block %.40q is neither PRIVATE KEY nor PUBLIC KEY", block.Type)
}

// keyOf returns the key of a private half; its last 32 bytes are the public one
// (RFC 8032).
func keyOf(private ed25519.PrivateKey) Key {
	public := ed25519.PublicKey(private[ed25519.PrivateKeySize-ed25519.PublicKeySize:])
	return Key{public: public, private: private}
}

// CreateKey makes a new private key and writes it to a file that only its owner
// may read and that appears as a whole. It never replaces a file: the error is
// fs.ErrExist then.
func CreateKey(path string) (Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Key{}, fmt.Errorf("create key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return Key{}, fmt.Errorf("create key: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := writeNew(path, text); err != nil {
		return Key{}, fmt.Errorf("create key: %w", err)
	}
	return keyOf(private), nil
}

// writeNew writes a file beside and links it to its name, which, other than
// renaming, fails if the name is taken.
func writeNew(path string, text []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*.tmp") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Claims are what a token to be made says.
type Claims struct {
	Subject  string // who will show it
	Roles    []Role
	Bounds   Bounds
	TTL      time.Duration // how long it is good
	Issuer   string        // may be empty
	Audience string        // may be empty
}

// Sign makes a token that is good from now on, with an ID of its own. What a
// Verifier would refuse is an error.
func (k Key) Sign(c Claims, now time.Time) (string, error) {
	if err := k.check(c); err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	said := claims{bounds: boundsOf(c.Bounds), RegisteredClaims: jwt.RegisteredClaims{
		Issuer:    c.Issuer,
		Subject:   c.Subject,
		ExpiresAt: jwt.NewNumericDate(now.Add(c.TTL)),
		IssuedAt:  jwt.NewNumericDate(now),
		ID:        rand.Text(),
	}}
	if c.Audience != "" {
		said.Audience = jwt.ClaimStrings{c.Audience}
	}
	for _, r := range c.Roles {
		said.Roles = append(said.Roles, string(r))
	}
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, said)
	token.Header["kid"] = k.ID()
	text, err := token.SignedString(k.private)
	if err == nil && len(text) > maxToken {
		err = fmt.Errorf("it would be longer than %d bytes", maxToken)
	}
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return text, nil
}

func (k Key) check(c Claims) error {
	if !k.CanSign() {
		return errors.New("the private key is not known")
	}
	if c.TTL < time.Second {
		return fmt.Errorf("it would be good for %v", c.TTL)
	}
	var names []string
	for _, r := range c.Roles {
		names = append(names, string(r))
	}
	if _, err := ParseRoles(names); err != nil {
		return err
	}
	return errors.Join(checkSubject(c.Subject), c.Bounds.Check())
}
