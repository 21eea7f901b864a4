package collect

import (
	"math"
	"strings"

	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// count takes the operations of a close record.
func (c *closing) count(o *xrootd.FileOps) {
	c.room.ops = transfer.Ops{Read: int64(o.Read), ReadV: int64(o.ReadV), ReadVSegments: o.Segs, Write: int64(o.Write)}
	c.room.detail = transfer.OpsDetail{
		Read: rangeOf(o.ReadMin, o.ReadMax), ReadV: rangeOf(o.ReadVMin, o.ReadVMax),
		Segments: transfer.Range{Min: int64(o.SegsMin), Max: int64(o.SegsMax)}, Write: rangeOf(o.WriteMin, o.WriteMax),
	}
	c.Ops, c.Detail = &c.room.ops, &c.room.detail
	c.Paged = o.WriteMin == math.MaxInt32 && c.Bytes.Write > 0
}

func rangeOf(least, most int32) transfer.Range {
	return transfer.Range{Min: int64(least), Max: int64(most)}
}

// mixed reports whether page writes came beside others: the others alone cannot add up
// to so much.
func (c *closing) mixed() bool {
	return c.Ops != nil && c.Ops.Write > 0 && !c.Paged && c.Bytes.Write > c.Ops.Write*c.Detail.Write.Max
}

// written returns how many bytes were written, and what that is worth: servers count
// the checksums of page writes (XROOTD.md fact 5). The t stream has the place of each.
func (c *closing) written(w *tracing) (int64, transfer.Quality) {
	told := c.Bytes.Write
	switch {
	case c.Paged && w != nil && w.whole() && w.Write == told && w.Writes == c.Ops.Write:
		return told - w.Checksums, transfer.Corrected
	case c.Paged:
		if n, ok := transfer.PageBytes(told, c.Ops.Write); ok {
			return n, transfer.Corrected
		}
		return transfer.FewestPageBytes(told, c.Ops.Write), transfer.LowerBound
	case c.mixed():
		return transfer.FewestPageBytes(told, c.Ops.Write), transfer.LowerBound
	}
	return told, transfer.Exact
}

// pastEnd reports whether a read surely went beyond the end of a file of that size,
// which nobody wrote to: servers count what was asked for (XROOTD.md fact 6).
func (c *closing) pastEnd(size int64) bool {
	if c.Ops == nil || size < 0 || c.Bytes.Write > 0 {
		return false
	}
	return c.Detail.Read.Max > size || c.Ops.Read == 1 && c.Bytes.Read > size
}

// uncounted reports whether the client surely asked for more than was counted, as of
// reads that the server does in the background (XROOTD.md fact 3).
func (c *closing) uncounted(w *tracing) bool {
	if w == nil || !w.whole() || c.Ops == nil || w.ReadVs != c.Ops.ReadV || w.ReadV != c.Bytes.ReadV {
		return false // else what looks like reads may be pieces of a vector read
	}
	return w.bytes().Read-w.PastEnd > c.Bytes.Read
}

// operations returns copies of what c counts of requests: a transfer belongs to the one
// who is told.
func (c *closing) operations() (*transfer.Ops, *transfer.OpsDetail) {
	o := &operations{ops: *c.Ops, detail: *c.Detail}
	if q := c.Detail.Squares; q != nil {
		o.squares = *q
		o.detail.Squares = &o.squares
	}
	return &o.ops, &o.detail
}

// describe fills in how f was closed, and what its byte counts are worth. What a
// client moved by page reads and writes up to being killed is in no record (XROOTD.md
// fact 2), so a forced close that counts nothing says nothing. HTTP has no such requests.
func (c *closing) describe(t *transfer.Transfer, f *file) {
	t.Closed, t.End, t.Bytes = c.Within, transfer.Closed, c.Bytes
	if f.Trace != nil && f.Trace.Closed {
		t.Closed = t.Closed.And(f.Trace.CloseWithin)
	}
	if c.Ops != nil {
		t.Ops, t.OpsDetail = c.operations()
	}
	t.Bytes.Write, t.Quality = c.written(f.Trace)
	if raw := c.Bytes; t.Bytes != raw {
		t.Raw = &raw
	}
	past := c.pastEnd(t.Size) || c.Bytes.Write == 0 && f.Trace != nil && f.Trace.PastEnd > 0
	switch {
	case c.empty(t, f.Moved):
		t.End, t.Quality = transfer.Forced, transfer.Unknown
	case c.Forced:
		t.End, t.Quality = transfer.Forced, transfer.LowerBound
	case t.Quality == transfer.LowerBound:
	case c.uncounted(f.Trace):
		t.Quality = transfer.LowerBound
	case past:
		t.Quality = transfer.Requested
	}
}

// overHTTP reports whether t was made through HTTP.
func overHTTP(t *transfer.Transfer) bool { return strings.HasPrefix(t.Protocol, "http") }
