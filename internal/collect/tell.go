package collect

import (
	"cmp"
	"slices"
	"strconv"

	"tallystick/internal/metric"
	"tallystick/internal/transfer"
)

func (c *Collector) tellOpen(l *life, t *transfer.Transfer, f *file, ripe instant) {
	if f.Open != nil && !f.OpenTold && f.Open.At <= ripe {
		f.OpenTold = true
		c.sample(t, metric.XrdOpens, f.Open.Within[1], 1)
		l.tally(tally{Until: f.Open.Within[1], Opens: 1})
	}
}

// tellProgress puts the bytes between one progress record and the next into the
// slot of the next: of all records up to the newest that is ripe, since an older
// one that arrived later belongs before it.
func (c *Collector) tellProgress(now instant, l *life, t *transfer.Transfer, f *file, ripe instant) {
	n := 0
	for i, p := range f.Xfr {
		if p.At <= ripe {
			n = i + 1
		}
	}
	for _, p := range f.Xfr[:n] {
		if c.tellBytes(l, t, f, p.End, p.Bytes) {
			l.Saw.Moved++
			c.changed(now, l)
			f.Points = transfer.Pass(f.Points, transfer.Point{At: p.End, Bytes: p.Bytes.Total()})
		}
	}
	f.Xfr = slices.Delete(f.Xfr, 0, n)
	c.size -= n
}

// tellBytes puts what was moved since the last time into the slot of at. Counts
// only grow: a record that says less than one before it has come too late. news
// tells that there were any.
func (c *Collector) tellBytes(l *life, t *transfer.Transfer, f *file, at int64, upTo transfer.Bytes) (news bool) {
	d := upTo.Minus(f.Told)
	if d.Read < 0 || d.ReadV < 0 || d.Write < 0 {
		c.stats.Late++
		return false
	}
	f.Told = upTo
	c.sample(t, metric.XrdReadBytes, at, d.Read)
	c.sample(t, metric.XrdReadVBytes, at, d.ReadV)
	c.sample(t, metric.XrdWriteBytes, at, d.Write)
	if d == (transfer.Bytes{}) {
		return false
	}
	l.tally(tally{Until: at, Bytes: d})
	return true
}

// tellClose tells what a close counts: without a close record what the t stream has of
// it.
func (c *Collector) tellClose(l *life, t *transfer.Transfer, f *file) {
	if f.Close == nil {
		if b, ok := f.Trace.counted(l.Asks); ok && f.Trace.CloseWithin.Known() {
			b.Write = max(b.Write, f.Told.Write)
			c.tellBytes(l, t, f, f.Trace.CloseWithin[1], b)
		}
		return
	}
	at := f.Close.Within[1]
	if f.CloseTold {
		return
	}
	f.CloseTold = true
	upTo := f.Close.Bytes
	written, _ := f.Close.written(f.Trace)
	upTo.Write = max(written, f.Told.Write)
	c.tellBytes(l, t, f, at, upTo)
	c.sample(t, metric.XrdCloses, at, 1)
	l.tally(tally{Until: at, Closes: 1, Empty: one(f.Close.empty(t, f.Moved)), Puts: one(f.Close.put(t))})
	if o := f.Close.Ops; o != nil {
		c.sample(t, metric.XrdReadOps, at, o.Read)
		c.sample(t, metric.XrdReadVOps, at, o.ReadV)
		c.sample(t, metric.XrdWriteOps, at, o.Write)
	}
}

func (c *Collector) sample(t *transfer.Transfer, name string, at, n int64) {
	if n != 0 {
		c.out.Sample(Sample{Site: t.Site, Server: t.Server, Client: t.Client, Metric: name, Time: at, Value: float64(n)})
	}
}

// transfer returns what is known of f but its bytes and its end. Without an open
// record it was opened somewhere between the start of the server and until.
func (l *life) transfer(f *file, until int64) *transfer.Transfer {
	s := &l.server.Server
	t := &transfer.Transfer{
		ID:   l.fileID(f.ID),
		Site: s.Site, Server: s.Name, Address: s.Address, Version: s.Version,
		Size: -1,
	}
	if until >= l.Stod {
		t.Opened = transfer.Interval{l.Stod, until}
	}
	if f.Map != nil {
		t.Path = string(f.Map.Path)
	}
	if o := f.Open; o != nil {
		t.Opened, t.Size, t.Writable, t.Path = o.Within, o.Size, o.Writable, cmp.Or(string(o.Path), t.Path)
	}
	o, _ := l.openerOf(f)
	o.tell(t)
	return t
}

// fileID returns the ID of a transfer. A server that sends no sid is named by
// where it sends from.
func (l *life) fileID(id uint32) string {
	b := make([]byte, 0, 48)
	if l.SID != 0 {
		b = strconv.AppendUint(b, l.SID, 10)
	} else {
		b = append(b, l.remote...)
	}
	b = strconv.AppendInt(append(b, '.'), l.Stod, 10)
	return string(strconv.AppendUint(append(b, '.'), uint64(id), 10))
}

// describe fills in how f ended and what its byte counts are worth.
func (f *file) describe(t *transfer.Transfer, ended bool) {
	t.Bytes, t.Progress = f.Told, slices.Clone(f.Points)
	f.Trace.tell(t)
	if f.Trace != nil {
		f.Trace.Since = 0
	}
	switch {
	case !ended:
		t.End, t.Quality = transfer.Open, transfer.LowerBound
	case f.Close != nil:
		f.Close.describe(t, f)
	default:
		f.describeCut(t)
	}
}

// describeCut fills in how f ended without a close record.
func (f *file) describeCut(t *transfer.Transfer) {
	traced := f.Trace != nil && f.Trace.Closed
	switch {
	case traced:
		t.End, t.Closed = transfer.Lost, f.Trace.CloseWithin
	case f.unopened() && f.Trace == nil:
		t.End = transfer.Unreported
	case f.Stopped:
		t.End = transfer.Stopped
	default:
		t.End = transfer.Lost
	}
	t.Quality = transfer.LostBytes
	if _, ok := f.Trace.counted(false); ok || f.Moved {
		t.Quality = transfer.LowerBound
	}
}
