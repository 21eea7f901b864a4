//go:build !linux

package shovel

import "math"

// room returns that there is enough: what there is is not asked for here.
func room(string) (uint64, error) { return math.MaxUint64, nil }
