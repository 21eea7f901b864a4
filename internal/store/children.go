package store

import (
	"iter"
	"slices"
	"unsafe"

	"tallystick/internal/selector"
)

// pageLevels is how many children a page has at most. A server may have a million
// clients, and each new one moves those behind it: 4 KiB, not 8 MB.
const pageLevels = 512

const (
	childBytes = int64(unsafe.Sizeof((*level)(nil)))
	pageBytes  = int64(unsafe.Sizeof([]*level(nil)))
)

// children are the levels right below a level, by part, in pages that have at
// least one each.
type children struct {
	pages [][]*level
}

func compareChild(c *level, p selector.Part) int { return compareParts(c.part, p) }

// find returns the page and the place in it of the child with the part, or where
// it would be.
func (c *children) find(p selector.Part) (page, at int, ok bool) {
	if len(c.pages) == 0 {
		return 0, 0, false
	}
	if len(c.pages) > 1 {
		page, ok = slices.BinarySearchFunc(c.pages, p, func(page []*level, p selector.Part) int {
			return compareParts(page[0].part, p)
		})
		if ok {
			return page, 0, true
		}
		page = max(page-1, 0)
	}
	at, ok = slices.BinarySearchFunc(c.pages[page], p, compareChild)
	return page, at, ok
}

// get returns the child with the part, nil if there is none.
func (c *children) get(p selector.Part) *level {
	page, at, ok := c.find(p)
	if !ok {
		return nil
	}
	return c.pages[page][at]
}

// cost returns the bytes that insert with this page takes.
func (c *children) cost(page int) int64 {
	switch {
	case len(c.pages) == 0:
		return growth(c.pages)*pageBytes + growth[*level](nil)*childBytes
	case len(c.pages[page]) == pageLevels:
		return growth(c.pages)*pageBytes + pageLevels*childBytes
	}
	return growth(c.pages[page]) * childBytes
}

// insert adds a child where find said that it would be.
func (c *children) insert(page, at int, l *level) {
	if len(c.pages) == 0 {
		c.pages = insert(c.pages, 0, nil)
	}
	if old := c.pages[page]; len(old) == pageLevels {
		const half = pageLevels / 2
		behind := make([]*level, half, pageLevels)
		copy(behind, old[half:])
		clear(old[half:])
		c.pages[page] = old[:half]
		c.pages = insert(c.pages, page+1, behind)
		if at > half {
			page, at = page+1, at-half
		}
	}
	c.pages[page] = insert(c.pages[page], at, l)
}

// all yields the children, in order.
func (c *children) all() iter.Seq[*level] {
	return func(yield func(*level) bool) {
		for _, page := range c.pages {
			for _, l := range page {
				if !yield(l) {
					return
				}
			}
		}
	}
}

// some calls do with a stride of children, or a page more, from the part next on,
// and returns where to go on, if there are more. An empty next is the first.
func (c *children) some(next selector.Part, do func(*level)) (selector.Part, bool) {
	page, at := 0, 0
	if next != (selector.Part{}) {
		page, at, _ = c.find(next)
	}
	for n := 0; page < len(c.pages) && n < stride; page++ {
		for _, l := range c.pages[page][at:] {
			do(l)
			n++
		}
		at = 0
	}
	if page >= len(c.pages) {
		return next, false
	}
	return c.pages[page][0].part, true
}

// bytes returns the memory of c, without the children's own.
func (c *children) bytes() int64 {
	n := int64(cap(c.pages)) * pageBytes
	for _, page := range c.pages {
		n += int64(cap(page)) * childBytes
	}
	return n
}
