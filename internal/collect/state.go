package collect

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// A saved is one entry of State: a server or a life of one.
type saved struct {
	Server *server `json:"server,omitempty"`
	Life   *life   `json:"life,omitempty"`
	Remote string  `json:"remote,omitempty"` // of a life without a sid
	Done   []byte  `json:"done,omitempty"`   // finished files, a roaring bitmap in its portable form
}

// State returns everything that is held, as entries for Restore: first the
// servers, then their lives, each in the order of their names.
func (c *Collector) State() ([][]byte, error) {
	var entries []saved
	for _, s := range c.servers {
		entries = append(entries, saved{Server: s})
	}
	remotes := make(map[*life]string, len(c.nameless))
	for at, l := range c.nameless {
		remotes[l] = at.remote
	}
	for _, l := range c.allLives() {
		done, err := l.done.ToBytes()
		if err != nil {
			return nil, fmt.Errorf("finished files of %s: %w", l.name(), err)
		}
		entries = append(entries, saved{Life: l, Remote: remotes[l], Done: done})
	}
	slices.SortFunc(entries, saved.compare)
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

func (c *Collector) allLives() []*life {
	all := make([]*life, 0, len(c.lives)+len(c.nameless))
	for _, l := range c.lives {
		all = append(all, l)
	}
	for _, l := range c.nameless {
		all = append(all, l)
	}
	return all
}

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
		c.out.Server(e.Server.Server)
		return nil
	case e.Life != nil:
		return c.restoreLife(now, &e)
	}
	return errors.New("collector state: an entry is neither a server nor a life")
}

func (c *Collector) restoreLife(now time.Time, e *saved) error {
	l := newLife(e.Life.Stod)
	if _, err := l.done.ReadFrom(bytes.NewReader(e.Done)); err != nil {
		return fmt.Errorf("collector state: finished files of %s: %w", e.Life.name(), err)
	}
	l.SID, l.Ended, l.Next, l.Last, l.Heard = e.Life.SID, e.Life.Ended, e.Life.Next, e.Life.Last, e.Life.Heard
	maps.Copy(l.Users, e.Life.Users)
	maps.Copy(l.Files, e.Life.Files)
	maps.Copy(l.Infos, e.Life.Infos)
	c.size += 1 + len(l.Users) + len(l.Files) + len(l.Infos)
	c.adopt(now, l, l.SID, socket{e.Remote, l.Stod})
	c.resume(now, l)
	return nil
}

// resume has everything in l looked at that was waiting for its time.
func (c *Collector) resume(now time.Time, l *life) {
	for _, f := range l.Files {
		l.index(f)
		if first, ok := f.waiting(); ok {
			c.wake(l, f, first.Add(c.cfg.Hold))
		}
	}
	for _, u := range l.Users {
		put(l.logins, u.Text, u.ID)
		if !u.Gone.IsZero() {
			c.queue.push(entry{u.Gone.Add(c.cfg.Hold), l, dueUser, u.ID})
		}
	}
	if l.Next != 0 {
		c.queue.push(entry{now.Add(c.cfg.Hold), l, dueEnd, 0})
	}
}
