package collect

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"tallystick/internal/metric"
	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// A file is one open file: what came of its records so far, in whatever order.
// Its fields are what State keeps.
type file struct {
	ID    uint32
	Map   *mapping   `json:",omitempty"`
	Open  *opening   `json:",omitempty"`
	Xfr   []progress `json:",omitempty"` // not told yet
	Close *closing   `json:",omitempty"`

	Heard    time.Time
	Moved    bool           // a progress record came
	OpenTold bool           // the open is in the samples
	Told     transfer.Bytes // as far as they are in the samples

	due time.Time // when it is next looked at; zero: when something new comes
}

// A mapping is a d record.
type mapping struct {
	Text string // user id as sent
	Who  who
	Path string
}

// An opening is an open record.
type opening struct {
	At       time.Time // of arrival, as in the others
	Within   transfer.Interval
	Size     int64
	Writable bool
	User     uint32
	Path     string
}

// A progress is an xfr record.
type progress struct {
	At    time.Time
	End   int64
	Bytes transfer.Bytes
}

// A closing is a close record.
type closing struct {
	At     time.Time
	Within transfer.Interval
	Bytes  transfer.Bytes
	Forced bool
	Ops    *transfer.Ops
	Paged  bool // only pgwrites came: Bytes.Write has their checksums in it
}

// file returns the file with the given id, a new one if need be; nil without an
// error if it is finished.
func (c *Collector) file(now time.Time, l *life, id uint32) (*file, error) {
	if f := l.Files[id]; f != nil {
		f.Heard = now
		return f, nil
	}
	if l.done.Contains(id) {
		c.stats.Late++
		return nil, nil
	}
	if !c.room() {
		return nil, ErrFull
	}
	f := &file{ID: id, Heard: now}
	l.Files[id] = f
	if l.Next != 0 { // nothing but this record will end it
		c.wake(l, f, now.Add(c.cfg.Hold))
		c.queue.push(entry{now.Add(c.cfg.Hold), l, dueEnd, 0})
	}
	return f, nil
}

// mapFile takes a d record.
func (c *Collector) mapFile(now time.Time, l *life, m *xrootd.Map) error {
	f, err := c.file(now, l, m.DictID)
	if f != nil {
		f.Map = &mapping{Text: string(m.RawUser), Who: whoIs(&m.User), Path: string(m.Rest)}
		l.index(f)
	}
	return err
}

func (f *file) open(now time.Time, within transfer.Interval, r *xrootd.FileRecord) {
	if f.Open == nil {
		f.Open = &opening{now, within, r.Size, r.Writable, r.UserID, string(r.LFN)}
	}
}

// maxProgress is how many progress records of one file wait at a time: one a
// second for as long as records are commonly held. Of more, the newest tell all
// that the others do but the slots in between.
const maxProgress = 64

func (f *file) progress(now time.Time, end int64, r *xrootd.FileRecord) {
	p := progress{now, end, bytesOf(r)}
	for _, q := range f.Xfr {
		if q.End == p.End && q.Bytes == p.Bytes {
			return
		}
	}
	f.Moved = true
	f.Xfr = append(f.Xfr, p)
	if len(f.Xfr) > maxProgress {
		slices.SortFunc(f.Xfr, progress.compare)
		f.Xfr = slices.Delete(f.Xfr, 0, 1)
	}
}

func (p progress) compare(q progress) int {
	return cmp.Or(cmp.Compare(p.End, q.End), cmp.Compare(p.Bytes.Total(), q.Bytes.Total()))
}

func (f *file) closed(now time.Time, within transfer.Interval, r *xrootd.FileRecord) {
	if f.Close != nil {
		return
	}
	f.Close = &closing{At: now, Within: within, Bytes: bytesOf(r), Forced: r.Forced}
	if r.HasOps {
		o := &r.Ops
		f.Close.Ops = &transfer.Ops{
			Read: int64(o.Read), ReadV: int64(o.ReadV), ReadVSegments: o.Segs, Write: int64(o.Write),
		}
		f.Close.Paged = o.WriteMin == math.MaxInt32 && r.Write > 0
	}
}

func bytesOf(r *xrootd.FileRecord) transfer.Bytes {
	return transfer.Bytes{Read: r.Read, ReadV: r.ReadV, Write: r.Write}
}

