package auth_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/auth"
)

// Ensure a token is bound to what it says, and that one which is bound to nothing, or to what
// cannot be, is refused: it must not be taken for one that is free.
func TestBounds(t *testing.T) {
	key := seeded('a')
	v := verifier(t, config(key), fixedNow)
	f := func(want auth.Bounds, replace ...string) {
		t.Helper()
		u, err := v.Authenticate(request(signed(key, plainHeader, payload(replace...))))
		if diff := cmp.Diff(want, u.Bounds); diff != "" || err != nil {
			t.Errorf("%q: got error %v, bounds (-want +got):\n%s", replace, err, diff)
		}
	}
	f(auth.Bounds{})
	f(auth.Bounds{Clusters: []string{"a", "b"}}, "clusters", `["a","b"]`)
	f(auth.Bounds{Sites: []string{"T2_A"}, Client: "node7"}, "sites", `["T2_A"]`, "client", `"node7"`)

	refused := func(want string, replace ...string) {
		t.Helper()
		_, err := v.Authenticate(request(signed(key, plainHeader, payload(replace...))))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want %q", replace, err, want)
		}
	}
	refused("bound to nothing", "clusters", `[]`)
	refused("bound to nothing", "clusters", `null`)
	refused("bound to nothing", "sites", `[]`, "clusters", `["a"]`)
	refused("bound to nothing", "client", `""`)
	refused("malformed", "clusters", `"a"`)
	refused("malformed", "clusters", `[1]`)
	refused("malformed", "client", `["a"]`)
	refused("empty", "clusters", `[""]`)
	refused("printed", "sites", `["a\u0000"]`)
	refused("too long", "client", `"`+strings.Repeat("x", 256)+`"`)
	refused("more than 100", "clusters", `["a"`+strings.Repeat(`,"a"`, 100)+`]`)
}

func TestWithin(t *testing.T) {
	f := func(b auth.Bounds, cluster, servers, none, client bool) {
		t.Helper()
		got := []bool{b.Cluster("a"), b.Servers([]string{"a"}), b.Servers(nil), b.Claims("a")}
		if want := []bool{cluster, servers, none, client}; !cmp.Equal(want, got) {
			t.Errorf("%+v: got %v, want %v", b, got, want)
		}
	}
	a, other := []string{"a"}, []string{"b"}
	f(auth.Bounds{}, true, true, true, true)
	f(auth.Bounds{Clusters: a}, true, false, false, false)
	f(auth.Bounds{Sites: a}, false, true, false, false)
	f(auth.Bounds{Client: "a"}, false, false, false, true)
	f(auth.Bounds{Clusters: other, Sites: other, Client: "b"}, false, false, false, false)

	sites := auth.Bounds{Sites: []string{"a", "b"}}
	if !sites.Servers([]string{"b", "a"}) || sites.Servers([]string{"a", "c"}) || sites.Servers([]string{""}) {
		t.Error("an address with servers of another site, or of an unknown one, is within")
	}
	if (auth.Bounds{Clusters: a}).Claims("") {
		t.Error("a claim without a client is within a bound to clusters")
	}
}

// Ensure a token that is made has the bounds, and none that a verifier would refuse is made.
func TestSignBounds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	key, err := auth.CreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	want := auth.Bounds{Clusters: []string{"a"}, Sites: []string{"b", "c"}, Client: "d"}
	claims := auth.Claims{Subject: "s", Roles: []auth.Role{auth.Writer}, TTL: time.Hour, Bounds: want}
	token, err := key.Sign(claims, fixedNow())
	if err != nil {
		t.Fatal(err)
	}
	u, err := verifier(t, auth.Config{KeyFile: path}, fixedNow).Authenticate(request(token))
	if diff := cmp.Diff(want, u.Bounds); diff != "" || err != nil {
		t.Errorf("got error %v, bounds (-want +got):\n%s", err, diff)
	}
	claims.Bounds = auth.Bounds{Clusters: []string{""}}
	if _, err := key.Sign(claims, fixedNow()); err == nil {
		t.Error("an empty name was signed")
	}
}
