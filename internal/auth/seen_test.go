package auth_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"tallystick/internal/auth"
)

// A token that was good before is good as long as it says, and no other is.
func TestAuthenticateAgain(t *testing.T) {
	key := seeded('a')
	now := fixedNow()
	v := verifier(t, config(key), func() time.Time { return now })
	token := signed(key, plainHeader, payload())
	f := func(what string, at time.Time, token string, good bool) {
		t.Helper()
		now = at
		for range 2 {
			u, err := v.Authenticate(request(token))
			if good != (err == nil) || good && u.Name != "agent7" || !good && !errors.Is(err, auth.ErrBadToken) {
				t.Errorf("%s: got %+v, %v, want good: %v", what, u, err, good)
			}
		}
	}
	f("first", fixedNow(), token, true)
	f("of another key", fixedNow(), signed(seeded('b'), plainHeader, payload()), false)
	f("changed", fixedNow(), token[:len(token)-4]+"AAAA", false)
	f("at its end", time.Unix(1_700_003_600+29, 0), token, true)
	f("behind its end", time.Unix(1_700_003_600+30, 0), token, false)
	f("before it was made", time.Unix(1_700_000_000-31, 0), token, false)
	for n := range 5000 {
		f("many", fixedNow(), signed(key, plainHeader, payload("jti", fmt.Sprintf(`"%d"`, n))), true)
	}
	f("after many", fixedNow(), token, true)
}

// Ensure a token that was good before is not parsed again, which costs some forty allocations, nor
// its signature checked.
func TestSeenAllocs(t *testing.T) {
	key := seeded('a')
	v := verifier(t, config(key), fixedNow)
	r := request(signed(key, plainHeader, payload()))
	if n := testing.AllocsPerRun(100, func() {
		if _, err := v.Authenticate(r); err != nil {
			t.Fatal(err)
		}
	}); n > 1 { // the bytes of the token, for its digest
		t.Errorf("a token that comes again costs %v allocations, want 1", n)
	}
}
