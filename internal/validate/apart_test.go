package validate_test

import (
	"testing"

	"tallystick/internal/transfer"
)

// Ensure that what agrees in process and bytes is one access, although one side's times are wrong, and
// what does not, or may be several, is not.
func TestApart(t *testing.T) {
	of := func(pid int, c *transfer.Claim) *transfer.Claim { c.PID = pid; return c }
	by := func(pid int, x *transfer.Transfer) *transfer.Transfer { x.PID = pid; return x }
	early := [2]int64{0, 1}

	f(t, claims{of(7, readClaim("1", 6, 7, 100))}, transfers{by(7, read(1, early, early, 100))},
		"match by fields run.1 1.1")
	f(t, claims{of(7, readClaim("1", 6, 7, 100))}, transfers{by(8, read(1, early, early, 100))},
		"extra 1.1", "missing run.1") // of another process
	f(t, claims{of(7, readClaim("1", 6, 7, 100))}, transfers{by(7, read(1, early, early, 101))},
		"extra 1.1", "missing run.1") // of other bytes
	f(t, claims{readClaim("1", 6, 7, 100)}, transfers{read(1, early, early, 100)},
		"extra 1.1", "missing run.1") // of no known process
	f(t, claims{of(7, readClaim("1", 62, 63, 100))}, transfers{by(7, read(1, early, early, 100))},
		"extra 1.1", "missing run.1") // too far apart
	f(t, claims{of(7, readClaim("1", 6, 7, 100))}, transfers{by(7, read(1, early, early, 100)), by(7, read(2, early, early, 100))},
		"extra 1.1", "extra 1.2", "missing run.1") // either may be meant
	f(t, claims{of(7, readClaim("1", 6, 7, 100)), of(7, readClaim("2", 8, 9, 100))},
		transfers{by(7, read(1, early, early, 100)), by(7, read(2, early, early, 100))},
		"match by fields run.1 1.1", "match by fields run.2 1.2")
}
