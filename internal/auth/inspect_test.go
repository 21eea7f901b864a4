package auth_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/auth"
)

// Ensure a token is shown whoever has signed it, with its numbers as they stand.
func TestInspect(t *testing.T) {
	got, err := auth.Inspect(signed(seeded('x'), `{"alg":"EdDSA","kid":"k"}`, `{"sub":"s","exp":1e400,"roles":["root"]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := auth.Said{
		Header: map[string]any{"alg": "EdDSA", "kid": "k"},
		Claims: map[string]any{"sub": "s", "exp": json.Number("1e400"), "roles": []any{"root"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
	for _, text := range []string{"", "a", "a.b", "a.b.c", "....", segment("{}") + ".x!.c", segment("[]") + "." + segment("{}") + "."} {
		if got, err := auth.Inspect(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

// FuzzInspect holds that what can be shown can be shown as JSON.
func FuzzInspect(f *testing.F) {
	f.Add(signed(seeded('x'), plainHeader, payload()))
	f.Add("e30.e30.")
	f.Fuzz(func(t *testing.T, text string) {
		said, err := auth.Inspect(text)
		if err != nil {
			return
		}
		if _, err := json.Marshal(said); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}
