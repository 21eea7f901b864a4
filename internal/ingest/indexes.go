package ingest

import (
	"encoding/binary"
	"slices"
)

// indexes are places of samples in their body, from 0, as runs [from, to) in ascending
// order.
type indexes [][2]int

// with returns x, which is changed, with a place that was not there, mostly behind all others.
func (x indexes) with(index int) indexes {
	n := len(x)
	switch {
	case n > 0 && x[n-1][1] == index:
		x[n-1][1]++
		return x
	case n > 0 && x[n-1][1] > index:
		n, _ = slices.BinarySearchFunc(x, index, func(run [2]int, index int) int { return run[0] - index })
	}
	return slices.Insert(x, n, [2]int{index, index + 1})
}

func (x indexes) has(index int) bool {
	_, ok := slices.BinarySearchFunc(x, index, func(run [2]int, index int) int {
		switch {
		case index < run[0]:
			return 1
		case index >= run[1]:
			return -1
		}
		return 0
	})
	return ok
}

// append appends x to b: of each run how far it begins behind the one before, and its
// length, as varints.
func (x indexes) append(b []byte) []byte {
	end := 0
	for _, run := range x {
		b = binary.AppendUvarint(b, uint64(run[0]-end))    //nolint:gosec // ascending
		b = binary.AppendUvarint(b, uint64(run[1]-run[0])) //nolint:gosec // ascending
		end = run[1]
	}
	return b
}

// maxIndex bounds the places in a record, which is shorter.
const maxIndex = 1 << 31

// indexes reads the rest as what append wrote.
func (r *recordReader) indexes() (x indexes) {
	end := uint64(0)
	for len(r.rest) > 0 {
		from := end + min(r.uvarint(), maxIndex)
		end = from + min(r.uvarint(), maxIndex)
		if end > maxIndex {
			r.fail()
		}
		if r.err != nil {
			return nil
		}
		x = append(x, [2]int{int(from), int(end)}) //nolint:gosec // at most maxIndex
	}
	return x
}
