package httpapi_test

import (
	"context"

	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// freeIn frees in a store that stands alone.
func freeIn(st *store.Store) func(context.Context, []selector.Path, int64) (int, error) {
	return func(_ context.Context, at []selector.Path, before int64) (blocks int, err error) {
		for _, p := range at {
			blocks += st.FreeBefore(p, before)
		}
		return blocks, nil
	}
}
