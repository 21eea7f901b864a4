package auth

import "context"

type userKey struct{}

// With returns ctx with who is calling.
func With(ctx context.Context, u User) context.Context { return context.WithValue(ctx, userKey{}, u) }

// From returns who is calling, if that is known: behind a route that needs a role it is.
func From(ctx context.Context) (User, bool) {
	u, ok := ctx.Value(userKey{}).(User)
	return u, ok
}
