package auth_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/auth"
)

// Ensure the roles of cc-backend's tokens may do here what their holders need,
// and no more.
func TestCockpitRoles(t *testing.T) {
	f := func(roles string, want ...auth.Role) {
		t.Helper()
		key := seeded('a')
		v := verifier(t, config(key), fixedNow)
		u, err := v.Authenticate(request(signed(key, plainHeader, payload("roles", roles))))
		if diff := cmp.Diff(want, u.Roles); diff != "" || (err != nil) != (want == nil) {
			t.Errorf("%s: %v, roles (-want):\n%s", roles, err, diff)
		}
	}
	f(`["api"]`, auth.Viewer, auth.Writer)
	f(`["user"]`, auth.Viewer)
	f(`["user","manager","support"]`, auth.Viewer)
	f(`["user","api"]`, auth.Viewer, auth.Writer)
	f(`["admin","api"]`, auth.Admin, auth.Viewer, auth.Writer)
	f(`["anonymous"]`)
	f(`["user","root"]`)
	f(`["API"]`)
	f(`[""]`)
}

// Ensure a token without an end is good only where the operator says so, and one
// with an end never after it.
func TestWithoutExpiry(t *testing.T) {
	key := seeded('a')
	f := func(without bool, at time.Time, claims string, want bool) {
		t.Helper()
		cfg := config(key)
		cfg.WithoutExpiry = without
		v := verifier(t, cfg, func() time.Time { return at })
		if _, err := v.Authenticate(request(signed(key, plainHeader, claims))); (err == nil) != want {
			t.Errorf("without_expiry %v, %s at %v: got %v, want taken %v", without, claims, at, err, want)
		}
	}
	late := fixedNow().AddDate(1, 0, 0)
	f(false, fixedNow(), payload("exp", ""), false)
	f(true, fixedNow(), payload("exp", ""), true)
	f(true, late, payload("exp", ""), true)
	f(true, fixedNow(), payload(), true)
	f(true, late, payload(), false)
	f(true, fixedNow(), payload("exp", "", "roles", ""), false)
}
