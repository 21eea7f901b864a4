package collect

import (
	"cmp"
	"slices"

	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// A tracing is what the t stream says of a file. Its entries come in packets of the
// session, with requests, and once more, without, in packets of all sessions where a
// server is configured so (XROOTD.md fact 11); packets come in any order, twice, or not
// at all. So it holds only sums, and which packets are in them.
type tracing struct {
	Packets []uint64 `json:",omitempty"` // hashes, sorted
	Since   instant  `json:",omitzero"`  // when the first came that is not told; zero: all are
	Broken  bool     `json:",omitempty"` // there were too many packets, and some are not in

	Opened, Closed bool              `json:",omitempty"`
	Size           int64             // at open; -1: unknown
	OpenWithin     transfer.Interval // zero: unknown
	CloseWithin    transfer.Interval
	Totals         transfer.Totals // of the close

	// Requests. The segments of a readu come as reads behind it, maybe in the next
	// packet: they are taken off when all is in.
	Read, ReadV, Write    int64 // bytes
	Reads, ReadVs, Writes int64
	Segments, Apart       int64 // of vector reads; of these, those that come as reads
	ApartBytes            int64
	Checksums             int64     // among Write, if all are page writes
	PastEnd               int64     // bytes of reads beyond Size
	Unsized               []reach   `json:",omitempty"` // reads before Size was known, those that reach furthest
	first                 [2]uint64 // room for Packets
	packet                uint64    // the packet at hand
	fresh                 bool      // it was not in before
}

// A reach is how far a read goes.
type reach struct{ End, Len int64 }

const (
	// maxTraced is how many packets of one file are told apart: a million requests.
	maxTraced = 1024
	// tracedWeight is how many of them count as one against Config.Max.
	tracedWeight = 32
	// maxUnsized is how many reads of a file wait for its size at most. Those that are
	// dropped end before those that are not.
	maxUnsized = 64
	// enough is how many files must have been traced for it to be sure that a server
	// traces no requests.
	enough = 256
)

// takeTrace takes a t datagram.
func (c *Collector) takeTrace(now instant, l *life, hash uint64) (err error) {
	c.packets++
	var within transfer.Interval
	var last uint32 // the file of the entry before, as of most
	var t *tracing
	for i := range c.gram.Trace.Entries {
		e := &c.gram.Trace.Entries[i]
		switch e.Type() {
		case xrootd.TraceWindow:
			within = windowAt(c.gram.Trace.Entries[i:])
			continue
		case xrootd.TraceOpen, xrootd.TraceClose, xrootd.TraceRead, xrootd.TraceReadV, xrootd.TraceReadU:
		default:
			continue
		}
		if id := e.ID(); id != last {
			var full error
			if t, full = c.tracing(now, l, id, hash); full != nil {
				err = full
			}
			last = id
		}
		switch e.Type() {
		case xrootd.TraceOpen:
			l.sawTraced(last, t != nil)
		case xrootd.TraceRead, xrootd.TraceReadV, xrootd.TraceReadU:
			l.Asks = true
		}
		if t != nil {
			t.entry(e, within)
		}
	}
	return err
}

// windowAt returns when what is behind the window entry that entries begin with
// happened, up to the next: a server looks at its clock when a window ends, which it
// does by whole seconds and maybe a little late. Zero: unknown.
func windowAt(entries []xrootd.TraceEntry) transfer.Interval {
	from := entries[0].Begin()
	if from == 0 {
		return transfer.Interval{}
	}
	for i := 1; i < len(entries); i++ {
		if e := &entries[i]; e.Type() == xrootd.TraceWindow {
			if e.PrevEnd() < from {
				break
			}
			return transfer.Interval{from, e.PrevEnd() + 1}
		}
	}
	return transfer.Interval{}
}

// sawTraced counts an open of the t stream; fresh tells that its packet is new.
func (l *life) sawTraced(id uint32, fresh bool) {
	if l.traced.Add(id) {
		l.Saw.Traced++
	} else if fresh {
		l.Saw.Twice++
	}
}

// tracing returns what is traced of a file, nil if the packet at hand is in it or the
// file is finished.
func (c *Collector) tracing(now instant, l *life, id uint32, hash uint64) (*tracing, error) {
	f, err := c.file(now, l, id)
	if f == nil || id == 0 {
		return nil, err
	}
	if f.Trace == nil || f.Trace.packet != c.packets {
		if err := c.beginTrace(now, l, f, hash); err != nil {
			return nil, err
		}
	}
	if !f.Trace.fresh {
		return nil, nil
	}
	return f.Trace, nil
}

// beginTrace puts the packet at hand into what is traced of f, if it is not in it.
func (c *Collector) beginTrace(now instant, l *life, f *file, hash uint64) error {
	if f.Trace == nil {
		f.trace()
	}
	t := f.Trace
	i, known := slices.BinarySearch(t.Packets, hash)
	t.packet, t.fresh = c.packets, !known && len(t.Packets) < maxTraced
	if known {
		return nil
	}
	if !t.fresh {
		t.Broken = true
		return nil
	}
	if len(t.Packets)%tracedWeight == 0 && !c.room(1) {
		t.fresh = false
		return ErrFull
	}
	t.Packets = slices.Insert(t.Packets, i, hash)
	if t.Since.IsZero() {
		t.Since = now
	}
	if l.Next != 0 || !f.Ended.IsZero() { // there may be nothing else to tell it
		c.wake(l, f, now.Add(c.cfg.Hold))
	}
	return nil
}

// trace begins what is traced of f.
func (f *file) trace() {
	t := f.room.tracing
	if t == nil {
		t = new(tracing)
	}
	t.Size, t.Packets = -1, t.first[:0]
	if f.Open != nil {
		t.Size = f.Open.Size
	}
	f.Trace, f.room.tracing = t, nil
}

// weight is what t counts against Config.Max.
func (t *tracing) weight() int {
	if t == nil {
		return 0
	}
	return (len(t.Packets) + tracedWeight - 1) / tracedWeight
}

func (t *tracing) entry(e *xrootd.TraceEntry, within transfer.Interval) {
	switch e.Type() {
	case xrootd.TraceOpen:
		t.Opened = true
		t.OpenWithin = both(t.OpenWithin, within)
		t.sized(e.Size())
	case xrootd.TraceClose:
		t.Closed = true
		t.CloseWithin = both(t.CloseWithin, within)
		read, write := e.Totals()
		t.Totals = transfer.Totals{Read: int64(read), Write: int64(write)}
	case xrootd.TraceRead:
		t.request(e)
	case xrootd.TraceReadU:
		t.Apart += int64(e.Segs())
		t.ApartBytes += e.Len()
		fallthrough
	case xrootd.TraceReadV:
		t.ReadVs++
		t.ReadV += e.Len()
		t.Segments += int64(e.Segs())
	}
}

// both returns when what two packets tell of happened: the same in either order.
func both(i, j transfer.Interval) transfer.Interval {
	if i.Known() && j.Known() && (i[1] < j[0] || j[1] < i[0]) {
		return transfer.Interval{min(i[0], j[0]), max(i[1], j[1])}
	}
	return i.And(j)
}

func (t *tracing) request(e *xrootd.TraceEntry) {
	offset, n := e.Offset(), e.Len()
	if e.Write() {
		t.Writes++
		t.Write += n
		t.Checksums += transfer.PageChecksums(offset, n)
		return
	}
	t.Reads++
	t.Read += n
	t.reach(reach{offset + n, n})
}

// reach adds what r asks for beyond the end of the file.
func (t *tracing) reach(r reach) {
	switch {
	case t.Size < 0:
		i, _ := slices.BinarySearchFunc(t.Unsized, r, reach.compare)
		t.Unsized = slices.Insert(t.Unsized, i, r)
		if len(t.Unsized) > maxUnsized {
			t.Unsized = slices.Delete(t.Unsized, 0, 1)
		}
	case r.End > t.Size:
		t.PastEnd += min(r.Len, r.End-t.Size)
	}
}

func (r reach) compare(s reach) int {
	return cmp.Or(cmp.Compare(r.End, s.End), cmp.Compare(r.Len, s.Len))
}

// sized takes the size of the file.
func (t *tracing) sized(size int64) {
	if t == nil || t.Size >= 0 || size < 0 {
		return
	}
	t.Size = size
	for _, r := range t.Unsized {
		t.reach(r)
	}
	t.Unsized = nil
}

// bytes returns what was asked for.
func (t *tracing) bytes() transfer.Bytes {
	return transfer.Bytes{Read: max(0, t.Read-t.ApartBytes), ReadV: t.ReadV, Write: t.Write}
}

// whole reports whether nothing contradicts that all entries are in.
func (t *tracing) whole() bool { return !t.Broken && t.Reads >= t.Apart && t.Read >= t.ApartBytes }

// trace returns t as it is told.
func (t *tracing) trace() *transfer.Trace {
	out := &struct { // in one piece of memory
		transfer.Trace

		totals transfer.Totals
	}{transfer.Trace{
		Bytes:    t.bytes(),
		Ops:      transfer.Ops{Read: max(0, t.Reads-t.Apart), ReadV: t.ReadVs, ReadVSegments: t.Segments, Write: t.Writes},
		PastEnd:  t.PastEnd,
		Complete: t.Opened && t.Closed && t.whole(),
	}, t.Totals}
	if t.Closed {
		out.Totals = &out.totals
	}
	return &out.Trace
}

// counted returns what the server counted, by the close entry, if it is certain how
// much of it is of which kind: if the requests add up to it. asks tells that the server
// traces requests.
func (t *tracing) counted(asks bool) (b transfer.Bytes, ok bool) {
	if t == nil || !t.Closed {
		return b, false
	}
	b = t.bytes()
	b.Write = t.written(asks)
	switch {
	case t.Totals.Read == 0:
		b.Read, b.ReadV = 0, 0
	case !t.whole() || b.Read+b.ReadV != t.Totals.Read:
		return b, false
	}
	return b, b != transfer.Bytes{} // of nothing it is not certain that it was counted (XROOTD.md fact 2)
}

// written returns the least that was written: the checksums of page writes are counted (XROOTD.md
// fact 5), and only a close record tells which writes were such.
func (t *tracing) written(asks bool) int64 {
	ops := t.Writes
	switch {
	case t.whole() && t.Write == t.Totals.Write:
		return t.Write - t.Checksums
	case asks: // a request that did not come: one at least
		ops = max(1, ops)
	}
	return transfer.FewestPageBytes(t.Totals.Write, ops)
}

// tell puts what is traced of a file into x.
func (t *tracing) tell(x *transfer.Transfer) {
	if t == nil {
		return
	}
	x.Trace = t.trace()
	if x.Size < 0 {
		x.Size = t.Size
	}
	if t.Opened {
		x.Opened = x.Opened.And(t.OpenWithin)
	}
}

// traces reports whether something came in the t stream of l.
func (l *life) traces() bool { return l.Asks || l.Saw.Traced > 0 }

// witnessed reports whether nothing more is to be expected of the t stream about f,
// whose close record came.
func (l *life) witnessed(f *file) bool {
	t := f.Trace
	switch {
	case !l.traces():
		return true
	case t == nil || !t.Opened || !t.Closed:
		return false
	case !l.Asks && l.Saw.Traced > enough:
		return true
	}
	asked, told := t.bytes(), f.Close.Bytes
	return !f.Close.Forced && asked.Read >= told.Read && asked.ReadV >= told.ReadV && asked.Write >= told.Write
}
