package auth_test

import (
	"net/http"
	"strings"
	"testing"
)

// FuzzHeaders holds that whatever is in the headers, who is let in has shown the one good token,
// in every header that is there, and nothing else.
func FuzzHeaders(f *testing.F) {
	key := seeded('a')
	v := verifier(f, config(key), fixedNow)
	good := signed(key, plainHeader, payload())
	f.Add("Bearer T", "", "")
	f.Add("bearer   T ", "", "T")
	f.Add("Bearer T", "Bearer T", "")
	f.Add("Basic T", "", "T")
	f.Add("", "", "T\x00")
	f.Fuzz(func(t *testing.T, first, second, own string) { // T stands for the token
		r := &http.Request{Header: http.Header{}}
		for _, pair := range [][2]string{{"Authorization", first}, {"Authorization", second}, {"X-Auth-Token", own}} {
			if pair[1] != "" {
				r.Header.Add(pair[0], strings.ReplaceAll(pair[1], "T", good))
			}
		}
		if _, err := v.Authenticate(r); err != nil {
			return
		}
		bearers := r.Header.Values("Authorization")
		if len(bearers) > 1 || own != "" && own != "T" {
			t.Fatalf("let in with %q and %q", bearers, own)
		}
		for _, b := range bearers {
			if scheme, token, _ := strings.Cut(b, " "); !strings.EqualFold(scheme, "bearer") || strings.Trim(token, " ") != good {
				t.Fatalf("let in with %q", b)
			}
		}
	})
}
