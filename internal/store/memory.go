package store

import "sync/atomic"

// A memory counts bytes against a cap.
type memory struct {
	max     int64 // 0 = none
	used    atomic.Int64
	refused atomic.Int64 // how often
}

// reserve is what part of the cap only give takes from: counts that change while a checkpoint
// is written are copied, whatever there is.
const reserve = 50

// take counts n more bytes, unless they do not fit.
func (m *memory) take(n int64) bool {
	for {
		used := m.used.Load()
		if m.max > 0 && used+n > m.max-m.max/reserve {
			m.refused.Add(1)
			return false
		}
		if m.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

// give counts n bytes less, or more if n is negative: those cannot be refused.
func (m *memory) give(n int64) { m.used.Add(-n) }

// room returns the capacity that a full slice of length n grows to: in small
// steps, because most series have few blocks and most levels few series.
func room(n int) int { return n + n/4 + 1 }

// growth returns how many elements s must get capacity for before one is added.
func growth[T any](s []T) int64 {
	if len(s) < cap(s) {
		return 0
	}
	return int64(room(len(s)) - len(s))
}

// insert returns s with v at i. It grows by what growth says, where append
// would choose for itself: the cap on memory must know before.
func insert[T any](s []T, i int, v T) []T {
	if len(s) == cap(s) {
		t := make([]T, len(s), room(len(s)))
		copy(t, s)
		s = t
	}
	s = s[:len(s)+1]
	copy(s[i+1:], s[i:])
	s[i] = v
	return s
}

// fit returns s, without its spare capacity if most of it is spare.
func fit[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	if cap(s) < 8 || cap(s) < 2*len(s) {
		return s
	}
	t := make([]T, len(s))
	copy(t, s)
	return t
}
