package collect

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tallystick/internal/idset"
	"tallystick/internal/transfer"
)

// A lifeKey names one life of a server.
type lifeKey struct {
	sid  uint64
	stod int64
}

// A socket names a life by where it comes from: all there is in f datagrams of
// servers that send no sid there.
type socket struct {
	remote string
	stod   int64
}

// A life is what is known of one life of a server, from its start to its next.
// The exported fields are what State keeps.
type life struct {
	SID   uint64
	Stod  int64
	Ended instant // when the next life was first heard of; zero while it lives
	Next  int64   // stod of the next life; 0 while it lives
	Last  int64   // end of the newest f packet, in the server's time
	Users map[uint32]*user
	Files map[uint32]*file
	Names map[raw]*name `json:"-"` // JSON has no keys that are not UTF-8

	Heard   instant       // when something came the last time, wherever it lay before
	Saw     transfer.Life // the counts of it
	Idents  []uint64      // hashes of the newest ident records
	IDs     ids           // what of them did not come
	Asks    bool          // requests came in its t stream
	Ident   instant       // when the newest ident record arrived
	Book    notebook
	Tallies []tally `json:",omitempty"` // not balanced yet, by time
	Closing bool    `json:",omitempty"` // a close is in one that was
	Open    int64   `json:",omitempty"` // files that are open as far as those tell
	Changed instant // since when there is something in it that is not told; zero: there is not

	done    idset.Set // files that are finished
	mapped  idset.Set // ids of dictionary records that came
	spoken  idset.Set // ids of whatever something came about
	traced  idset.Set // files whose open came in the t stream
	server  *server
	remote  string   // that its newest datagram came from
	sockets []socket // that lead to it
	streams []*stream

	numbering bool // its queue entry dueNumbers is there
	noting    bool // and dueNotes
}

// lifeWeight is what a life counts against Config.Max: what a stream remembers
// takes 2 KiB, and there are two or three.
const lifeWeight = 16

// life returns the named life, a new one if need be, nil if there is no room.
func (c *Collector) life(now instant, sid uint64, stod int64, remote string) *life {
	if l := c.lives[lifeKey{sid, stod}]; sid != 0 && l != nil {
		return l
	}
	l := c.sockets[socket{remote, stod}]
	switch {
	case l != nil && sid == 0:
		return l
	case l != nil && l.SID == 0:
		c.adopt(now, l, sid)
		return l
	case !c.room(lifeWeight):
		return nil
	}
	l = newLife(stod)
	c.begin(now, l, sid)
	return l
}

func newLife(stod int64) *life {
	return &life{
		Stod: stod, Users: map[uint32]*user{}, Files: map[uint32]*file{}, Names: map[raw]*name{},
		server: &server{},
	}
}

// begin adds l to those that are held.
func (c *Collector) begin(now instant, l *life, sid uint64) {
	c.all[l] = struct{}{}
	c.queue.push(now.Add(c.sweepEvery()), l, dueSweep, 0)
	if sid != 0 {
		c.adopt(now, l, sid)
	}
}

// adopt gives l its name.
func (c *Collector) adopt(now instant, l *life, sid uint64) {
	l.SID, l.remote = sid, ""
	c.lives[lifeKey{sid, l.Stod}] = l
	l.server = c.serverOf(sid)
	l.server.lives++
	c.changed(now, l)
	c.succeed(now, l)
}

func (c *Collector) serverOf(sid uint64) *server {
	s := c.servers[sid]
	if s == nil {
		s = &server{Server: Server{SID: sid}}
		c.servers[sid] = s
	}
	return s
}

// maxAhead is how many seconds the start of a server may lie in the future: as
// much as a clock is commonly wrong. One that lies further ahead must not make
// all lives to come look like old ones.
const maxAhead = 3600

// succeed puts l in its place among the lives of its server: it ends the one
// before it, and is ended by the one after it.
func (c *Collector) succeed(now instant, l *life) {
	if l.Stod > now.Unix()+maxAhead {
		return
	}
	s := l.server
	i, _ := slices.BinarySearchFunc(s.order, l, func(a, b *life) int { return cmp.Compare(a.Stod, b.Stod) })
	s.order = slices.Insert(s.order, i, l)
	if i > 0 {
		c.end(now, s.order[i-1], l.Stod)
	}
	if i+1 < len(s.order) {
		c.end(now, l, s.order[i+1].Stod)
		return
	}
	if s.revived != nil {
		c.end(now, s.revived, l.Stod)
		s.revived = nil
	}
}

// end ends l because another life began at next.
func (c *Collector) end(now instant, l *life, next int64) {
	if l.Ended.IsZero() {
		l.Ended = now
	}
	if l.Next != next {
		l.Next = next
		c.changed(now, l)
	}
	c.queue.push(now.Add(c.cfg.Hold), l, dueEnd, 0)
}