// index notes whose file f is.
func (l *life) index(f *file) {
	if f.Open != nil && f.Open.User != 0 {
		put(l.byUser, f.Open.User, f.ID)
	}
	if f.Map != nil {
		put(l.byText, f.Map.Text, f.ID)
	}
}

func (l *life) unindex(f *file) {
	if f.Open != nil {
		take(l.byUser, f.Open.User, f.ID)
	}
	if f.Map != nil {
		take(l.byText, f.Map.Text, f.ID)
	}
}

func put[K comparable](m map[K]map[uint32]bool, k K, id uint32) {
	if m[k] == nil {
		m[k] = map[uint32]bool{}
	}
	m[k][id] = true
}

func take[K comparable](m map[K]map[uint32]bool, k K, id uint32) {
	delete(m[k], id)
	if len(m[k]) == 0 {
		delete(m, k)
	}
}

// wake has f looked at, at the given time or sooner.
func (c *Collector) wake(l *life, f *file, at time.Time) {
	if f.due.IsZero() || at.Before(f.due) {
		f.due = at
		c.queue.push(entry{at, l, dueFile, f.ID})
	}
}

// settleFile tells what has waited long enough.
func (c *Collector) settleFile(now time.Time, e entry) {
	l, f := e.life, e.life.Files[e.id]
	if f == nil || !f.due.Equal(e.at) {
		return
	}
	f.due = time.Time{}
	ripe := now.Add(-c.cfg.Hold)
	if f.Close != nil && !f.Close.At.After(ripe) {
		c.finish(l, f, f.Close.Within[1])
		return
	}
	t := l.transfer(f, l.Last)
	f.describeEnd(t, false)
	c.tellOpen(t, f, ripe)
	c.tellProgress(t, f, ripe)
	t.Bytes = f.Told
	c.out.Transfer(t)
	if first, ok := f.waiting(); ok {
		c.wake(l, f, first.Add(c.cfg.Hold))
	}
}

// waiting returns the arrival of the oldest record that is not told.
func (f *file) waiting() (first time.Time, ok bool) {
	look := func(t time.Time) {
		if !ok || t.Before(first) {
			first, ok = t, true
		}
	}
	if f.Open != nil && !f.OpenTold {
		look(f.Open.At)
	}
	for _, p := range f.Xfr {
		look(p.At)
	}
	if f.Close != nil {
		look(f.Close.At)
	}
	return first, ok
}

func (c *Collector) tellOpen(t *transfer.Transfer, f *file, ripe time.Time) {
	if f.Open != nil && !f.OpenTold && !f.Open.At.After(ripe) {
		f.OpenTold = true
		c.sample(t, metric.XrdOpens, f.Open.Within[1], 1)
	}
}

// tellProgress puts the bytes between one progress record and the next into the
// slot of the next: of all records up to the newest that is ripe, since an older
// one that arrived later belongs before it.
func (c *Collector) tellProgress(t *transfer.Transfer, f *file, ripe time.Time) {
	slices.SortFunc(f.Xfr, progress.compare)
	n := 0
	for i, p := range f.Xfr {
		if !p.At.After(ripe) {
			n = i + 1
		}
	}
	for _, p := range f.Xfr[:n] {
		c.tellBytes(t, f, p.End, p.Bytes)
	}
	f.Xfr = slices.Delete(f.Xfr, 0, n)
}

// tellBytes puts what was moved since the last time into the slot of at. Counts
// only grow: a record that says less than one before it has come too late.
func (c *Collector) tellBytes(t *transfer.Transfer, f *file, at int64, upTo transfer.Bytes) {
	d := upTo.Minus(f.Told)
	if d.Read < 0 || d.ReadV < 0 || d.Write < 0 {
		c.stats.Late++
		return
	}
	f.Told = upTo
	c.sample(t, metric.XrdReadBytes, at, d.Read)
	c.sample(t, metric.XrdReadVBytes, at, d.ReadV)
	c.sample(t, metric.XrdWriteBytes, at, d.Write)
}

// finish tells everything about f, which ended until then in the server's time,
// and remembers no more than that it is finished. An until of 0 is unknown.
func (c *Collector) finish(l *life, f *file, until int64) {
	t := l.transfer(f, until)
	f.describeEnd(t, true)
	always := f.Heard // nothing arrived later
	c.tellOpen(t, f, always)
	c.tellProgress(t, f, always)
	t.Bytes = f.Told
	if f.Close != nil {
		c.tellClose(t, f)
	}
	c.out.Transfer(t)
	l.done.Add(f.ID)
	l.unindex(f)
	delete(l.Files, f.ID)
	c.size--
}

