// Package password makes hashes of passwords, and checks passwords against them.
//
// Rules:
//
//   - New hashes are argon2id, with what OWASP's Password Storage Cheat Sheet asks for at
//     least (19 MiB, 2 passes, 1 thread). Those of bcrypt, which cc-backend makes, are checked
//     too, and called stale, so that the caller makes a new one.
//   - At most so many are computed at once: each takes memory and a processor, and anybody may
//     ask for one. Who waits for a turn does so as long as the context lets them.
//   - What cannot be a password is refused before anything is computed.
package password

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/text/unicode/norm"
)

// Max is how many bytes a password may have.
const Max = 1024

// maxBcrypt is what bcrypt looks at: of longer ones, it would take the first 72 bytes for all.
const maxBcrypt = 72

// params are those of new hashes.
func params() *argon2id.Params {
	return &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// Normal returns a password in Unicode's form NFC, so that it is the same from every keyboard,
// or an error that says why it cannot be one.
func Normal(text string) (string, error) {
	switch {
	case text == "":
		return "", errors.New("the password is empty")
	case len(text) > Max:
		return "", fmt.Errorf("the password is longer than %d bytes", Max)
	case !utf8.ValidString(text):
		return "", errors.New("the password is not UTF-8")
	case strings.ContainsRune(text, 0):
		return "", errors.New("the password has a NUL")
	}
	return norm.NFC.String(text), nil
}

// A Hasher makes hashes and checks them. It may be used by several goroutines at the same time.
type Hasher struct {
	turns chan struct{}
	waste string // the hash of what nobody knows
}

// New returns a Hasher that computes at most atOnce hashes at once.
func New(atOnce int) (*Hasher, error) {
	waste, err := argon2id.CreateHash("nobody's", params())
	if err != nil {
		return nil, fmt.Errorf("make hash: %w", err)
	}
	return &Hasher{turns: make(chan struct{}, max(1, atOnce)), waste: waste}, nil
}

// turn waits for one, and returns how to give it back.
func (h *Hasher) turn(ctx context.Context) (done func(), err error) {
	select {
	case h.turns <- struct{}{}:
		return func() { <-h.turns }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to compute a hash: %w", context.Cause(ctx))
	}
}

// Hash returns the hash of a password, with its salt and parameters.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	done, err := h.turn(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	hash, err := argon2id.CreateHash(password, params())
	if err != nil {
		return "", fmt.Errorf("make hash: %w", err)
	}
	return hash, nil
}

// Check reports whether the password is the one of the hash, and whether that is stale: made
// in another way than Hash does. A hash that is none is nobody's, and takes as long as one.
func (h *Hasher) Check(ctx context.Context, hash, password string) (good, stale bool, err error) {
	done, err := h.turn(ctx)
	if err != nil {
		return false, false, err
	}
	defer done()
	if strings.HasPrefix(hash, "$2") {
		return checkBcrypt(hash, password), true, nil
	}
	known := isArgon2id(hash)
	if !known {
		hash = h.waste
	}
	good, used, err := argon2id.CheckHash(password, hash)
	return good && known, known && err == nil && *used != *params(), err
}

// isArgon2id reports whether hash is one of argon2id that can be computed: the library panics
// where the key is empty, and takes what memory and time the hash says.
func isArgon2id(hash string) bool {
	p, _, key, err := argon2id.DecodeHash(hash)
	return err == nil && len(key) >= 16 && p.Parallelism > 0 && p.Iterations > 0 && p.Iterations <= 32 && p.Memory <= 1<<20
}

func checkBcrypt(hash, password string) bool {
	if len(password) > maxBcrypt {
		return false
	}
	return bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
}

// Known reports whether hash is one that Check understands.
func Known(hash string) bool {
	if _, err := bcrypt.Cost([]byte(hash)); err == nil {
		return true
	}
	return isArgon2id(hash)
}
