// Package block has the memory that samples lie in: blocks of 512 consecutive
// slots of one series, and the pool that they come out of and go back to.
//
// A slot without a sample is a gap and holds NaN. A block does not know which
// slots of time it has: its owner keeps the index, slot/512 counted from the
// epoch, so that the blocks of all series with one step begin and end together.
//
// The package is pure: no clock, no goroutine, no input or output.
package block

import "math"

// Slots is how many slots a block has.
const Slots = 512

// Bytes is how much memory a block takes.
const Bytes = Slots * 8

// A Block is the samples of one series in Slots consecutive slots; NaN is a gap.
type Block [Slots]float64

// Clear makes all of b a gap.
func (b *Block) Clear() {
	gap := math.NaN()
	for i := range b {
		b[i] = gap
	}
}

// First returns the first slot at or after from that has a sample, -1 if there
// is none.
func (b *Block) First(from int) int {
	for i := from; i < Slots; i++ {
		if !math.IsNaN(b[i]) {
			return i
		}
	}
	return -1
}

// Last returns the last slot at or before from that has a sample, -1 if there
// is none.
func (b *Block) Last(from int) int {
	for i := from; i >= 0; i-- {
		if !math.IsNaN(b[i]) {
			return i
		}
	}
	return -1
}

// Split returns the index of the block that has the slot, and the place of the
// slot in it. Slots before the epoch are negative, and so are their blocks.
func Split(slot int64) (index int64, at int) {
	return slot >> 9, int(slot & (Slots - 1)) // an arithmetic shift rounds down
}