func (c *Collector) tellClose(t *transfer.Transfer, f *file) {
	at := f.Close.Within[1]
	c.tellBytes(t, f, at, f.Close.Bytes)
	t.Bytes = f.Close.Bytes
	c.sample(t, metric.XrdCloses, at, 1)
	if o := f.Close.Ops; o != nil {
		c.sample(t, metric.XrdReadOps, at, o.Read)
		c.sample(t, metric.XrdReadVOps, at, o.ReadV)
		c.sample(t, metric.XrdWriteOps, at, o.Write)
	}
}

func (c *Collector) sample(t *transfer.Transfer, name string, at, n int64) {
	if n != 0 {
		c.out.Sample(Sample{t.Site, t.Server, t.Client, name, at, float64(n)})
	}
}

// transfer returns what is known of f but its bytes and its end. Without an open
// record it was opened somewhere between the start of the server and until.
func (l *life) transfer(f *file, until int64) *transfer.Transfer {
	s := &l.server.Server
	t := &transfer.Transfer{
		ID:   l.name() + "." + strconv.FormatUint(uint64(f.ID), 10),
		Site: s.Site, Server: s.Name, Address: s.Address, Version: s.Version,
		Size: -1,
	}
	if until >= l.Stod {
		t.Opened = transfer.Interval{l.Stod, until}
	}
	if f.Map != nil {
		t.Path = f.Map.Path
	}
	if o := f.Open; o != nil {
		t.Opened, t.Size, t.Writable, t.Path = o.Within, o.Size, o.Writable, cmp.Or(o.Path, t.Path)
	}
	l.describeUser(t, f)
	return t
}

func (l *life) name() string {
	return strconv.FormatUint(l.SID, 10) + "." + strconv.FormatInt(l.Stod, 10)
}

// describeUser fills in who opened f.
func (l *life) describeUser(t *transfer.Transfer, f *file) {
	u := l.userOf(f)
	if u == nil && f.Map != nil {
		u = &user{Text: f.Map.Text, Who: f.Map.Who}
	}
	if u == nil {
		return
	}
	t.User, t.Client, t.PID, t.Protocol = u.Who.User, u.Who.Host, u.Who.PID, u.Who.Protocol
	t.App, t.MonInfo = u.App, u.MonInfo
	for _, i := range l.Infos[u.Text] { // the last one before the open is in force (XROOTD.md fact 9)
		if i.ID > u.ID && i.ID < f.ID {
			t.AppInfo = i.Text
		}
	}
}

// userOf returns the session that f was opened in: the one its open record names,
// else the last one before it with the user id of its d record.
func (l *life) userOf(f *file) *user {
	if f.Open != nil && f.Open.User != 0 {
		return l.Users[f.Open.User]
	}
	var last *user
	if f.Map == nil {
		return nil
	}
	for id := range l.logins[f.Map.Text] {
		if id < f.ID && (last == nil || id > last.ID) {
			last = l.Users[id]
		}
	}
	return last
}

// describeEnd fills in how f ended and what its byte counts are worth.
func (f *file) describeEnd(t *transfer.Transfer, ended bool) {
	switch {
	case f.Close != nil && ended:
		t.Closed, t.Ops = f.Close.Within, f.Close.Ops
		t.End, t.Quality = f.Close.end(f.Moved)
	case !ended:
		t.End, t.Quality = transfer.Open, transfer.LowerBound
	case f.Moved:
		t.End, t.Quality = transfer.Lost, transfer.LowerBound
	case f.Open != nil:
		t.End, t.Quality = transfer.Lost, transfer.Unknown
	default:
		t.End, t.Quality = transfer.Unreported, transfer.Unknown
	}
}

// end tells how a file with this close record ended. What a client moved by page
// reads and writes up to being killed is in no record (XROOTD.md fact 2), so a
// forced close that counts nothing says nothing.
func (c *closing) end(moved bool) (transfer.End, transfer.Quality) {
	nothing := c.Bytes == (transfer.Bytes{}) && !moved
	switch {
	case c.Forced && nothing:
		return transfer.Forced, transfer.Unknown
	case c.Forced:
		return transfer.Forced, transfer.LowerBound
	case c.Paged:
		return transfer.Closed, transfer.UpperBound
	}
	return transfer.Closed, transfer.Exact
}
