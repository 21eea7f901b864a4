package checkpoint

import "iter"

// A source is a sorted sequence, from which the next item is taken.
type source[T any] struct {
	next func() (T, bool)
	item T
	ok   bool
}

// merged yields the items of several sorted sequences in order. Of those that are the
// same it yields the one of the first sequence that has it, the newest, after join was
// called with it and each of the others, newest of them first. An item is good until
// the next one.
func merged[T any](from []iter.Seq[T], compare func(a, b T) int, join func(newer, older T)) iter.Seq[T] {
	return func(yield func(T) bool) {
		all := make([]*source[T], len(from))
		for i, seq := range from {
			next, stop := iter.Pull(seq)
			defer stop()
			all[i] = &source[T]{next: next}
			all[i].item, all[i].ok = next()
		}
		for {
			same := least(all, compare)
			if len(same) == 0 {
				return
			}
			for _, older := range same[1:] {
				join(same[0].item, older.item)
			}
			if !yield(same[0].item) {
				return
			}
			for _, s := range same {
				s.item, s.ok = s.next()
			}
		}
	}
}

// least returns the sources that have the least item.
func least[T any](all []*source[T], compare func(a, b T) int) (same []*source[T]) {
	for _, s := range all {
		if !s.ok {
			continue
		}
		c := -1
		if len(same) > 0 {
			c = compare(s.item, same[0].item)
		}
		switch {
		case c < 0:
			same = append(same[:0], s)
		case c == 0:
			same = append(same, s)
		}
	}
	return same
}
