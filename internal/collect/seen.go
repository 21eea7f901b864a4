package collect

import (
	"slices"

	"tallystick/internal/xrootd"
)

// lastIdents is how many ident records of a life are remembered, so that one that
// comes again is known: hours of them.
const lastIdents = 16

// heard notes that a datagram of l came, and has what was seen of l told when a
// while has passed.
func (c *Collector) heard(now instant, l *life) {
	if now > l.Heard {
		l.Heard = now
	}
	c.changed(now, l)
}

// changed has what was seen of l told, Config.Hold from now if nothing is about to
// tell it anyway.
func (c *Collector) changed(now instant, l *life) {
	if l.SID == 0 || !l.Changed.IsZero() {
		return
	}
	l.Changed = now
	c.queue.push(now.Add(c.cfg.Hold), l, dueLife, 0)
}

// tellLife tells what was seen of l up to now. A life without a sid is told when it
// gets one: under another name it would be another.
func (c *Collector) tellLife(now instant, l *life) {
	if l.Changed.IsZero() || l.Changed.Add(c.cfg.Hold) > now {
		return
	}
	l.Changed = 0
	t := l.Saw
	t.SID, t.Stod, t.Server, t.Address = l.SID, l.Stod, l.server.Name, l.server.Address
	t.Site = l.server.Ident.Site
	t.Last, t.Next = l.Last, l.Next
	c.out.Life(t)
}

// again reports whether the datagram at hand, which has that hash, came before. It
// counts the records that are one to a datagram.
func (c *Collector) again(now instant, l *life, remote string, hash uint64) bool {
	s := c.streamOf(l, remote)
	if s != nil && s.seenBefore(c.gram.Header.Seq, hash) {
		c.stats.Duplicates++
		return true
	}
	known := c.mapAgain(l, hash)
	if s != nil {
		c.number(now, l, s, known)
	}
	return false
}

// mapAgain reports whether the datagram at hand is a dictionary record that is known,
// and counts it if it is not.
func (c *Collector) mapAgain(l *life, hash uint64) bool {
	g := &c.gram
	if g.Kind != xrootd.KindMap || g.Header.Text {
		return false
	}
	if g.Header.Code == '=' {
		l.sawIdent(hash)
		return false
	}
	if g.Map.DictID == 0 {
		return false
	}
	if !l.mapped.Add(g.Map.DictID) {
		return true
	}
	c.speak(l, g.Map.DictID)
	switch g.Header.Code {
	case 'u':
		l.Saw.Logins++
	case 'd':
		l.Saw.Names++
	}
	return false
}

func (l *life) sawIdent(hash uint64) {
	if slices.Contains(l.Idents, hash) {
		return
	}
	l.Saw.Idents++
	l.Idents = append(l.Idents, hash)
	if len(l.Idents) > lastIdents {
		l.Idents = slices.Delete(l.Idents, 0, 1)
	}
}

// saw counts a record of the f stream that is new.
func (l *life) saw(r *xrootd.FileRecord) {
	switch r.Type {
	case xrootd.FileOpen:
		l.Saw.Opens++
		if r.HasLFN {
			l.Saw.Named++
		}
	case xrootd.FileClose:
		l.Saw.Closes++
		if r.HasOps {
			l.Saw.Counts++
		}
	case xrootd.FileDisc:
		l.Saw.Discs++
	}
}
