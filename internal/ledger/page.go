package ledger

import (
	"iter"
	"math"
	"slices"
	"sync"
)

// all returns a walk over the group's entries that q selects and match accepts.
func all[T any](mu *sync.RWMutex, t *table[T], group string, q *query, match func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		at, left := q.start(), q.Limit
		for more := true; more; {
			var page []T
			page, at, more = readPage(mu, t, group, at, q, match)
			for _, v := range page {
				if !yield(v) {
					return
				}
				if left--; left == 0 {
					return
				}
			}
		}
	}
}

// start returns the place after which q's answer begins.
func (q *query) start() key {
	if q.After == (Cursor{}) {
		return key{at: math.Inf(-1)}
	}
	return key{q.After.opened, q.After.id}
}

// readPage reads what q selects of the pageMax entries after the place at. next
// is the place of the last of them, more whether there may be any after it.
func readPage[T any](
	mu *sync.RWMutex, t *table[T], group string, at key, q *query, match func(T) bool,
) (page []T, next key, more bool) {
	mu.RLock()
	defer mu.RUnlock()
	x := t.group(group)
	if x == nil {
		return nil, at, false
	}
	seen := 0
	x.walk(at, q.from, func(e *entry[T]) bool {
		if e.opened >= q.to {
			return false
		}
		if seen == pageMax {
			more = true
			return false
		}
		seen++
		at = byOpened(e)
		if match(e.val) {
			page = append(page, e.val)
		}
		return q.Limit == 0 || len(page) < q.Limit
	})
	return page, at, more
}

// collect returns everything that s gives, not nil.
func collect[T any](s iter.Seq[T]) []T { return slices.AppendSeq([]T{}, s) }
