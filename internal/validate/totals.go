package validate

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"tallystick/internal/transfer"
)

// Totals counts verdicts and bytes.
type Totals struct {
	Claims    int                    `json:"claims"`
	Transfers int                    `json:"transfers"` // each once, also where several ambiguous claims name it
	Verdicts  map[transfer.Kind]int  `json:"verdicts"`  // every kind is there, with 0 if none
	Causes    map[transfer.Cause]int `json:"causes"`    // every cause is there, with 0 if none
	Claimed   transfer.Bytes         `json:"claimed"`   // of the claims that can tell
	Monitored transfer.Bytes         `json:"monitored"` // of all transfers in the report
	Joined    transfer.Bytes         `json:"joined"`    // of these, of those that belong to a claim that can tell

	// Ratio is Joined by Claimed, all kinds together: 1 where the monitoring has all
	// that clients moved. It is nil where they moved nothing.
	Ratio *float64 `json:"ratio,omitempty"`
	// Lost is the share of claims that packets-lost explains: an estimate of how much of
	// the monitoring is lost. It is nil without claims.
	Lost *float64 `json:"lost,omitempty"`
}

// A Group is the totals of one server, or of one of something else. A verdict counts
// in the group of its first transfer's server, if it has one, else of the server that
// the claim names; and in that of the claim's client, if it says one, else of the
// transfer's. A name that nobody told is empty.
type Group struct {
	Name string `json:"name"`
	Totals
}

// A LossTotal is what was lost of one server.
type LossTotal struct {
	Server string            `json:"server"`
	Of     transfer.LossOf   `json:"of"`
	Count  int64             `json:"count"` // at least
	Sent   transfer.Interval `json:"sent"`
}

// Kinds returns all kinds of verdict, in the order of a table.
func Kinds() []transfer.Kind {
	return []transfer.Kind{
		transfer.Match, transfer.Differ, transfer.Missing, transfer.Extra, transfer.Fail, transfer.Ambiguous,
	}
}

// Causes returns all causes, in the order of a table.
func Causes() []transfer.Cause {
	return []transfer.Cause{
		transfer.CauseExact, transfer.PastEnd, transfer.Checksums, transfer.KilledClient, transfer.AsyncCacheRead,
		transfer.HTTPPut, transfer.ServerStopped, transfer.PacketsLost, transfer.NoCloseByConfig, transfer.ClientFailed,
		transfer.Partial, transfer.NotMonitored, transfer.CauseUnexplained, transfer.StillOpen,
	}
}

// groups are the groups of one sort, by name.
type groups map[string]*Totals

func (g groups) of(name string) *Totals {
	t := g[name]
	if t == nil {
		t = newTotals()
		g[name] = t
	}
	return t
}

func (g groups) sorted() []Group {
	out := make([]Group, 0, len(g))
	for _, name := range slices.Sorted(maps.Keys(g)) {
		out = append(out, Group{Name: name, Totals: *g[name].finish()})
	}
	return out
}

func newTotals() *Totals {
	t := &Totals{Verdicts: make(map[transfer.Kind]int), Causes: make(map[transfer.Cause]int)}
	for _, k := range Kinds() {
		t.Verdicts[k] = 0
	}
	for _, c := range Causes() {
		t.Causes[c] = 0
	}
	return t
}

// verdict counts v, its transfers aside.
func (t *Totals) verdict(v *transfer.Verdict) {
	t.Verdicts[v.Kind]++
	t.Causes[v.Cause]++
	if v.Claim != nil {
		t.Claims++
		if v.Cause == transfer.PacketsLost {
			t.lost(1)
		}
	}
	if v.Claimed != nil {
		t.Claimed = t.Claimed.Plus(*v.Claimed)
	}
}

func (t *Totals) lost(n float64) {
	if t.Lost == nil {
		t.Lost = new(float64)
	}
	*t.Lost += n
}

// transfer counts x, which belongs to a claim that can tell its bytes if joined.
func (t *Totals) transfer(x *transfer.Transfer, joined bool) {
	t.Transfers++
	t.Monitored = t.Monitored.Plus(x.Bytes)
	if joined {
		t.Joined = t.Joined.Plus(x.Bytes)
	}
}

// finish fills in what is computed of the counts.
func (t *Totals) finish() *Totals {
	if claimed := t.Claimed.Total(); claimed > 0 {
		r := float64(t.Joined.Total()) / float64(claimed)
		t.Ratio = &r
	}
	if t.Claims > 0 {
		t.lost(0)
		*t.Lost /= float64(t.Claims)
	}
	return t
}

// count adds up rows into totals and groups.
func (r *Report) count(rows []row, depth int) {
	counted := make(map[*transfer.Transfer]bool)
	all := newTotals()
	runs, sites, servers, clients, paths := groups{}, groups{}, groups{}, groups{}, groups{}
	for i := range rows {
		x := &rows[i]
		into := []*Totals{
			all, runs.of(x.run()), sites.of(x.site), servers.of(x.server), clients.of(x.client), paths.of(prefix(x.path(), depth)),
		}
		for _, t := range into {
			t.verdict(&x.Verdict)
		}
		for _, m := range x.Transfers {
			if counted[m] {
				continue
			}
			counted[m] = true
			for _, t := range into {
				t.transfer(m, x.Claimed != nil)
			}
		}
	}
	r.Totals = *all.finish()
	r.Runs, r.Sites, r.Servers, r.Clients, r.Paths = runs.sorted(), sites.sorted(), servers.sorted(), clients.sorted(), paths.sorted()
}

func (x *row) run() string {
	if x.Claim != nil {
		return x.Claim.Run
	}
	return ""
}

func (x *row) path() string {
	if x.Claim != nil {
		return transfer.CleanPath(x.Claim.Path)
	}
	return x.Transfers[0].Path
}

// prefix returns the first folders of a path, at most depth of them.
func prefix(path string, depth int) string {
	parts := strings.Split(path, "/")
	if path == "" || len(parts) < 2 {
		return path
	}
	n := min(1+depth, len(parts)-1) // the last is the file's name
	return strings.Join(parts[:n], "/") + "/"
}

// lossTotals adds up the losses of each server and kind, of those servers that the
// report is about.
func lossTotals(losses []transfer.Loss, s *selection) []LossTotal {
	type of struct {
		server string
		of     transfer.LossOf
	}
	sum := make(map[of]*LossTotal)
	for _, n := range losses {
		if !s.loss(&n) {
			continue
		}
		k := of{n.Server, n.Of}
		t := sum[k]
		if t == nil {
			t = &LossTotal{Server: n.Server, Of: n.Of, Sent: n.Sent}
			sum[k] = t
		}
		t.Count += n.Count
		t.Sent = transfer.Interval{min(t.Sent[0], n.Sent[0]), max(t.Sent[1], n.Sent[1])}
	}
	out := make([]LossTotal, 0, len(sum))
	for _, t := range sum {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b LossTotal) int { return cmp.Or(cmp.Compare(a.Server, b.Server), cmp.Compare(a.Of, b.Of)) })
	return out
}
