package collect

import (
	"cmp"
	"slices"

	"tallystick/internal/metric"
)

// A meter makes differences out of counters that a server reports again and again.
// Reports are put in order before they are compared, and parts of one report (a
// server may send it in several datagrams) are laid together.
type meter struct {
	Wait []report           `json:",omitempty"` // not told yet, in order
	Tos  int64              // of the newest that is told
	Sent int64              // of the same
	Last map[string]float64 `json:",omitempty"` // the newest value of each counter, by metric
}

// A report is what a server says of itself at one time.
type report struct {
	At     instant // since when it waits
	Came   int64   `json:",omitempty"` // when it arrived, Unix seconds; 0: at At
	Tos    int64   // start of the server
	Sent   int64
	Values map[string]float64 // by metric
}

func (r *report) compare(q *report) int {
	return cmp.Or(cmp.Compare(r.Tos, q.Tos), cmp.Compare(r.Sent, q.Sent))
}

const (
	// maxReports is how many reports of one meter wait at a time: one a minute for two
	// days, which may come out of a queue at once.
	maxReports = 2880
	// reportWeight is what the values of one report count against Config.Max.
	reportWeight = 8
)

// add has r wait for its turn. It reports whether r is new; late tells that newer
// ones have been told.
func (m *meter) add(r report) (added, late bool) {
	if told := (report{Tos: m.Tos, Sent: m.Sent}); r.compare(&told) <= 0 {
		return false, r.Tos != m.Tos || r.Sent != m.Sent
	}
	i, known := slices.BinarySearchFunc(m.Wait, &r, func(a report, b *report) int { return a.compare(b) })
	if !known {
		m.Wait = slices.Insert(m.Wait, i, r)
		return true, false
	}
	for name, v := range r.Values { // another part of it, the same again, or the next in one second
		if has, ok := m.Wait[i].Values[name]; !ok || v > has {
			m.Wait[i].Values[name] = v
		}
	}
	return false, false
}

// ripe returns how many reports are ready: all up to the newest that has waited
// since then, since one that arrived later and is older belongs before it.
func (m *meter) ripe(since instant) (n int) {
	for i := range m.Wait {
		if m.Wait[i].At <= since {
			n = i + 1
		}
	}
	return n
}

// early is how many seconds after its start a server is so young that all it has
// counted is taken to be new. Servers report every ten minutes if nothing else is
// configured.
const early = 900

// next takes the first report that waits, and returns how much more each counter is
// than the last time. A counter without a last time, or that is less, begins anew.
func (m *meter) next() (r report, more map[string]float64) {
	r = m.Wait[0]
	m.Wait = slices.Delete(m.Wait, 0, 1)
	if r.Tos != m.Tos || m.Last == nil {
		m.Last = map[string]float64{}
	}
	m.Tos, m.Sent = r.Tos, r.Sent
	more = map[string]float64{}
	for name, v := range r.Values {
		last, known := m.Last[name]
		if known && v >= last || !known && r.Sent-r.Tos <= early {
			more[name] = v - last
		}
		m.Last[name] = v
	}
	return r, more
}

// fields are the metric.Fields by what they are of and their path.
type fields struct {
	all    []metric.Field
	byPath map[string]map[string]metric.Field
}

func newFields() fields {
	f := fields{metric.Fields(), map[string]map[string]metric.Field{}}
	for _, field := range f.all {
		if f.byPath[field.Of] == nil {
			f.byPath[field.Of] = map[string]metric.Field{}
		}
		f.byPath[field.Of][field.Path] = field
	}
	return f
}

// values returns those of the counters that are kept, by their metric.
func (f *fields) values(of string, counters map[string]float64) map[string]float64 {
	out := map[string]float64{}
	for _, field := range f.all { // in this order, so that sums are the same
		if field.Of != of {
			continue
		}
		if v, ok := counters[field.Path]; ok {
			out[field.Name] += v / field.Parts
		}
	}
	return out
}

// tellReport tells r and how much more it counts as samples of a server. What is
// zero and always was tells nothing.
func (c *Collector) tellReport(s *Server, of string, r *report, more map[string]float64) {
	name := ""
	for _, f := range c.fields.all {
		if f.Of != of || f.Name == name {
			continue
		}
		name = f.Name
		v, ok := more[name]
		if f.Now {
			v, ok = r.Values[name]
		}
		if ok && r.Values[name] != 0 {
			c.out.Sample(Sample{Site: s.Site, Server: s.Name, At: AtServer, Metric: name, Time: r.Sent, Value: v})
		}
	}
}
