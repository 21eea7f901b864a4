package auth_test

import (
	"slices"
	"testing"

	"tallystick/internal/auth"
)

func TestGrants(t *testing.T) {
	g := auth.Grants{
		Viewer: []string{auth.Everybody}, Writer: []string{"w"}, Validator: []string{"v", "w"},
		Operator: []string{"o"}, Admin: []string{"a"},
	}
	f := func(groups []string, want ...auth.Role) {
		t.Helper()
		got := g.Of(func(group string) bool { return slices.Contains(groups, group) })
		if !slices.Equal(got, want) {
			t.Errorf("roles in %v: got %v, want %v", groups, got, want)
		}
	}
	f(nil, auth.Viewer)
	f([]string{"w", "other"}, auth.Viewer, auth.Writer, auth.Validator)
	f([]string{"v"}, auth.Viewer, auth.Validator)
	f([]string{"o", "a"}, auth.Viewer, auth.Operator, auth.Admin)

	if got, want := g.Groups(), []string{"*", "a", "o", "v", "w"}; !slices.Equal(got, want) {
		t.Errorf("groups: got %v, want %v", got, want)
	}
	if got := (auth.Grants{}).Of(func(string) bool { return true }); got != nil {
		t.Errorf("roles without any grant: got %v, want none", got)
	}
}
