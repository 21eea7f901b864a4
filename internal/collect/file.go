package collect

import (
	"cmp"
	"slices"

	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// A file is one open file: what came of its records so far, in whatever order.
// Its exported fields are what State keeps.
type file struct {
	ID    uint32
	Map   *mapping   `json:",omitempty"`
	Open  *opening   `json:",omitempty"`
	Xfr   []progress `json:",omitempty"` // not told yet, in order
	Close *closing   `json:",omitempty"`
	Trace *tracing   `json:",omitempty"`

	Heard     instant
	Moved     bool           // a progress record came
	OpenTold  bool           // the open is in the samples
	CloseTold bool           // the close and its operations are
	Told      transfer.Bytes // as far as they are in the samples

	Points []transfer.Point `json:",omitempty"` // of its progress records that are told

	// Of a file that has ended while its open or close record is missing: it is
	// kept for a while, so that a record that is very late still sets it right.
	Ended  instant `json:",omitzero"`
	Until  int64   `json:",omitempty"` // when it ended at the latest, in the server's time; 0: unknown
	Opener *opener `json:",omitempty"` // who opened it, once the session is forgotten

	Stopped bool `json:",omitempty"` // it was open when the server's life ended

	Missing transfer.Interval `json:",omitzero"` // when the open or close was sent that is told as lost; zero: none is

	name   *name
	ofName link
	ofUser link
	due    instant // when it is next looked at; 0: when something new comes

	room struct { // for what is pointed at above: nearly every file has it all
		mapping mapping
		opening opening
		closing closing
		tracing *tracing // of a file that had this memory before
	}
}

// A mapping is a d record.
type mapping struct {
	Text raw // of its name
	Path raw
}

// An opening is an open record.
type opening struct {
	At       instant // of arrival, as in the others
	Within   transfer.Interval
	Size     int64
	Writable bool
	User     uint32
	Path     raw
}

// A progress is an xfr record.
type progress struct {
	At    instant
	End   int64
	Bytes transfer.Bytes
}

// A closing is a close record.
type closing struct {
	At     instant
	Within transfer.Interval
	Bytes  transfer.Bytes // as the server told them
	Forced bool
	Ops    *transfer.Ops
	Detail *transfer.OpsDetail `json:",omitempty"`
	Paged  bool                // only pgwrites came: Bytes.Write has their checksums in it

	room operations
}

// operations are what a close counts of requests, in one piece of memory.
type operations struct {
	ops     transfer.Ops
	detail  transfer.OpsDetail
	squares transfer.Squares
}

// file returns the file with the given id, a new one if need be; nil without an
// error if it is finished.
func (c *Collector) file(now instant, l *life, id uint32) (*file, error) {
	if f := l.Files[id]; f != nil {
		f.Heard = now
		return f, nil
	}
	if l.done.Has(id) {
		c.stats.Late++
		return nil, nil
	}
	if !c.room(1) {
		return nil, ErrFull
	}
	c.speak(l, id)
	f := c.newFile()
	f.ID, f.Heard = id, now
	l.Files[id] = f
	return f, nil
}

// maxSpare is how many files that are finished keep their memory for others, some 800
// bytes each: about as many as a busy federation finishes in a second.
const maxSpare = 4096

// newFile returns a file of which nothing is known.
func (c *Collector) newFile() *file {
	n := len(c.spare)
	if n == 0 {
		return &file{}
	}
	f := c.spare[n-1]
	c.spare = c.spare[:n-1]
	return f
}

// reuse gives the memory of f, which nothing points to any more, to others.
func (c *Collector) reuse(f *file) {
	if len(c.spare) == maxSpare {
		return
	}
	t := cmp.Or(f.Trace, f.room.tracing)
	*f = file{}
	if t != nil {
		*t = tracing{}
		f.room.tracing = t
	}
	c.spare = append(c.spare, f)
}

// weight is what f counts against Config.Max.
func (f *file) weight() int {
	w := 1 + len(f.Xfr) + f.Trace.weight()
	if f.Map != nil {
		w += weigh(len(f.Map.Path)) - 1
	}
	if f.Open != nil {
		w += weigh(len(f.Open.Path)) - 1
	}
	return w
}

// mapFile takes a d record. A second one for the same id says the same, or lies.
func (c *Collector) mapFile(now instant, l *life, m *xrootd.Map) error {
	f, err := c.file(now, l, m.DictID)
	if f == nil || f.Map != nil {
		return err
	}
	n, err := c.name(l, m)
	if err != nil {
		return err
	}
	if !c.room(weigh(len(m.Rest)) - 1) {
		c.release(l, n)
		return ErrFull
	}
	f.room.mapping = mapping{n.Text, f.path(m.Rest)}
	f.Map = &f.room.mapping
	f.link(n)
	if u := l.userOf(f); u != nil {
		u.Heard = now
	}
	if l.Next != 0 || !f.Ended.IsZero() { // there may be nothing else to end it
		c.wake(l, f, now.Add(c.cfg.Hold))
	}
	return nil
}

// path returns the path b, which two records of a file have.
func (f *file) path(b []byte) raw {
	switch {
	case f.Map != nil && string(f.Map.Path) == string(b):
		return f.Map.Path
	case f.Open != nil && string(f.Open.Path) == string(b):
		return f.Open.Path
	}
	return raw(b)
}

// link notes that n is the name of f.
func (f *file) link(n *name) {
	f.name = n
	if f.Ended.IsZero() {
		n.files.add(&f.ofName, f)
	}
}

// record takes a record of an f datagram.
func (c *Collector) record(now instant, l *life, within transfer.Interval, r *xrootd.FileRecord) error {
	if r.Type == xrootd.FileDisc {
		return c.disconnect(now, l, r, within)
	}
	f, err := c.file(now, l, r.ID)
	if f == nil {
		return err
	}
	switch r.Type {
	case xrootd.FileOpen:
		err = c.open(now, l, f, within, r)
	case xrootd.FileXfr:
		err = c.progress(now, f, within[1], r)
	case xrootd.FileClose:
		c.closed(now, l, f, within, r)
	}
	c.wake(l, f, now.Add(c.cfg.Hold))
	return err
}

func (c *Collector) open(now instant, l *life, f *file, within transfer.Interval, r *xrootd.FileRecord) error {
	if f.Open != nil {
		return nil
	}
	if !c.room(weigh(len(r.LFN)) - 1) {
		return ErrFull
	}
	l.saw(r)
	c.foundRecord(l, f)
	f.room.opening = opening{now, within, r.Size, r.Writable, r.UserID, f.path(r.LFN)}
	f.Open = &f.room.opening
	f.Trace.sized(r.Size)
	if f.userless() {
		return nil
	}
	u, err := c.user(now, l, r.UserID)
	if err == nil && f.Ended.IsZero() {
		u.files.add(&f.ofUser, f)
	}
	return err
}

// openedBy returns the session that the open record tells, 0 if there is none.
func (f *file) openedBy() uint32 {
	if f.Open == nil {
		return 0
	}
	return f.Open.User
}

// userless reports whether there is no open record that tells the session.
func (f *file) userless() bool { return f.openedBy() == 0 }

// unopened reports whether there is a d record, and nothing else.
func (f *file) unopened() bool { return f.Open == nil && f.Close == nil && !f.Moved }

// maxProgress is how many progress records of one file wait at a time: one a
// second for a quarter of an hour that comes at once. Of more, the newest tell
// all that the others do but the slots in between.
const maxProgress = 1024

func (c *Collector) progress(now instant, f *file, end int64, r *xrootd.FileRecord) error {
	p := progress{now, end, bytesOf(r)}
	i, known := slices.BinarySearchFunc(f.Xfr, p, progress.compare)
	f.Moved = true
	if known {
		return nil
	}
	if !c.room(1) {
		return ErrFull
	}
	f.Xfr = slices.Insert(f.Xfr, i, p)
	if len(f.Xfr) > maxProgress {
		f.Xfr = slices.Delete(f.Xfr, 0, 1)
		c.size--
	}
	return nil
}

func (p progress) compare(q progress) int {
	return cmp.Or(cmp.Compare(p.End, q.End), cmp.Compare(p.Bytes.Total(), q.Bytes.Total()))
}

func (c *Collector) closed(now instant, l *life, f *file, within transfer.Interval, r *xrootd.FileRecord) {
	if f.Close != nil {
		return
	}
	l.saw(r)
	c.foundRecord(l, f)
	f.room.closing = closing{At: now, Within: within, Bytes: bytesOf(r), Forced: r.Forced}
	f.Close = &f.room.closing
	if r.HasOps {
		f.Close.count(&r.Ops)
	}
	if r.HasSSQ {
		q := &r.SSQ
		f.Close.room.squares = transfer.Squares{Read: q.Read, ReadV: q.ReadV, Segments: q.Segs, Write: q.Write}
		f.Close.Detail.Squares = &f.Close.room.squares
	}
}

func bytesOf(r *xrootd.FileRecord) transfer.Bytes {
	return transfer.Bytes{Read: r.Read, ReadV: r.ReadV, Write: r.Write}
}

// wake has f looked at, at the given time or sooner.
func (c *Collector) wake(l *life, f *file, at instant) {
	if f.due == 0 || at < f.due {
		f.due = at
		c.queue.push(at, l, dueFile, f.ID)
	}
}

// settleFile tells what has waited long enough.
func (c *Collector) settleFile(now instant, e entry) {
	l, f := e.life, e.life.Files[e.id]
	if f == nil || f.due != e.at {
		return
	}
	f.due = 0
	ripe := now.Add(-c.cfg.Hold)
	over := l.Next != 0 && f.Heard <= ripe
	if over || !f.Ended.IsZero() || f.Close != nil && f.Close.At <= ripe {
		c.finish(now, l, f, l.Next)
		return
	}
	if l.SID == 0 { // under its number of today it would be told twice
		c.wake(l, f, now.Add(c.cfg.Hold))
		return
	}
	t := l.transfer(f, l.Last)
	c.tellOpen(l, t, f, ripe)
	c.tellProgress(now, l, t, f, ripe)
	f.describe(t, false)
	c.out.Transfer(t)
	c.wakeAgain(l, f)
}

// wakeAgain has f looked at when the next of its records is ripe, or, in a life
// that has ended, when there are none.
func (c *Collector) wakeAgain(l *life, f *file) {
	first, ok := f.waiting()
	switch {
	case ok:
		c.wake(l, f, first.Add(c.cfg.Hold))
	case l.Next != 0:
		c.wake(l, f, f.Heard.Add(c.cfg.Hold))
	}
}

// waiting returns the arrival of the oldest record that is not told.
func (f *file) waiting() (first instant, ok bool) {
	look := func(t instant) {
		if !ok || t < first {
			first, ok = t, true
		}
	}
	if f.Open != nil && !f.OpenTold {
		look(f.Open.At)
	}
	for _, p := range f.Xfr {
		look(p.At)
	}
	if f.Close != nil && !f.CloseTold {
		look(f.Close.At)
	}
	if f.Trace != nil && !f.Trace.Since.IsZero() && !f.Ended.IsZero() { // of an open file it can wait for the end
		look(f.Trace.Since)
	}
	return first, ok
}

// finish tells everything about f, which ended until then in the server's time,
// 0 if that is unknown. If nothing can come any more, that it is finished is all
// that is remembered.
func (c *Collector) finish(now instant, l *life, f *file, until int64) {
	switch {
	case f.Close != nil:
		until = f.Close.Within[1]
	case !f.Ended.IsZero():
		until = f.Until
	}
	if f.Ended.IsZero() {
		f.Stopped = l.Next != 0 && !l.left(f)
		c.missRecord(l, f, until)
	}
	t := l.transfer(f, until)
	always := f.Heard // nothing arrived later
	counted := f.OpenTold && !f.Ended.IsZero()
	c.tellOpen(l, t, f, always)
	c.tellProgress(now, l, t, f, always)
	c.tellClose(l, t, f)
	if f.OpenTold && !counted {
		l.tally(tally{Until: cmp.Or(until, l.Last), Ends: 1})
	}
	f.describe(t, true)
	c.out.Transfer(t)
	if f.Open != nil && f.Close != nil && l.witnessed(f) || !c.keep(now, l, f, until) {
		c.forget(l, f)
	}
}

// keep holds on to f, which has ended with a record missing, unless no such
// record is to be expected, or an eighth of all that may be held is such files.
func (c *Collector) keep(now instant, l *life, f *file, until int64) bool {
	first := f.Ended.IsZero()
	if first && (l.Saw.Closes == 0 && !l.traces() || c.ended >= c.cfg.Max/8) {
		return false
	}
	l.freeze(f)
	c.unlink(l, f)
	f.due, f.Ended, f.Until = 0, now, until
	if first {
		c.ended++
	}
	return true
}

// unlink takes f out of its session and its name.
func (c *Collector) unlink(l *life, f *file) {
	f.ofUser.remove()
	f.ofName.remove()
	if f.name != nil {
		c.release(l, f.name)
	}
}

// forget remembers no more of f than that it is finished.
func (c *Collector) forget(l *life, f *file) {
	c.unlink(l, f)
	c.size -= f.weight()
	if !f.Ended.IsZero() {
		c.ended--
	}
	l.done.Add(f.ID)
	delete(l.Files, f.ID)
	c.reuse(f)
}

// missRecord tells of the open or close of f, which ends, that surely was sent and did
// not come: a session's end comes behind the closes in it, and a close behind its open.
func (c *Collector) missRecord(l *life, f *file, until int64) {
	switch {
	case f.Close != nil && f.Open == nil && l.IDs.First != 0 && f.ID > l.IDs.First:
		f.Missing = transfer.Interval{l.Stod, f.Close.Within[1]}
	case f.Open != nil && f.Close == nil && l.Saw.Closes > 0 && l.left(f):
		f.Missing = transfer.Interval{f.Open.Within[0], until}
	default:
		return
	}
	c.loss(l, transfer.Records, 1, f.Missing)
}

// foundRecord takes back what missRecord told of f.
func (c *Collector) foundRecord(l *life, f *file) {
	if f.Missing.Known() {
		c.loss(l, transfer.Records, -1, f.Missing)
		f.Missing = transfer.Interval{}
	}
}
