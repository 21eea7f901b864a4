package validate

import (
	"slices"

	"tallystick/internal/transfer"
)

// stepsMax is how long ways to choose parts are looked for: all choices among twelve.
const stepsMax = 1 << 13

// A partition is a search for parts that make up some bytes.
type partition[T any] struct {
	parts []T
	bytes func(T) transfer.Bytes
	fits  func(taken []T) bool // whether these can stand together; nil: any can

	taken  []T
	chosen []T
	found  int
	steps  int
}

// only returns the parts that make up just want, nil if there are none or several ways
// to choose them.
func (s *partition[T]) only(want transfer.Bytes) []T {
	s.search(0, want)
	if s.found != 1 || s.steps >= stepsMax {
		return nil
	}
	return s.chosen
}

func (s *partition[T]) search(from int, rest transfer.Bytes) {
	if s.steps++; s.steps >= stepsMax || s.found > 1 {
		return
	}
	if rest == (transfer.Bytes{}) {
		s.found++
		s.chosen = slices.Clone(s.taken)
		return
	}
	for i := from; i < len(s.parts); i++ {
		r := rest.Minus(s.bytes(s.parts[i]))
		if negative(r) {
			continue
		}
		s.taken = append(s.taken, s.parts[i])
		if s.fits == nil || s.fits(s.taken) {
			s.search(i+1, r)
		}
		s.taken = s.taken[:len(s.taken)-1]
	}
}

// negative reports whether there are less than no bytes of a kind.
func negative(b transfer.Bytes) bool { return b.Read < 0 || b.ReadV < 0 || b.Write < 0 }
