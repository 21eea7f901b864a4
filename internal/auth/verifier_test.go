package auth_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/auth"
)

// The keys of the tests are made from seeds, so that a failure is the same each time.
func seeded(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune(seed)), ed25519.SeedSize)))
}

func public(key ed25519.PrivateKey) []byte {
	return key[ed25519.PrivateKeySize-ed25519.PublicKeySize:]
}

func config(key ed25519.PrivateKey) auth.Config {
	return auth.Config{PublicKey: base64.StdEncoding.EncodeToString(public(key))}
}

func kidOf(key ed25519.PrivateKey) string {
	sum := sha256.Sum256(public(key))
	return hex.EncodeToString(sum[:8])
}

func verifier(tb testing.TB, cfg auth.Config, now func() time.Time) *auth.Verifier {
	tb.Helper()
	v, err := auth.NewVerifier(cfg, now)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func request(token string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.Header.Set("X-Auth-Token", token)
	return r
}

// Tokens are made by hand here, not by Sign, since most of them are wrong.

func segment(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func signed(key ed25519.PrivateKey, header, payload string) string {
	text := segment(header) + "." + segment(payload)
	return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(text)))
}

func hmacSigned(secret []byte, payload string) string {
	text := segment(`{"alg":"HS256","typ":"JWT"}`) + "." + segment(payload)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

const plainHeader = `{"alg":"EdDSA","typ":"JWT"}`

// fixedNow is the time of the tests that need none of their own.
func fixedNow() time.Time { return time.Unix(1_700_000_000, 0) }

// payload returns good claims as JSON, with some members replaced, or removed
// if the new value is empty.
func payload(replace ...string) string {
	members := map[string]json.RawMessage{
		"sub":   json.RawMessage(`"agent7"`),
		"roles": json.RawMessage(`["viewer","writer"]`),
		"exp":   json.RawMessage(`1700003600`),
		"iat":   json.RawMessage(`1700000000`),
		"jti":   json.RawMessage(`"id1"`),
		"iss":   json.RawMessage(`"https://issuer.example"`),
		"aud":   json.RawMessage(`["tallystick","other"]`),
	}
	for i := 0; i < len(replace); i += 2 {
		members[replace[i]] = json.RawMessage(replace[i+1])
		if replace[i+1] == "" {
			delete(members, replace[i])
		}
	}
	out, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// TestHostileTokens has every row of the table of hostile tokens, and what else
// came to mind; most differ from a good one in one thing.
func TestHostileTokens(t *testing.T) {
	key, other := seeded('a'), seeded('b')
	cfg := config(key)
	cfg.Issuer, cfg.Audience = "https://issuer.example", "tallystick"
	v := verifier(t, cfg, fixedNow)

	good := signed(key, plainHeader, payload())
	head, rest, _ := strings.Cut(good, ".")
	body, signature, _ := strings.Cut(rest, ".")
	// The last of the 86 characters carries two bits only; the others are 0.
	stray := signature[:85] + string(signature[85]+1)

	refused := map[string]struct{ token, want string }{
		"alg none":                   {segment(`{"alg":"none"}`) + "." + body + ".", "EdDSA"},
		"alg nOnE":                   {segment(`{"alg":"nOnE"}`) + "." + body + ".", "EdDSA"},
		"alg none with a signature":  {segment(`{"alg":"none"}`) + "." + body + "." + signature, "EdDSA"},
		"no alg":                     {signed(key, `{"typ":"JWT"}`, payload()), "EdDSA"},
		"alg a number":               {signed(key, `{"alg":1}`, payload()), "EdDSA"},
		"HS256 with the public key":  {hmacSigned(public(key), payload()), "EdDSA"},
		"HS256 with its base64":      {hmacSigned([]byte(cfg.PublicKey), payload()), "EdDSA"},
		"header says RS256":          {signed(key, `{"alg":"RS256"}`, payload()), "EdDSA"},
		"tampered payload":           {head + "." + segment(payload("sub", `"root"`)) + "." + signature, "signature"},
		"tampered header":            {segment(plainHeader+" ") + "." + body + "." + signature, "signature"},
		"tampered signature":         {head + "." + body + ".A" + signature[1:], "signature"},
		"stripped signature":         {head + "." + body + ".", "signature"},
		"two segments":               {head + "." + body, "malformed"},
		"four segments":              {good + "." + signature, "malformed"},
		"five segments":              {good + "..", "malformed"},
		"signed by another":          {signed(other, plainHeader, payload()), "signature"},
		"padded base64":              {head + "." + body + "." + signature + "==", "malformed"},
		"stray bits in base64":       {head + "." + body + "." + stray, "malformed"},
		"trailing newline":           {good + "\n", "malformed"},
		"newline inside":             {head + ".\n" + body + "." + signature, "malformed"},
		"expired":                    {signed(key, plainHeader, payload("exp", "1699999000")), "expired"},
		"expired, barely":            {signed(key, plainHeader, payload("exp", "1699999970")), "expired"},
		"nbf in the future":          {signed(key, plainHeader, payload("nbf", "1700009000")), "not valid yet"},
		"exp 1e400":                  {signed(key, plainHeader, payload("exp", "1e400")), "malformed"},
		"exp null":                   {signed(key, plainHeader, payload("exp", "null")), "exp"},
		"exp true":                   {signed(key, plainHeader, payload("exp", "true")), "malformed"},
		"exp negative":               {signed(key, plainHeader, payload("exp", "-1")), "expired"},
		"no exp":                     {signed(key, plainHeader, payload("exp", "")), "exp"},
		"wrong iss":                  {signed(key, plainHeader, payload("iss", `"https://evil.example"`)), "issuer"},
		"no iss":                     {signed(key, plainHeader, payload("iss", "")), "iss"},
		"wrong aud":                  {signed(key, plainHeader, payload("aud", `"others"`)), "audience"},
		"no aud":                     {signed(key, plainHeader, payload("aud", "")), "aud"},
		"iat in the future":          {signed(key, plainHeader, payload("iat", "1700000100")), "future"},
		"no sub":                     {signed(key, plainHeader, payload("sub", "")), "sub"},
		"sub empty":                  {signed(key, plainHeader, payload("sub", `""`)), "sub"},
		"sub blank":                  {signed(key, plainHeader, payload("sub", `"  "`)), "sub"},
		"sub a number":               {signed(key, plainHeader, payload("sub", "7")), "sub is a number"},
		"sub with a line feed":       {signed(key, plainHeader, payload("sub", `"a\nb"`)), "sub"},
		"sub with a NUL":             {signed(key, plainHeader, payload("sub", `"a\u0000b"`)), "sub"},
		"sub turning the text round": {signed(key, plainHeader, payload("sub", `"a\u202eb"`)), "sub"},
		"no roles":                   {signed(key, plainHeader, payload("roles", "")), "no roles"},
		"roles empty":                {signed(key, plainHeader, payload("roles", "[]")), "no roles"},
		"roles null":                 {signed(key, plainHeader, payload("roles", "null")), "no roles"},
		"roles a string":             {signed(key, plainHeader, payload("roles", `"admin"`)), "roles is a string"},
		"roles with a number":        {signed(key, plainHeader, payload("roles", `["viewer",1]`)), "malformed"},
		"roles with an unknown one":  {signed(key, plainHeader, payload("roles", `["viewer","root"]`)), `"root"`},
		"roles in another case":      {signed(key, plainHeader, payload("roles", `["Admin"]`)), `"Admin"`},
		"crit":                       {signed(key, `{"alg":"EdDSA","crit":["exp"]}`, payload()), "crit"},
		"crit null":                  {signed(key, `{"alg":"EdDSA","crit":null}`, payload()), "crit"},
		"kid a path":                 {signed(key, `{"alg":"EdDSA","kid":"../../dev/null"}`, payload()), "kid"},
		"kid a number":               {signed(key, `{"alg":"EdDSA","kid":1}`, payload()), "kid"},
		"kid empty":                  {signed(key, `{"alg":"EdDSA","kid":""}`, payload()), "kid"},
		"kid null":                   {signed(key, `{"alg":"EdDSA","kid":null}`, payload()), "kid"},
		"kid ours, key another":      {signed(other, `{"alg":"EdDSA","kid":"`+kidOf(key)+`"}`, payload()), "signature"},
		"jku":                        {signed(other, `{"alg":"EdDSA","jku":"http://127.0.0.1/k"}`, payload()), "signature"},
		"jwk": {signed(other, `{"alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"`+
			base64.RawURLEncoding.EncodeToString(public(other))+`"}}`, payload()), "signature"},
		"too long":         {signed(key, plainHeader, payload("x", `"`+strings.Repeat("x", 8<<10)+`"`)), "8192"},
		"empty":            {"", "empty"},
		"dots":             {"..", "malformed"},
		"not base64":       {"a.b.c", "malformed"},
		"payload no JSON":  {signed(key, plainHeader, "hello"), "malformed"},
		"payload an array": {signed(key, plainHeader, "[]"), "malformed"},
		"payload null":     {signed(key, plainHeader, "null"), "exp"},
		"two payloads":     {signed(key, plainHeader, payload()+payload()), "malformed"},
	}
	for name, row := range refused {
		t.Run(name, func(t *testing.T) {
			u, err := v.Authenticate(request(row.token))
			if !errors.Is(err, auth.ErrBadToken) {
				t.Fatalf("got %+v, %v, want it refused", u, err)
			}
			if errors.Is(err, auth.ErrNoToken) {
				t.Errorf("error %v is both", err)
			}
			if !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %q does not say %q", err, row.want)
			}
			if len(signature) > 0 && strings.Contains(err.Error(), signature[:10]) {
				t.Errorf("error %q has the signature", err)
			}
			if diff := cmp.Diff(auth.User{}, u); diff != "" {
				t.Errorf("a refused token has a user: %s", diff)
			}
		})
	}

	user := auth.User{Name: "agent7", Roles: []auth.Role{auth.Viewer, auth.Writer}, TokenID: "id1"}
	accepted := map[string]string{
		"good":                  good,
		"kid ours":              signed(key, `{"alg":"EdDSA","kid":"`+kidOf(key)+`"}`, payload()),
		"no iat":                signed(key, plainHeader, payload("iat", "")),
		"aud a string":          signed(key, plainHeader, payload("aud", `"tallystick"`)),
		"expired, but in skew":  signed(key, plainHeader, payload("exp", "1699999971")),
		"issued, but in skew":   signed(key, plainHeader, payload("iat", "1700000030")),
		"one role twice":        signed(key, plainHeader, payload("roles", `["viewer","writer","viewer"]`)),
		"other members":         signed(key, plainHeader, payload("x", `{"y":[1,2]}`)),
		"duplicate members":     signed(key, plainHeader, `{"sub":"x","jti":"x",`+payload()[1:]), // the last counts
		"exp a string":          signed(key, plainHeader, payload("exp", `"1700003600"`)),
		"no typ":                signed(key, `{"alg":"EdDSA"}`, payload()),
		"jku with our own key":  signed(key, `{"alg":"EdDSA","jku":"http://127.0.0.1/k"}`, payload()),
		"exp with a fraction":   signed(key, plainHeader, payload("exp", "1700003600.5")),
		"space between members": signed(key, plainHeader, " "+payload()+" "),
	}
	for name, token := range accepted {
		t.Run(name, func(t *testing.T) {
			got, err := v.Authenticate(request(token))
			if err != nil {
				t.Fatalf("got error %v, want it accepted", err)
			}
			if diff := cmp.Diff(user, got); diff != "" {
				t.Errorf("user (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIssuerAndAudienceOnlyIfConfigured(t *testing.T) {
	key := seeded('a')
	v := verifier(t, config(key), fixedNow)
	if _, err := v.Authenticate(request(signed(key, plainHeader, payload("iss", "", "aud", "")))); err != nil {
		t.Errorf("got error %v, want none", err)
	}
}

func TestHeaders(t *testing.T) {
	key := seeded('a')
	v := verifier(t, config(key), fixedNow)
	good := signed(key, plainHeader, payload())
	same := signed(key, plainHeader, payload("sub", `"other"`))

	f := func(want error, pairs ...string) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/?token="+good+"&login-token="+good, http.NoBody)
		r.AddCookie(&http.Cookie{Name: "token", Value: good})
		for i := 0; i < len(pairs); i += 2 {
			r.Header.Add(pairs[i], pairs[i+1])
		}
		_, err := v.Authenticate(r)
		if !errors.Is(err, want) {
			t.Errorf("%.60q: got error %v, want %v", pairs, err, want)
		}
	}
	f(auth.ErrNoToken) // neither the URL nor a cookie counts
	f(nil, "X-Auth-Token", good)
	f(nil, "x-auth-token", good)
	f(nil, "Authorization", "Bearer "+good)
	f(nil, "Authorization", "bearer "+good)
	f(nil, "Authorization", "BEARER   "+good)
	f(nil, "Authorization", "Bearer "+good, "X-Auth-Token", good)
	f(auth.ErrBadToken, "Authorization", "Bearer "+same, "X-Auth-Token", good)
	f(auth.ErrBadToken, "Authorization", "Bearer "+good, "Authorization", "Bearer "+good)
	f(auth.ErrBadToken, "X-Auth-Token", good, "X-Auth-Token", good)
	f(auth.ErrBadToken, "Authorization", good)
	f(auth.ErrBadToken, "Authorization", "Bearer")
	f(auth.ErrBadToken, "Authorization", "Bearer ")
	f(auth.ErrBadToken, "Authorization", "Basic dXNlcjpwYXNz")
	f(auth.ErrBadToken, "Authorization", "Basic dXNlcjpwYXNz", "X-Auth-Token", good)
	f(auth.ErrBadToken, "Authorization", "Bearer "+good+", Bearer "+good)
	f(auth.ErrBadToken, "Authorization", "Bearer\t"+good)
	f(auth.ErrBadToken, "Authorization", "")
	f(auth.ErrBadToken, "X-Auth-Token", "")
}

// TestRotation holds that tokens of two keys are good while there are two, with
// and without kid, and that a kid chooses.
func TestRotation(t *testing.T) {
	path := t.TempDir() + "/key.pem"
	second, err := auth.CreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	first := seeded('a')
	cfg := config(first)
	cfg.KeyFile = path
	both, one := verifier(t, cfg, fixedNow), verifier(t, config(first), fixedNow)

	ofSecond, err := second.Sign(auth.Claims{Subject: "s", Roles: []auth.Role{auth.Viewer}, TTL: time.Hour}, fixedNow())
	if err != nil {
		t.Fatal(err)
	}
	f := func(what string, v *auth.Verifier, token string, good bool) {
		t.Helper()
		if _, err := v.Authenticate(request(token)); (err == nil) != good {
			t.Errorf("%s: got error %v, want it good: %v", what, err, good)
		}
	}
	f("second key", both, ofSecond, true)
	f("first key", both, signed(first, plainHeader, payload()), true)
	f("first key with kid", both, signed(first, `{"alg":"EdDSA","kid":"`+kidOf(first)+`"}`, payload()), true)
	f("first key under the name of the second", both,
		signed(first, `{"alg":"EdDSA","kid":"`+second.ID()+`"}`, payload()), false)
	f("neither", both, signed(seeded('z'), plainHeader, payload()), false)
	f("second key, gone", one, ofSecond, false)
}

func TestTokenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := t.TempDir() + "/key.pem"
		key, err := auth.CreateKey(path)
		if err != nil {
			t.Fatal(err)
		}
		v := verifier(t, auth.Config{KeyFile: path}, time.Now)
		token, err := key.Sign(auth.Claims{Subject: "s", Roles: auth.Roles(), TTL: time.Hour}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if _, err := v.Authenticate(request(token)); err != nil {
			t.Errorf("at its end, within the skew: got error %v", err)
		}
		time.Sleep(time.Minute)
		if _, err := v.Authenticate(request(token)); err == nil {
			t.Error("a minute after its end: got no error")
		}
	})
}

func TestZeroVerifierRefuses(t *testing.T) {
	var v auth.Verifier
	_, err := v.Authenticate(request(signed(seeded('a'), plainHeader, payload())))
	if !errors.Is(err, auth.ErrBadToken) {
		t.Errorf("got error %v, want %v", err, auth.ErrBadToken)
	}
}

func TestHas(t *testing.T) {
	f := func(roles []auth.Role, want ...auth.Role) {
		t.Helper()
		u := auth.User{Name: "u", Roles: roles}
		var got []auth.Role
		for _, r := range auth.Roles() {
			if u.Has(r) {
				got = append(got, r)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v may act as (-want +got):\n%s", roles, diff)
		}
	}
	f(nil)
	f([]auth.Role{""})
	f([]auth.Role{auth.Viewer}, auth.Viewer)
	f([]auth.Role{auth.Writer, auth.Viewer}, auth.Viewer, auth.Writer)
	f([]auth.Role{auth.Admin}, auth.Roles()...)
}

// FuzzAuthenticate holds that nothing is accepted that was not signed with the
// key, whatever the header and the payload say, and that nothing panics.
func FuzzAuthenticate(f *testing.F) {
	key := seeded('a')
	v := verifier(f, config(key), fixedNow)
	f.Add(signed(key, plainHeader, payload()))
	f.Add(signed(key, `{"alg":"EdDSA","kid":"`+kidOf(key)+`"}`, payload("exp", "1e400")))
	f.Add(signed(key, `{"alg":"none","crit":[]}`, payload("roles", `"admin"`)))
	f.Add(hmacSigned(public(key), payload()))
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		u, err := v.Authenticate(request(token))
		if err != nil {
			if !errors.Is(err, auth.ErrBadToken) {
				t.Errorf("error %v is not %v", err, auth.ErrBadToken)
			}
			return
		}
		end := strings.LastIndexByte(token, '.')
		signature, err := base64.RawURLEncoding.DecodeString(token[end+1:])
		if err != nil || !ed25519.Verify(public(key), []byte(token[:end]), signature) {
			t.Errorf("accepted %q, which the key has not signed", token)
		}
		if u.Name == "" || len(u.Roles) == 0 {
			t.Errorf("accepted %+v", u)
		}
	})
}

// FuzzClaims fuzzes what lies behind the signature.
func FuzzClaims(f *testing.F) {
	key := seeded('a')
	v := verifier(f, config(key), fixedNow)
	f.Add(plainHeader, payload())
	f.Add(`{"alg":"EdDSA","kid":1}`, payload("exp", "1e400"))
	f.Add(`{"alg":"EdDSA","crit":[]}`, payload("roles", `[null]`))
	f.Add(`{}`, `null`)
	f.Fuzz(func(t *testing.T, header, payload string) {
		u, err := v.Authenticate(request(signed(key, header, payload)))
		if err != nil {
			return
		}
		if strings.TrimSpace(u.Name) == "" || len(u.Roles) == 0 {
			t.Errorf("accepted %+v", u)
		}
		for _, r := range u.Roles {
			if _, err := auth.ParseRoles([]string{string(r)}); err != nil {
				t.Errorf("accepted role %q", r)
			}
		}
	})
}

func BenchmarkAuthenticate(b *testing.B) {
	key := seeded('a')
	v := verifier(b, config(key), fixedNow)
	r := request(signed(key, plainHeader, payload()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Authenticate(r); err != nil {
			b.Fatal(err)
		}
	}
}
