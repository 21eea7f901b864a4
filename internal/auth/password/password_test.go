package password_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"tallystick/internal/auth/password"
)

func newHasher(t *testing.T) *password.Hasher {
	t.Helper()
	h, err := password.New(2)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ofBcrypt(t *testing.T, word string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(word), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(hash)
}

func TestCheck(t *testing.T) {
	h := newHasher(t)
	own, err := h.Hash(t.Context(), "sesame")
	if err != nil {
		t.Fatal(err)
	}
	const old = "$argon2id$v=19$m=1024,t=1,p=1$c2FsdHNhbHQ$" // of fewer passes, and no key
	f := func(hash, word string, good, stale bool) {
		t.Helper()
		g, s, err := h.Check(t.Context(), hash, word)
		if g != good || s != stale || err != nil {
			t.Errorf("%.20q of %.20q: got %v, %v, %v, want %v, %v", word, hash, g, s, err, good, stale)
		}
	}
	f(own, "sesame", true, false)
	f(own, "Sesame", false, false)
	f(own, "", false, false)
	f("", "", false, false)
	f("", "nobody's", false, false) // that of the hash nobody has
	f("nothing", "nothing", false, false)
	f(old, "", false, false)
	f(ofBcrypt(t, "sesame"), "sesame", true, true)
	f(ofBcrypt(t, "sesame"), "sesam", false, true)
	f("$2a$10$short", "x", false, true)
	long := strings.Repeat("x", 72)
	f(ofBcrypt(t, long), long, true, true)
	f(ofBcrypt(t, long), long+"y", false, true) // bcrypt alone would say yes
	f(ofBcrypt(t, "a"), "a\x00b", false, true)
}

func TestNormal(t *testing.T) {
	f := func(text, want, wrong string) {
		t.Helper()
		got, err := password.Normal(text)
		if got != want || (err == nil) != (wrong == "") || err != nil && !strings.Contains(err.Error(), wrong) {
			t.Errorf("%.20q: got %q, %v, want %q, %q", text, got, err, want, wrong)
		}
	}
	f("pass word ", "pass word ", "")
	f("e\u0301", "\u00e9", "")
	f("\u00e9", "\u00e9", "")
	f("", "", "empty")
	f("a\x00b", "", "NUL")
	f("\xff", "", "UTF-8")
	f(strings.Repeat("x", password.Max), strings.Repeat("x", password.Max), "")
	f(strings.Repeat("x", password.Max+1), "", "longer")
}

func TestKnown(t *testing.T) {
	h := newHasher(t)
	own, err := h.Hash(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	for hash, want := range map[string]bool{own: true, ofBcrypt(t, "x"): true, "": false, "x": false, "$2a$10$x": false} {
		if got := password.Known(hash); got != want {
			t.Errorf("%q: got %v, want %v", hash, got, want)
		}
	}
}

// Ensure who waits for a turn gives up with the context.
func TestTurns(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var h password.Hasher // has no turns at all
	if _, _, err := h.Check(ctx, "", "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("Check: got %v, want %v", err, context.Canceled)
	}
	if _, err := h.Hash(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("Hash: got %v, want %v", err, context.Canceled)
	}
}

// FuzzCheck holds that a damaged hash is nobody's, and breaks nothing.
func FuzzCheck(f *testing.F) {
	h, err := password.New(1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$a2V5a2V5")
	f.Add("$2a$04$")
	f.Fuzz(func(t *testing.T, hash string) {
		if password.Known(hash) {
			return // it costs what it says
		}
		if good, _, err := h.Check(t.Context(), hash, "x"); good || err != nil {
			t.Errorf("%q: got %v, %v", hash, good, err)
		}
	})
}
