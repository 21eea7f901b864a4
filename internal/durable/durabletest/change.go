package durabletest

import (
	"bytes"
	"math/rand/v2"
	"slices"
)

// A change is a write at a place of a file, or cuts the file there.
type change struct {
	at   int64
	data []byte
	cut  bool

	durable  bool
	doubtful bool // an fsync of it failed: no later one says that it is durable
}

// A fate is what becomes of a change.
type fate int

const (
	lost  fate = iota
	whole      // made
	part       // some bytes in a row of a write
	zeros      // a file as long as a write made it, without what was written
	fates
)

// unsynced returns the changes that an fsync which begins now makes durable.
func (i *inode) unsynced() []*change {
	return slices.DeleteFunc(slices.Clone(i.changes), func(c *change) bool { return c.durable || c.doubtful })
}

// synced says how an fsync of changes ended. What failed may have been dropped by the
// kernel, which says so once.
func (i *inode) synced(changes []*change, ok bool) {
	for _, c := range changes {
		c.durable, c.doubtful = ok, !ok
	}
	for len(i.changes) > 0 && i.changes[0].durable {
		i.base = i.changes[0].apply(i.base, whole, nil)
		i.changes = i.changes[1:]
	}
}

// after returns what is in the file after a loss of power: what it was at some instant
// since the last fsync, the next change half done; or each change done or not.
func (i *inode) after(r *rand.Rand) []byte {
	b := bytes.Clone(i.base)
	until, inOrder := r.IntN(len(i.changes)+1), r.IntN(2) == 0
	for n, c := range i.changes {
		become := fate(r.IntN(int(fates)))
		switch {
		case c.durable, inOrder && n < until:
			become = whole
		case inOrder && n > until:
			become = lost
		}
		b = c.apply(b, become, r)
	}
	return b
}

// apply returns b after the change.
func (c *change) apply(b []byte, become fate, r *rand.Rand) []byte {
	switch {
	case become == lost:
		return b
	case c.cut:
		return grown(b, c.at)[:c.at]
	case become == zeros:
		return grown(b, c.at+int64(len(c.data)))
	case become == part:
		to := r.IntN(len(c.data) + 1)
		from := r.IntN(2) * r.IntN(to+1)
		return put(b, c.at+int64(from), c.data[from:to])
	}
	return put(b, c.at, c.data)
}

// put returns b with the data at a place of it.
func put(b []byte, at int64, data []byte) []byte {
	b = grown(b, at+int64(len(data)))
	copy(b[at:], data)
	return b
}

// grown returns b with zeros behind it, so that it is at least so long.
func grown(b []byte, size int64) []byte {
	return append(b, make([]byte, max(0, size-int64(len(b))))...)
}
