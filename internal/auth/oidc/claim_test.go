package oidc_test

import (
	"encoding/json"
	"slices"
	"testing"

	"tallystick/internal/auth/oidc"
)

const claims = `{"roles":["a","b",1,null],"one":"a","n":1,"https://x.org/roles":["c"],
	"resource_access":{"app":{"roles":["d"]},"a/b":{"~":["e"]}},"list":[{"roles":["f"]}]}`

func TestClaim(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		c, err := oidc.ParseClaim(text)
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]any
		if err := json.Unmarshal([]byte(claims), &all); err != nil {
			t.Fatal(err)
		}
		if got := c.Values(all); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	f("roles", "a", "b")
	f("one", "a")
	f("n")
	f("https://x.org/roles", "c")
	f("/resource_access/app/roles", "d")
	f("/resource_access/a~1b/~0", "e")
	f("/resource_access")
	f("/resource_access/none/roles")
	f("/roles/0")
	f("/list/0/roles")
	f("/")
	f("")
}

func FuzzClaim(f *testing.F) {
	f.Add("/resource_access/app/roles", []byte(claims))
	f.Add("roles", []byte(claims))
	f.Add("/~01~1", []byte(`{"~1/":["x"]}`))
	f.Fuzz(func(t *testing.T, text string, raw []byte) {
		c, err := oidc.ParseClaim(text)
		var all map[string]any
		if err != nil || json.Unmarshal(raw, &all) != nil {
			return
		}
		got := c.Values(all)
		if len(got) > 0 && len(c) == 0 {
			t.Errorf("%q has the values %q without a path", text, got)
		}
		if len(c) == 1 && len(got) > 0 && all[c[0]] == nil {
			t.Errorf("%q has the values %q of no claim", text, got)
		}
	})
}
