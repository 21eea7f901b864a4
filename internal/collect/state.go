package collect

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"tallystick/internal/idset"
	"tallystick/internal/xrootd"
)

// A saved is one entry of State: a server or a life of one, or a socket of others.
type saved struct {
	Server *server `json:"server,omitempty"`
	Life   *life   `json:"life,omitempty"`
	Names  []*name `json:"names,omitempty"`  // of the life, by their text
	Remote string  `json:"remote,omitempty"` // of a life without a sid
	Done   []byte  `json:"done,omitempty"`   // finished files, an idset.Set

	Source  *source   `json:"source,omitempty"` // of summaries
	Bare    *bare     `json:"bare,omitempty"`   // of g-streams without a header
	Mapped  []byte    `json:"mapped,omitempty"` // ids of dictionary records, as Done
	Spoken  []byte    `json:"spoken,omitempty"` // ids of whatever something came about, as Done
	Traced  []byte    `json:"traced,omitempty"` // files whose open came in the t stream, as Done
	Streams []*stream `json:"streams,omitempty"`
}

// State returns everything that is held, as entries for Restore: first the
// servers, then their lives, then other sockets, each in the order of their names.
func (c *Collector) State() ([][]byte, error) {
	var entries []saved
	for _, s := range c.servers {
		entries = append(entries, saved{Server: s})
	}
	for l := range c.all {
		e := saved{Life: l, Names: slices.SortedFunc(maps.Values(l.Names), (*name).compare), Streams: l.streams}
		for ids, to := range sets(l, &e) {
			data, err := ids.MarshalBinary()
			if err != nil {
				return nil, fmt.Errorf("ids of server %d: %w", l.SID, err)
			}
			*to = data
		}
		if l.SID == 0 {
			e.Remote = l.remote
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, saved.compare)
	for _, s := range c.sources.sorted() {
		entries = append(entries, saved{Source: s})
	}
	for _, remote := range slices.Sorted(maps.Keys(c.bares)) {
		entries = append(entries, saved{Bare: c.bares[remote]})
	}
	out := make([][]byte, len(entries))
	for i, e := range entries {
		b, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("state: %w", err)
		}
		out[i] = b
	}
	return out, nil
}

func (n *name) compare(m *name) int { return cmp.Compare(n.Text, m.Text) }

func (s saved) compare(t saved) int {
	if s.Server != nil && t.Server != nil {
		return cmp.Compare(s.Server.SID, t.Server.SID)
	}
	if s.Server != nil || t.Server != nil { // servers first
		if s.Server != nil {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(s.Life.SID, t.Life.SID), cmp.Compare(s.Life.Stod, t.Life.Stod), cmp.Compare(s.Remote, t.Remote))
}

// Restore adds one entry of State, as if its records had arrived at now.
func (c *Collector) Restore(now time.Time, entry []byte) error {
	var e saved
	if err := json.Unmarshal(entry, &e); err != nil {
		return fmt.Errorf("collector state: %w", err)
	}
	switch {
	case e.Server != nil:
		c.servers[e.Server.SID] = e.Server
		c.listen(e.Server)
		c.out.Server(e.Server.Server)
		return nil
	case e.Life != nil:
		return c.restoreLife(instantOf(now), &e)
	case e.Source != nil:
		c.restoreSource(e.Source)
		return nil
	case e.Bare != nil:
		c.restoreBare(e.Bare)
		return nil
	}
	return errors.New("collector state: an entry is none of what there is")
}

func (c *Collector) restoreLife(now instant, e *saved) error {
	l := newLife(e.Life.Stod)
	for ids, from := range sets(l, e) {
		if len(*from) == 0 { // state of before there were any
			continue
		}
		if err := ids.UnmarshalBinary(*from); err != nil {
			return fmt.Errorf("collector state: ids of server %d: %w", e.Life.SID, err)
		}
	}
	l.Ended, l.Next, l.Last, l.Heard = e.Life.Ended, e.Life.Next, e.Life.Last, e.Life.Heard
	if e.Life.Saw.Heard == 0 { // state of before arrival was told apart
		e.Life.Saw.Heard = e.Life.Heard.Unix()
	}
	l.Saw, l.Idents, l.Asks, l.IDs = e.Life.Saw, e.Life.Idents, e.Life.Asks, e.Life.IDs
	maps.Copy(l.Users, e.Life.Users)
	maps.Copy(l.Files, e.Life.Files)
	for _, n := range e.Names {
		n.who = whoHas(n.Text)
		l.Names[n.Text] = n
		c.size += n.weight()
	}
	l.restoreStreams(e.Streams)
	l.Ident = e.Life.Ident
	l.Book, l.Tallies, l.Closing, l.Open = e.Life.Book, e.Life.Tallies, e.Life.Closing, e.Life.Open
	c.size += lifeWeight + l.streamsWeight() + l.Book.weight()
	c.begin(now, l, e.Life.SID)
	l.Changed = e.Life.Changed
	if e.Remote != "" {
		c.hearFrom(l, e.Remote)
	}
	c.resume(l)
	return nil
}

// sets returns where the sets of ids of l are saved.
func sets(l *life, s *saved) map[*idset.Set]*[]byte {
	return map[*idset.Set]*[]byte{&l.done: &s.Done, &l.mapped: &s.Mapped, &l.spoken: &s.Spoken, &l.traced: &s.Traced}
}

// resume ties together what is in l, and has everything looked at that was
// waiting for its time.
func (c *Collector) resume(l *life) {
	if len(l.streams) > 0 {
		c.wakeNumbers(l)
	}
	if !l.Changed.IsZero() {
		c.queue.push(l.Changed.Add(c.cfg.Hold), l, dueLife, 0)
	}
	c.wakeNotes(l)
	for _, u := range l.Users {
		c.resumeUser(l, u)
	}
	for _, id := range slices.Sorted(maps.Keys(l.Files)) {
		c.resumeFile(l, l.Files[id])
	}
	if l.Next != 0 {
		c.queue.push(l.Ended.Add(c.cfg.Hold), l, dueEnd, 0)
	}
}

func (c *Collector) resumeUser(l *life, u *user) {
	c.size += u.weight()
	if n := l.Names[u.Text]; n != nil && u.Text != "" {
		u.join(n)
	}
	if !u.Gone.IsZero() {
		c.queue.push(u.Gone.Add(c.cfg.Hold), l, dueUser, u.ID)
	}
}

func (c *Collector) resumeFile(l *life, f *file) {
	c.size += f.weight()
	if f.Map != nil {
		n := l.Names[f.Map.Text]
		if n == nil {
			n = &name{Text: f.Map.Text, who: whoHas(f.Map.Text)}
		}
		f.link(n)
	}
	if !f.Ended.IsZero() {
		c.ended++
		if first, ok := f.waiting(); ok {
			c.wake(l, f, first.Add(c.cfg.Hold))
		}
		return
	}
	if u := l.Users[f.openedBy()]; u != nil {
		u.files.add(&f.ofUser, f)
	}
	c.wakeAgain(l, f)
}

// whoHas takes the text of a name apart, which was done before.
func whoHas(text raw) who {
	u, err := xrootd.ParseUserID([]byte(text))
	if err != nil {
		return who{}
	}
	return whoIs(&u)
}
