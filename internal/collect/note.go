package collect

import (
	"fmt"
	"slices"

	"tallystick/internal/metric"
	"tallystick/internal/transfer"
)

// A note is what a packet tells by itself. It waits for nothing but the name of its
// server, which may come after it.
type note struct {
	At      instant         // of arrival
	Event   *transfer.Event `json:",omitempty"`
	Samples []Sample        `json:",omitempty"` // without site and server
}

// A notebook has the notes of one life of a server, or of one that does not tell
// which it is, and the meters that it reports.
type notebook struct {
	Notes  []note            `json:",omitempty"` // by arrival
	Meters map[string]*meter `json:",omitempty"` // by metric.Field.Of
}

// weight is what n counts against Config.Max.
func (n *notebook) weight() (w int) {
	for i := range n.Notes {
		w += n.Notes[i].weight()
	}
	for _, m := range n.Meters {
		w += reportWeight * (1 + len(m.Wait))
	}
	return w
}

// sampleWeight is how many samples of a note count as one entry.
const sampleWeight = 4

func (n *note) weight() int {
	w := 1 + len(n.Samples)/sampleWeight
	if n.Event != nil {
		w += weigh(len(n.Event.Record) + len(n.Event.Path))
	}
	return w
}

// note adds m to n.
func (c *Collector) note(n *notebook, m note) error {
	if !c.room(m.weight()) {
		return ErrFull
	}
	n.Notes = append(n.Notes, m)
	return nil
}

// report adds r to the meter of that name.
func (c *Collector) report(n *notebook, of string, r report) error {
	if n.Meters == nil {
		n.Meters = map[string]*meter{}
	}
	m := n.Meters[of]
	if m == nil {
		if !c.room(reportWeight) {
			return ErrFull
		}
		m = &meter{}
		n.Meters[of] = m
	}
	if len(m.Wait) == maxReports || c.size+reportWeight > c.cfg.Max {
		c.stats.Full++
		return ErrFull
	}
	added, late := m.add(r)
	if added {
		c.size += reportWeight
	}
	if late {
		c.stats.Late++
	}
	return nil
}

// first returns the arrival of what has waited longest in n.
func (n *notebook) first() (first instant, ok bool) {
	look := func(at instant) {
		if !ok || at < first {
			first, ok = at, true
		}
	}
	if len(n.Notes) > 0 {
		look(n.Notes[0].At)
	}
	for _, m := range n.Meters {
		for i := range m.Wait {
			look(m.Wait[i].At)
		}
	}
	return first, ok
}

// settleNotes tells what in n has waited since then as what server s tells in its
// life l, nil if that is not known.
func (c *Collector) settleNotes(n *notebook, s *Server, l *life, since instant) {
	done := 0
	for i := range n.Notes {
		if n.Notes[i].At > since {
			break
		}
		c.size -= n.Notes[i].weight()
		c.tellNote(s, l, &n.Notes[i])
		done++
	}
	n.Notes = slices.Delete(n.Notes, 0, done)
	for _, of := range []string{metric.OfHTTP, metric.OfOSS, metric.OfThrottle} {
		m := n.Meters[of]
		if m == nil {
			continue
		}
		for k := m.ripe(since); k > 0; k-- {
			c.size -= reportWeight
			r, more := m.next()
			c.tellReport(s, of, &r, more)
		}
	}
}

func (c *Collector) tellNote(s *Server, l *life, n *note) {
	for _, sample := range n.Samples {
		sample.Site, sample.Server = s.Site, s.Name
		c.out.Sample(sample)
	}
	if e := n.Event; e != nil {
		e.SID, e.Server, e.Address = s.SID, s.Name, s.Address
		if l != nil {
			e.Stod = l.Stod
			if e.Provider == transfer.PFC {
				l.tally(tally{Until: e.At[1], Cache: e.Bytes})
			}
		}
		e.ID = fmt.Sprintf("%d.%d.%s.%s", e.SID, e.Stod, e.Provider, e.ID)
		c.out.Event(*e)
	}
}

// wakeNotes has the notes of l looked at when the first of them is ripe.
func (c *Collector) wakeNotes(l *life) {
	if first, ok := l.Book.first(); ok && !l.noting {
		l.noting = true
		c.queue.push(first.Add(c.cfg.Hold), l, dueNotes, 0)
	}
}

// settleLifeNotes tells the notes of l that are ripe. Those of a life without a sid
// wait until it has one.
func (c *Collector) settleLifeNotes(now instant, l *life) {
	l.noting = false
	if l.SID == 0 {
		l.noting = true
		c.queue.push(now.Add(c.cfg.Hold), l, dueNotes, 0)
		return
	}
	c.settleNotes(&l.Book, &l.server.Server, l, now.Add(-c.cfg.Hold))
	c.wakeNotes(l)
}
