package collect

import "iter"

// links are the files of a session or name, in the order in which they were added. A
// file comes and goes in constant time, and without memory of its own for it.
type links struct{ first, last *link }

// A link is the place of a file in links.
type link struct {
	file       *file
	in         *links // nil: it is in none
	prev, next *link
}

func (l *links) empty() bool { return l.first == nil }

// add puts k's file in l, unless it is in some already.
func (l *links) add(k *link, f *file) {
	if k.in != nil {
		return
	}
	*k = link{file: f, in: l, prev: l.last}
	if l.last == nil {
		l.first = k
	} else {
		l.last.next = k
	}
	l.last = k
}

// remove takes k's file out again.
func (k *link) remove() {
	l := k.in
	if l == nil {
		return
	}
	if k.prev == nil {
		l.first = k.next
	} else {
		k.prev.next = k.next
	}
	if k.next == nil {
		l.last = k.prev
	} else {
		k.next.prev = k.prev
	}
	*k = link{}
}

// all yields the files. The one at hand may be taken out meanwhile.
func (l *links) all() iter.Seq[*file] {
	return func(yield func(*file) bool) {
		for k := l.first; k != nil; {
			next := k.next
			if !yield(k.file) {
				return
			}
			k = next
		}
	}
}
