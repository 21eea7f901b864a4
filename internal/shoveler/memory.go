package shoveler

import (
	"math"
	"runtime/debug"
)

const (
	// garbagePercent is how much garbage may gather in a shovel, which has a machine to share
	// with the server that it is beside.
	garbagePercent = 20
	// Above ownMemory and, for each output, outputMemory, in bytes, the garbage collector works
	// more. It is more than a shovel takes, but for moments when what has waited goes out
	// (benchmarks/README.md, the shovel).
	ownMemory, outputMemory = 56 << 20, 8 << 20
)

// sparing has the garbage collector keep memory small, unless GOMEMLIMIT says how small, until
// the function that it returns is called.
func sparing(outputs int) (end func()) {
	percent, limit := debug.SetGCPercent(garbagePercent), debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		debug.SetMemoryLimit(ownMemory + int64(outputs)*outputMemory)
	}
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}
