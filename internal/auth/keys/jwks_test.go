package keys_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/auth"
	"tallystick/internal/auth/keys"
)

func public(seed byte) ed25519.PublicKey {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	return ed25519.PublicKey(private[ed25519.SeedSize:])
}

// jwk returns an Ed25519 key with more members.
func jwk(seed byte, more string) string {
	return `{"kty":"OKP","crv":"Ed25519","x":"` + base64.RawURLEncoding.EncodeToString(public(seed)) + `"` + more + `}`
}

func set(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

func TestParse(t *testing.T) {
	f := func(body string, others int, want ...auth.NamedKey) {
		t.Helper()
		got, n, err := keys.Parse([]byte(body))
		if err != nil {
			t.Errorf("%s: got error %v", body, err)
		}
		if diff := cmp.Diff(want, got); diff != "" || n != others {
			t.Errorf("%s: got %d others, want %d; keys (-want +got):\n%s", body, n, others, diff)
		}
	}
	a, b := auth.NamedKey{Name: "one", Key: public('a')}, auth.NamedKey{Key: public('b')}
	f(set(jwk('a', `,"kid":"one"`)), 0, a)
	f(set(jwk('a', `,"kid":"one","use":"sig","alg":"EdDSA"`), jwk('b', `,"alg":"Ed25519"`)), 0, a, b)
	f(set(jwk('b', `,"key_ops":["sign","verify"]`)), 0, b)
	f(set(jwk('b', ""), jwk('a', `,"use":"enc"`), jwk('a', `,"alg":"RS256"`), jwk('a', `,"key_ops":["sign"]`)), 3, b)
	f(set(`{"kty":"RSA","n":"AQAB","e":"AQAB"}`, jwk('b', ""), `{"kty":"OKP","crv":"X25519","x":"AA"}`, `{"kty":7}`, `null`), 4, b)
	// Whoever publishes a private key has lost it; the public half is what tells its tokens, until it is taken away.
	f(set(jwk('b', `,"d":"AAAA"`)), 0, b)
}

func TestParseRefuses(t *testing.T) {
	f := func(what, body, want string) {
		t.Helper()
		got, _, err := keys.Parse([]byte(body))
		if err == nil || !strings.Contains(err.Error(), want) || got != nil {
			t.Errorf("%s: got %v, %v, want an error with %q", what, got, err, want)
		}
	}
	f("nothing", "", "not a JSON Web Key Set")
	f("no set", `[1]`, "not a JSON Web Key Set")
	f("a page", "<html>", "not a JSON Web Key Set")
	f("two values", set(jwk('a', ""))+"{}", "not a JSON Web Key Set")
	f("an empty set", set(), "no Ed25519 key")
	f("none of ours", set(`{"kty":"RSA"}`), "no Ed25519 key")
	f("half a key", set(jwk('a', ""), `{"kty":"OKP","crv":"Ed25519","x":"AAAA"}`), "key 2: public key has 3 bytes")
	f("a key in other letters", set(`{"kty":"OKP","crv":"Ed25519","x":"+/=="}`), "base64url")
	f("a key of zeros", set(`{"kty":"OKP","crv":"Ed25519","x":"`+strings.Repeat("A", 43)+`"}`), "all zero")
	f("a long name", set(jwk('a', `,"kid":"`+strings.Repeat("k", 257)+`"`)), "kid")
	f("too many", set(strings.Split(strings.Repeat(jwk('a', "")+"\n", 101), "\n")[:101]...), "101 keys")
	f("too long", set(jwk('a', `,"z":"`+strings.Repeat("z", keys.MaxBody)+`"`)), "longer than")
}

// FuzzParse holds that whatever comes out can be a key, with a name that has a bound.
func FuzzParse(f *testing.F) {
	f.Add([]byte(set(jwk('a', `,"kid":"one","use":"sig","alg":"EdDSA"`), jwk('b', ""))))
	f.Add([]byte(set(`{"kty":"RSA","n":"AQAB","e":"AQAB"}`)))
	f.Add([]byte(`{"keys":[null,7,"",{}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, others, err := keys.Parse(body)
		if err != nil && got != nil {
			t.Errorf("both keys %v and error %v", got, err)
		}
		if len(got)+others > 100 {
			t.Errorf("%d keys", len(got)+others)
		}
		for _, k := range got {
			if err := auth.CheckPublicKey(k.Key); err != nil || len(k.Name) > 256 {
				t.Errorf("took the key %v: %v", k, err)
			}
		}
	})
}
