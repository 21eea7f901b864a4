package collect

import (
	"strings"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// A lifeKey names one life of a server.
type lifeKey struct {
	sid  uint64
	stod int64
}

// A socket names a life by where it comes from: all there is for servers that
// send no sid.
type socket struct {
	remote string
	stod   int64
}

// A life is what is known of one life of a server, from its start to its next.
// The exported fields are what State keeps.
type life struct {
	SID   uint64
	Stod  int64
	Ended time.Time // when the next life was first heard of; zero while it lives
	Next  int64     // stod of the next life; 0 while it lives
	Last  int64     // end of the newest f packet, in the server's time
	Users map[uint32]*user
	Files map[uint32]*file
	Infos map[string][]info // i records by user id text, by ascending dictionary id

	Heard time.Time

	done   *roaring.Bitmap // files that are finished
	server *server
	remote string                     // that its newest datagram came from
	byUser map[uint32]map[uint32]bool // files by the user id of their open record
	byText map[string]map[uint32]bool // files by the user id text of their d record
	logins map[string]map[uint32]bool // users by their user id text
	seen   map[byte]*[256]uint64      // by stream: hash of the newest packet of each number
}

// A user is one session of a client.
type user struct {
	ID      uint32
	Text    string // user id as sent: the same for two sessions of one process up to 5.6.4
	Who     who
	App     string
	MonInfo string
	Heard   time.Time
	Gone    time.Time         // when its disconnect arrived; zero before
	Left    transfer.Interval // when it disconnected, in the server's time
}

// who is a user id, taken apart.
type who struct {
	Protocol, User, Host string
	PID                  int
}

func whoIs(u *xrootd.UserID) who {
	w := who{
		Protocol: strings.Clone(u.Protocol), User: strings.Clone(u.User),
		Host: strings.Clone(u.ClientHost()), PID: u.PID,
	}
	if w.Protocol == "http" && w.User == "unknown" { // what XrdHttp says of everybody
		w.User = ""
	}
	return w
}

// An info is an i record.
type info struct {
	ID   uint32
	Text string
}

// life returns the named life, a new one if need be, nil if there is no room.
func (c *Collector) life(now time.Time, sid uint64, stod int64, remote string) *life {
	at := socket{remote, stod}
	if l := c.lives[lifeKey{sid, stod}]; sid != 0 && l != nil {
		return l
	}
	l := c.nameless[at]
	switch {
	case l != nil && sid == 0:
		return l
	case l == nil && !c.room():
		return nil
	case l == nil:
		l = newLife(stod)
	}
	c.adopt(now, l, sid, at)
	return l
}

func newLife(stod int64) *life {
	return &life{
		Stod: stod, Users: map[uint32]*user{}, Files: map[uint32]*file{}, Infos: map[string][]info{},
		done: roaring.New(), server: &server{},
		byUser: map[uint32]map[uint32]bool{}, byText: map[string]map[uint32]bool{},
		logins: map[string]map[uint32]bool{}, seen: map[byte]*[256]uint64{},
	}
}

// adopt gives l its name: the sid, or the socket as long as there is none.
func (c *Collector) adopt(now time.Time, l *life, sid uint64, at socket) {
	l.SID = sid
	c.queue.push(entry{now.Add(c.cfg.Idle / 8), l, dueSweep, 0})
	if sid == 0 {
		c.nameless[at] = l
		return
	}
	delete(c.nameless, at)
	c.lives[lifeKey{sid, l.Stod}] = l
	l.server = c.serverOf(sid)
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

// succeed ends the lives of l's server that are older than its newest one.
func (c *Collector) succeed(now time.Time, l *life) {
	l.server.newest = max(l.server.newest, l.Stod)
	for k, old := range c.lives {
		if k.sid == l.SID && k.stod < l.server.newest && (old.Next == 0 || old.Next > l.Stod) {
			old.end(now, l.server.newest)
			c.queue.push(entry{now.Add(c.cfg.Hold), old, dueEnd, 0})
		}
	}
}

func (l *life) end(now time.Time, next int64) {
	if l.Ended.IsZero() {
		l.Ended = now
	}
	l.Next = next
}

// seenBefore reports whether the datagram came before, as far back as its number
// goes. Sequence numbers of dictionary and f packets are counted apart
// (XROOTD.md fact 8).
func (l *life) seenBefore(h xrootd.Header, hash uint64) bool {
	stream := byte('m')
	switch {
	case h.Text: // from a socket and a counter of their own
		stream = 'T'
	case h.Code == 'f':
		stream = 'f'
	}
	w := l.seen[stream]
	if w == nil {
		w = new([256]uint64)
		l.seen[stream] = w
	}
	last := &w[h.Seq%256]
	if *last == hash {
		return true
	}
	*last = hash
	return false
}

// login takes a u record.
func (c *Collector) login(now time.Time, l *life, m *xrootd.Map) error {
	u := l.Users[m.DictID]
	if u == nil {
		if !c.room() {
			return ErrFull
		}
		u = &user{ID: m.DictID}
		l.Users[m.DictID] = u
	}
	in := xrootd.ParseLogin(m.Rest)
	u.Text, u.Who = string(m.RawUser), whoIs(&m.User)
	put(l.logins, u.Text, u.ID)
	u.App, u.MonInfo, u.Heard = strings.Clone(in.App), strings.Clone(in.MonInfo), now
	return nil
}

// maxInfos is how many app infos one session may have at a time. The newest are
// the ones that the next files need.
const maxInfos = 1000

// appInfo takes an i record.
func (c *Collector) appInfo(l *life, m *xrootd.Map) error {
	key := string(m.RawUser)
	infos := l.Infos[key]
	i := len(infos)
	for i > 0 && infos[i-1].ID >= m.DictID {
		i--
	}
	if i < len(infos) && infos[i].ID == m.DictID {
		return nil
	}
	if infos == nil && !c.room() {
		return ErrFull
	}
	infos = append(infos, info{})
	copy(infos[i+1:], infos[i:])
	infos[i] = info{m.DictID, string(m.Rest)}
	l.Infos[key] = infos[max(0, len(infos)-maxInfos):]
	return nil
}

// disconnect takes a disc record.
func (c *Collector) disconnect(now time.Time, l *life, id uint32, within transfer.Interval) {
	u := l.Users[id]
	if u == nil { // its u record may still come
		if len(l.byUser[id]) == 0 || !c.room() {
			return
		}
		u = &user{ID: id}
		l.Users[id] = u
	}
	u.Heard, u.Left = now, within
	if u.Gone.IsZero() {
		u.Gone = now
	}
	c.queue.push(entry{now.Add(c.cfg.Hold), l, dueUser, id})
}

// settleUser ends a session that has disconnected.
func (c *Collector) settleUser(now time.Time, e entry) {
	l, u := e.life, e.life.Users[e.id]
	if u == nil || u.Gone.IsZero() || u.Gone.Add(c.cfg.Hold).After(now) {
		return
	}
	for _, id := range l.filesOf(u) {
		c.finish(l, l.Files[id], u.Left[1])
	}
	c.dropUser(l, u)
}

func (c *Collector) dropUser(l *life, u *user) {
	delete(l.Users, u.ID)
	take(l.logins, u.Text, u.ID)
	c.size--
	if _, ok := l.Infos[u.Text]; ok && len(l.logins[u.Text]) == 0 {
		delete(l.Infos, u.Text)
		c.size--
	}
}

// filesOf returns the files that are open in session u. A file that only its d
// record tells of belongs to u if no other session has the same user id.
func (l *life) filesOf(u *user) []uint32 {
	var ids []uint32
	for id := range l.byUser[u.ID] {
		ids = append(ids, id)
	}
	if len(l.logins[u.Text]) > 1 {
		return ids
	}
	for id := range l.byText[u.Text] {
		if l.Files[id].Open == nil && id > u.ID {
			ids = append(ids, id)
		}
	}
	return ids
}

// endLife finishes everything in a life that has ended. What remains is the set
// of finished files, so that late or repeated records about them change nothing.
func (c *Collector) endLife(now time.Time, l *life) {
	if l.Ended.Add(c.cfg.Hold).After(now) {
		return
	}
	for _, f := range l.Files {
		c.finish(l, f, l.Next)
	}
	for _, u := range l.Users {
		c.dropUser(l, u)
	}
	c.size -= len(l.Infos)
	clear(l.Infos)
	clear(l.seen)
	l.done.RunOptimize()
}

// sweep gives up what has been silent for Config.Idle: files, sessions, and in
// the end the life itself.
func (c *Collector) sweep(now time.Time, l *life) {
	silent := func(t time.Time) bool { return !t.Add(c.cfg.Idle).After(now) }
	for _, f := range l.Files {
		if silent(f.Heard) {
			c.finish(l, f, l.Last)
		}
	}
	for _, u := range l.Users {
		if silent(u.Heard) && len(l.filesOf(u)) == 0 {
			c.dropUser(l, u)
		}
	}
	if silent(l.Heard) && len(l.Files) == 0 {
		c.drop(l)
		return
	}
	c.queue.push(entry{now.Add(c.cfg.Idle / 8), l, dueSweep, 0})
}

func (c *Collector) drop(l *life) {
	c.size -= 1 + len(l.Users) + len(l.Infos)
	delete(c.lives, lifeKey{l.SID, l.Stod})
	for at, n := range c.nameless {
		if n == l {
			delete(c.nameless, at)
		}
	}
}