// speak notes that l's server spoke until a time of its own. One that still speaks
// when the start of its next life has passed lives: its clock was set back.
func (l *life) speak(now instant, hold time.Duration, until int64) {
	l.Last = max(l.Last, until)
	if l.Next != 0 && until > l.Next && now > l.Ended.Add(hold) {
		l.Next, l.Ended = 0, 0
		l.server.revived = l
	}
}

// endLife finishes what is open in a life that has ended. Files that were heard
// of since wait for their own time. Sessions stay for files that are told of
// late.
func (c *Collector) endLife(now instant, l *life) {
	if l.Next == 0 || l.Ended.Add(c.cfg.Hold) > now {
		return
	}
	for _, f := range l.Files {
		switch at := f.Heard.Add(c.cfg.Hold); {
		case !f.Ended.IsZero():
		case at > now:
			c.wake(l, f, at)
		default:
			c.finish(now, l, f, l.Next)
		}
	}
}

// lateFor is how long what has ended is kept for a record that is very late, and
// how long a file waits that only its d record tells of: the open record is sent
// a few minutes later at most.
const lateFor = time.Hour

// sweepEvery is how often silence is looked for.
func (c *Collector) sweepEvery() time.Duration { return min(c.cfg.Idle/8, lateFor/4) }

// sweep gives up what has been silent for too long: files, sessions, and in the
// end the life itself.
func (c *Collector) sweep(now instant, l *life) {
	for _, f := range l.Files {
		c.sweepFile(now, l, f)
	}
	idle := c.cfg.Idle
	if l.Next != 0 {
		idle = min(idle, lateFor)
	}
	for _, u := range l.Users {
		if past(now, u.Heard, idle) && u.files.empty() {
			if l.Next == 0 {
				c.stats.IdleUsers++
			}
			c.dropUser(l, u)
		}
	}
	for _, n := range l.Names {
		if past(now, n.Heard, idle) {
			c.forgetInfos(l, n)
		}
	}
	c.sweepStreams(now, l)
	for _, ids := range []*idset.Set{&l.done, &l.mapped, &l.spoken, &l.traced} {
		ids.Optimize()
	}
	if past(now, l.Heard, c.cfg.Idle) && len(l.Files) == 0 {
		c.stats.IdleLives++
		c.drop(l)
		return
	}
	c.queue.push(now.Add(c.sweepEvery()), l, dueSweep, 0)
}

func (c *Collector) sweepFile(now instant, l *life, f *file) {
	late := min(lateFor, c.cfg.Idle)
	switch {
	case !f.Ended.IsZero():
		if past(now, f.Ended, late) && f.due == 0 { // nothing came just now
			c.forget(l, f)
		}
	case past(now, f.Heard, c.cfg.Idle), f.unopened() && past(now, f.Heard, late):
		c.stats.IdleFiles++
		c.finish(now, l, f, l.Last)
	}
}

// past reports whether t lies at least d back.
func past(now, t instant, d time.Duration) bool { return t.Add(d) <= now }

// drop forgets l, and its server with its last life: what the server is called it
// says again when it starts.
func (c *Collector) drop(l *life) {
	c.settleNotes(&l.Book, &l.server.Server, l, l.Heard) // of one that never told who it is
	c.size -= lifeWeight + l.streamsWeight() + l.Book.weight()
	for _, u := range l.Users {
		c.size -= u.weight()
	}
	for _, n := range l.Names {
		c.size -= n.weight()
	}
	clear(l.Users)
	clear(l.Names)
	delete(c.all, l)
	for _, at := range l.sockets {
		if c.sockets[at] == l {
			delete(c.sockets, at)
		}
	}
	s := l.server
	if l.SID == 0 {
		return
	}
	delete(c.lives, lifeKey{l.SID, l.Stod})
	if i := slices.Index(s.order, l); i >= 0 {
		s.order = slices.Delete(s.order, i, i+1)
	}
	if s.revived == l {
		s.revived = nil
	}
	if s.lives--; s.lives == 0 {
		c.unlisten(s)
		delete(c.servers, l.SID)
	}
}

// hearFrom notes the address that l's datagrams come from.
func (c *Collector) hearFrom(l *life, remote string) {
	if remote == l.remote { // as nearly always
		return
	}
	l.remote = strings.Clone(remote)
	if at := (socket{l.remote, l.Stod}); c.sockets[at] == nil && len(l.sockets) < maxIPs {
		c.sockets[at] = l
		l.sockets = append(l.sockets, at)
	}
	c.address(l.server, hostOf(remote))
}
