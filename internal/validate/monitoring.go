package validate

import (
	"cmp"
	"slices"

	"tallystick/internal/advice"
	"tallystick/internal/reconcile"
	"tallystick/internal/transfer"
)

// A Monitoring is what the monitoring of a server is worth by itself, whatever clients
// claim: of the newest life that is known of it.
type Monitoring struct {
	Server string        `json:"server"`
	SID    uint64        `json:"sid"`
	Stod   int64         `json:"stod"`
	Links  *Links        `json:"links,omitempty"` // nil if no summaries came
	Advice []advice.Item `json:"advice"`          // what its configuration should have, the worst first
}

// Links are what went over the links of a server, as its summary counts it, beside what
// was told of files.
type Links struct {
	Between transfer.Interval `json:"between"` // the first and the last summary
	Read    reconcile.Side    `json:"read"`
	Write   reconcile.Side    `json:"write"`
}

// monitoring returns the Monitoring of the servers that have a group in r, by name.
func (w *watch) monitoring(r *Report, cfg reconcile.Config) []Monitoring {
	if cfg == (reconcile.Config{}) {
		cfg = reconcile.Default()
	}
	newest := make(map[string]*transfer.Life)
	for _, l := range w.lives {
		if had := newest[l.Server]; had == nil || had.Stod <= l.Stod {
			newest[l.Server] = l
		}
	}
	out := []Monitoring{}
	for _, g := range r.Servers {
		if l := newest[g.Name]; l != nil {
			out = append(out, w.monitored(l, cfg))
		}
	}
	slices.SortFunc(out, func(a, b Monitoring) int { return cmp.Compare(a.Server, b.Server) })
	return out
}

func (w *watch) monitored(l *transfer.Life, cfg reconcile.Config) Monitoring {
	m := Monitoring{Server: l.Server, SID: l.SID, Stod: l.Stod, Advice: []advice.Item{}}
	var over advice.Link
	if b, ok := w.balances[l.ID()]; ok {
		x := cfg.Check(b)
		m.Links = &Links{Between: b.Between, Read: x.Read, Write: x.Write}
		over = advice.Link{Ratio: x.Read.Ratio, Cause: x.Read.Cause}
	}
	m.Advice = append(m.Advice, advice.Default().Of(l, over)...)
	return m
}
