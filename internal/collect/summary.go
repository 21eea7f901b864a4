package collect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tallystick/internal/metric"
	"tallystick/internal/xrootd"
)

// A caller is who sends a summary: the sid is not in it, so that a server is known
// there by its name and by where it sends from.
type caller struct {
	IP  string
	Src string // host:port
}

func (k caller) compare(l caller) int {
	return cmp.Or(cmp.Compare(k.IP, l.IP), cmp.Compare(k.Src, l.Src))
}

// A source is a caller and what it reported. It needs no ident: all that the tree
// needs is in the summary.
type source struct {
	caller

	Site    string
	Version string
	Program string
	Heard   instant
	meter
}

// sources are the callers of summaries.
type sources map[caller]*source

func (ss sources) sorted() []*source {
	return slices.SortedFunc(maps.Values(ss), func(a, b *source) int { return a.compare(b.caller) })
}

// sourceWeight is what a source counts against Config.Max, besides the reports that
// wait: most is the newest value of each counter.
const sourceWeight = 8

// takeSummary takes the summary at hand.
func (c *Collector) takeSummary(now instant, remote string) error {
	g := &c.gram.Summary
	if g.Source == "" || g.Sent == 0 { // what a server without memory for it sends
		return nil
	}
	if g.Sent > now.Unix()+maxAhead || g.Started > g.Sent { // all that come later would look late
		return &xrootd.Error{Reason: xrootd.ReasonTime, Detail: fmt.Sprintf("a summary of %d of a server started at %d", g.Sent, g.Started)}
	}
	s := c.source(now, remote)
	if s == nil || len(s.Wait) == maxReports || c.size+reportWeight > c.cfg.Max {
		c.stats.Full++
		return ErrFull
	}
	added, late := s.add(report{now, c.came.Unix(), g.Started, g.Sent, c.fields.values(metric.OfSummary, g.Counters)})
	if added {
		c.size += reportWeight
		s.Heard, s.Site, s.Version = now, strings.Clone(g.Site), strings.Clone(g.Version)
		s.Program = strings.Clone(g.Program)
	}
	if late {
		c.stats.Late++
	}
	return nil
}

// source returns the source of the summary at hand, a new one if need be. One that
// was silent for too long begins anew.
func (c *Collector) source(now instant, remote string) *source {
	k := caller{hostOf(remote), c.gram.Summary.Source}
	s := c.sources[k]
	if s != nil && past(now, s.Heard, c.cfg.Idle) {
		c.dropSource(s)
		s = nil
	}
	if s == nil && c.size+sourceWeight+weigh(len(k.Src)) <= c.cfg.Max {
		s = &source{caller: caller{strings.Clone(k.IP), strings.Clone(k.Src)}, Heard: now}
		c.sources[s.caller] = s
		c.size += s.weight()
	}
	return s
}

func (s *source) weight() int {
	return sourceWeight + weigh(len(s.Src)) + reportWeight*len(s.Wait)
}

func (c *Collector) dropSource(s *source) {
	delete(c.sources, s.caller)
	c.size -= s.weight()
}

// settleSummaries tells the reports that have waited for twice Config.Hold: what the
// f stream told before them is told then too, however it came. Silent sources are
// forgotten.
func (c *Collector) settleSummaries(now instant) {
	since := now.Add(-2 * c.cfg.Hold)
	var ready []*source
	for _, s := range c.sources {
		switch {
		case len(s.Wait) > 0 && s.ripe(since) > 0:
			ready = append(ready, s)
		case len(s.Wait) == 0 && past(now, s.Heard, c.cfg.Idle):
			c.dropSource(s)
		}
	}
	slices.SortFunc(ready, func(a, b *source) int { return a.compare(b.caller) })
	for _, s := range ready {
		for n := s.ripe(since); n > 0; n-- {
			c.settleReport(now, s)
		}
	}
}

func (c *Collector) settleReport(now instant, s *source) {
	c.size -= reportWeight
	lastTos, since := s.Tos, s.Sent
	r, more := s.next()
	l := c.lifeOfReport(s.caller, r.Tos)
	if l != nil {
		l.Saw.Summaries++
		l.Saw.Heard = max(l.Saw.Heard, r.Came) // it was there, whatever else came of it
		c.changed(now, l)
	}
	is := c.serverOfReport(s, l)
	c.tellReport(&is, metric.OfSummary, &r, more)
	if lastTos != r.Tos {
		since = r.Tos
	}
	_, ok := r.Values["xrd_link_out"] // not in a part of a report
	if ok && s.Program != cmsd {      // which talks a lot, and moves no files
		c.balance(&is, l, since, &r, more)
	}
}

// cmsd is the program that manages a cluster.
const cmsd = "cmsd"

const (
	// A server's monitoring starts after the server has, once all plug-ins are loaded.
	maxStartup = 600
	// The clock may be read in another second.
	maxStartAhead = 1
)

// lifeOfReport returns the life that a report is of: of all servers with that name
// at that address the life that started next after tos, nil if there is none.
func (c *Collector) lifeOfReport(k caller, tos int64) (l *life) {
	for _, s := range c.callers[k] {
		for _, o := range s.order {
			after := o.Stod - tos
			if after < -maxStartAhead || after > maxStartup {
				continue
			}
			if l == nil || cmp.Or(cmp.Compare(o.Stod, l.Stod), cmp.Compare(o.SID, l.SID)) < 0 {
				l = o
			}
		}
	}
	return l
}

// serverOfReport returns the server that a report of s is of: that of the life, if
// it is known, else as the summary itself names it.
func (c *Collector) serverOfReport(s *source, l *life) Server {
	if l != nil {
		return l.server.Server
	}
	is := Server{Site: s.Site, Name: s.Src, Address: joinHost(s.IP), Version: s.Version}
	if i := strings.LastIndexByte(s.Src, ':'); i >= 0 {
		is.Address = joinHost(s.IP) + s.Src[i:]
	}
	c.overrule(&server{IPs: []string{s.IP}}, &is)
	is.Site = cmp.Or(is.Site, Unknown)
	return is
}

// listen notes under which names summaries of s come.
func (c *Collector) listen(s *server) {
	c.unlisten(s)
	if s.Ident.Port == 0 {
		return
	}
	for _, ip := range s.IPs {
		k := caller{ip, s.Host + ":" + strconv.Itoa(s.Ident.Port)}
		s.calls = append(s.calls, k)
		c.callers[k] = append(c.callers[k], s)
	}
}

func (c *Collector) unlisten(s *server) {
	for _, k := range s.calls {
		left := slices.DeleteFunc(c.callers[k], func(o *server) bool { return o == s })
		if c.callers[k] = left; len(left) == 0 {
			delete(c.callers, k)
		}
	}
	s.calls = nil
}

func (c *Collector) restoreSource(s *source) {
	c.sources[s.caller] = s
	c.size += s.weight()
}
