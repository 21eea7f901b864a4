// Package block has the memory that samples lie in: blocks of 512 consecutive
// slots of one series, and the pool that they come out of and go back to.
//
// A slot without a sample is a gap and holds NaN. A block does not know which
// slots of time it has: its owner keeps the index, slot/512 counted from the
// epoch, so that the blocks of all series with one step begin and end together.
//
// A series with few samples costs few bytes: in memory a block is a Span, which
// has room for 8, 32, 128 or 512 slots from some slot on, and grows when a sample
// comes that lies outside. A Block is all 512 slots, to look at.
//
// The package is pure: no clock, no goroutine, no input or output.
package block

import "math"

// Slots is how many slots a block has.
const Slots = 512

// Bytes is how much memory a block takes in full.
const Bytes = Slots * 8

// A Block is the samples of one series in Slots consecutive slots; NaN is a gap.
type Block [Slots]float64

// Clear makes all of b a gap.
func (b *Block) Clear() { clearAll(b[:]) }

// First returns the first slot at or after from that has a sample, -1 if there
// is none.
func (b *Block) First(from int) int { return first(b[:], from) }

// Last returns the last slot at or before from that has a sample, -1 if there
// is none.
func (b *Block) Last(from int) int { return last(b[:], from) }

// Split returns the index of the block that has the slot, and the place of the
// slot in it. Slots before the epoch are negative, and so are their blocks.
func Split(slot int64) (index int64, at int) {
	return slot >> 9, int(slot & (Slots - 1)) // an arithmetic shift rounds down
}

func clearAll(values []float64) {
	gap := math.NaN()
	for i := range values {
		values[i] = gap
	}
}

func first(values []float64, from int) int {
	for i := from; i < len(values); i++ {
		if !math.IsNaN(values[i]) {
			return i
		}
	}
	return -1
}

func last(values []float64, from int) int {
	for i := from; i >= 0; i-- {
		if !math.IsNaN(values[i]) {
			return i
		}
	}
	return -1
}
