package collect

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"tallystick/internal/metric"
	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// A target is where clients were sent, in one second. It has no port: the one in
// the record is the sender's own (XROOTD.md 1.5).
type target struct {
	host  string // empty: to another path of the same server
	local bool
	at    int64
}

func (t target) compare(u target) int {
	return cmp.Or(cmp.Compare(t.at, u.at), cmp.Compare(t.host, u.host))
}

// takeRedirects counts the redirections in the r datagram at hand.
func (c *Collector) takeRedirects(now instant, l *life) error {
	counts := map[target]int{}
	at := c.came.Unix()
	for i := range c.gram.Redirect.Entries {
		e := &c.gram.Redirect.Entries[i]
		if e.Window {
			at = e.Time
			continue
		}
		counts[targetOf(e, at)]++
	}
	n := note{At: now}
	for _, t := range slices.SortedFunc(maps.Keys(counts), target.compare) {
		s := Sample{At: AtTarget, Client: t.host, Metric: metric.XrdRedirects, Time: t.at, Value: float64(counts[t])}
		if t.local {
			s.At, s.Metric = AtServer, metric.XrdLocalRedirects
		}
		n.Samples = append(n.Samples, s)
	}
	if len(n.Samples) == 0 {
		return nil
	}
	return c.note(&l.Book, n)
}

func targetOf(e *xrootd.RedirectEntry, at int64) target {
	if e.Local {
		return target{local: true, at: at}
	}
	host := strings.ToValidUTF8(string(e.Host), "_")
	return target{host: transfer.CleanHost(host), at: at}
}
