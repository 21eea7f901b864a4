package collect

import (
	"cmp"
	"slices"
	"strings"

	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// A name is a user id as servers send it: one process of a client up to XRootD
// 5.6.4, which may have several sessions, and one session after.
type name struct {
	Text  raw
	Infos []info  `json:",omitempty"` // i records, by ascending dictionary id
	Heard instant // when the newest of them came

	who    who     // what is in its text
	logins []*user // by ascending dictionary id
	files  links   // those with a d record
}

// who is a user id, taken apart.
type who struct {
	Protocol, User, Host raw
	PID                  int
	IPv6                 bool `json:",omitempty"`
}

func whoIs(u *xrootd.UserID) who {
	w := who{Protocol: raw(u.Protocol), User: raw(u.User), Host: raw(u.ClientHost()), PID: u.PID}
	w.IPv6 = strings.HasPrefix(u.Host, "[") && strings.Contains(string(w.Host), ":")
	if w.Protocol == "http" && w.User == "unknown" { // what XrdHttp says of everybody
		w.User = ""
	}
	return w
}

// An info is an i record.
type info struct {
	ID   uint32
	Text raw
}

// A user is one session of a client: its login, an open in it, its disconnect,
// whichever comes first.
type user struct {
	ID   uint32
	Text raw // of its name; empty before the login came
	login
	Flows  []flow            `json:",omitempty"` // U records, by ascending dictionary id
	Tokens []token           `json:",omitempty"` // T records, likewise
	Heard  instant           // of the last login, open or disconnect
	Gone   instant           // when its disconnect arrived; zero before
	Left   transfer.Interval // when it disconnected, in the server's time

	name  *name
	files links // those whose open record names it
}

// An opener is what is known of who opened a file.
type opener struct {
	Who who
	login
	AppInfo raw
	Flow    flow  `json:",omitzero"` // those in force when the file was opened
	Token   token `json:",omitzero"`
}

// name returns the name that m begins with, a new one if need be.
func (c *Collector) name(l *life, m *xrootd.Map) (*name, error) {
	if n := l.Names[raw(m.RawUser)]; n != nil {
		return n, nil
	}
	n := newName(m)
	if !c.room(n.weight()) {
		return nil, ErrFull
	}
	l.Names[n.Text] = n
	return n, nil
}

func newName(m *xrootd.Map) *name {
	u := m.User()
	return &name{Text: raw(m.RawUser), who: whoIs(&u)}
}

func (n *name) weight() int {
	w := weigh(len(n.Text))
	for _, i := range n.Infos {
		w += weigh(len(i.Text))
	}
	return w
}

// release forgets n if nothing refers to it.
func (c *Collector) release(l *life, n *name) {
	if len(n.logins) == 0 && n.files.empty() && len(n.Infos) == 0 && l.Names[n.Text] == n {
		delete(l.Names, n.Text)
		c.size -= n.weight()
	}
}

// before returns the last session with name n that began before dictionary id
// was given, nil if there is none.
func (n *name) before(id uint32) *user {
	i, _ := n.find(id)
	if i == 0 {
		return nil
	}
	return n.logins[i-1]
}

func (n *name) find(id uint32) (int, bool) {
	return slices.BinarySearchFunc(n.logins, id, func(u *user, id uint32) int { return cmp.Compare(u.ID, id) })
}

// user returns the session with the given id, a new one if need be.
func (c *Collector) user(now instant, l *life, id uint32) (*user, error) {
	u := l.Users[id]
	if u == nil {
		if !c.room(1) {
			return nil, ErrFull
		}
		c.speak(l, id)
		u = &user{ID: id}
		l.Users[id] = u
	}
	u.Heard = now
	return u, nil
}

func (u *user) weight() int { return weigh(u.size()) + u.marksWeight() }

// login takes a u record. A second one for the same id says the same, or lies.
func (c *Collector) login(now instant, l *life, m *xrootd.Map) error {
	u, err := c.user(now, l, m.DictID)
	if err != nil || u.name != nil {
		return err
	}
	in := loginOf(m.Rest)
	if !c.room(weigh(in.size()) - 1) {
		return ErrFull
	}
	u.login = in
	n, err := c.name(l, m)
	if err == nil {
		u.join(n)
	}
	return err
}

func (u *user) join(n *name) {
	u.Text, u.name = n.Text, n
	i, _ := n.find(u.ID)
	n.logins = slices.Insert(n.logins, i, u)
}

// maxInfos is how many app infos one name may have at a time. The newest are
// the ones that the next files need.
const maxInfos = 1000

// appInfo takes an i record.
func (c *Collector) appInfo(now instant, l *life, m *xrootd.Map) error {
	n, err := c.name(l, m)
	if err != nil {
		return err
	}
	n.Heard = now
	i, known := slices.BinarySearchFunc(n.Infos, m.DictID, func(i info, id uint32) int { return cmp.Compare(i.ID, id) })
	if known {
		return nil
	}
	if !c.room(weigh(len(m.Rest))) {
		c.release(l, n)
		return ErrFull
	}
	n.Infos = slices.Insert(n.Infos, i, info{m.DictID, raw(m.Rest)})
	if len(n.Infos) > maxInfos {
		c.size -= weigh(len(n.Infos[0].Text))
		n.Infos = slices.Delete(n.Infos, 0, 1)
	}
	return nil
}

// infoFor returns the info that was in force when the file with that id was
// opened in session u: the last one in between (XROOTD.md fact 9).
func (u *user) infoFor(file uint32) raw {
	infos := u.name.Infos
	i, _ := slices.BinarySearchFunc(infos, file, func(i info, id uint32) int { return cmp.Compare(i.ID, id) })
	if i == 0 || infos[i-1].ID < u.ID {
		return ""
	}
	return infos[i-1].Text
}

// disconnect takes a disc record. Session 0 is that of all who are not told.
func (c *Collector) disconnect(now instant, l *life, r *xrootd.FileRecord, within transfer.Interval) error {
	if r.ID == 0 {
		return nil
	}
	u, err := c.user(now, l, r.ID)
	if err != nil || !u.Gone.IsZero() {
		return err
	}
	l.saw(r)
	u.Gone, u.Left = now, within
	c.queue.push(now.Add(c.cfg.Hold), l, dueUser, r.ID)
	return nil
}

// settleUser ends a session that has disconnected, and the files that were open
// in it.
func (c *Collector) settleUser(now instant, l *life, id uint32) {
	u := l.Users[id]
	if u == nil || u.Gone.IsZero() || u.Gone.Add(c.cfg.Hold) > now {
		return
	}
	for f := range u.files.all() {
		c.finish(now, l, f, u.Left[1])
	}
	n := u.name
	c.dropUser(l, u)
	if n == nil {
		return
	}
	for f := range n.files.all() { // those that no other session can have opened
		if f.userless() && n.before(f.ID) == nil {
			c.finish(now, l, f, u.Left[1])
		}
	}
	c.forgetInfos(l, n)
}

// dropUser forgets session u, once the files that it opened have noted what is
// known of it.
func (c *Collector) dropUser(l *life, u *user) {
	for f := range u.files.all() {
		l.freeze(f)
		f.ofUser.remove()
	}
	delete(l.Users, u.ID)
	c.size -= u.weight()
	n := u.name
	if n == nil {
		return
	}
	for f := range n.files.all() {
		if l.userOf(f) == u {
			l.freeze(f)
		}
	}
	if i, ok := n.find(u.ID); ok {
		n.logins = slices.Delete(n.logins, i, i+1)
	}
	c.release(l, n)
}

// forgetInfos drops what clients said of themselves in sessions that are over.
func (c *Collector) forgetInfos(l *life, n *name) {
	if len(n.logins) > 0 || len(n.Infos) == 0 {
		return
	}
	c.size -= n.weight() - weigh(len(n.Text))
	n.Infos = nil
	c.release(l, n)
}

// userOf returns the session that f was opened in, nil if it is not known: the
// one its open record names, else the last one before it with the name of its d
// record.
func (l *life) userOf(f *file) *user {
	if !f.userless() {
		if u := l.Users[f.Open.User]; u != nil && u.name != nil {
			return u
		}
		return nil
	}
	if f.name == nil {
		return nil
	}
	return f.name.before(f.ID)
}

// left reports whether the session that f was opened in has disconnected.
func (l *life) left(f *file) bool {
	u := l.Users[f.openedBy()]
	if f.userless() {
		u = l.userOf(f)
	}
	return u != nil && !u.Gone.IsZero()
}

// openerOf returns what is known of who opened f; sure tells that it is of the
// session, and not only of the d record.
func (l *life) openerOf(f *file) (o opener, sure bool) {
	if f.Opener != nil {
		return *f.Opener, true
	}
	if u := l.userOf(f); u != nil {
		o = opener{Who: u.name.who, login: u.login, AppInfo: u.infoFor(f.ID)}
		o.Flow, o.Token = u.marksFor(f.ID)
		return o, true
	}
	if f.name != nil {
		return opener{Who: f.name.who}, false
	}
	return opener{}, false
}

// freeze keeps with f what is known of who opened it, for when the session is
// forgotten.
func (l *life) freeze(f *file) {
	if f.Opener != nil {
		return
	}
	if o, sure := l.openerOf(f); sure {
		f.Opener = &o
	}
}
