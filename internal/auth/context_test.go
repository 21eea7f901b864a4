package auth_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/auth"
)

func TestContext(t *testing.T) {
	if u, ok := auth.From(t.Context()); ok {
		t.Errorf("got %+v of a context that has none", u)
	}
	want := auth.User{Name: "alice", Roles: []auth.Role{auth.Viewer}, Bounds: auth.Bounds{Client: "c"}}
	got, ok := auth.From(auth.With(t.Context(), want))
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("%v (-want +got):\n%s", ok, diff)
	}
}
